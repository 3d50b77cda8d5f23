// Package fakeslack is as much of Slack as the tests of slack-ingest need: the Web API's
// reading methods, Socket Mode with acknowledgements, and a history. It keeps what was
// posted and pushes nothing by itself, so that a test decides what a connection delivers.
package fakeslack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Tokens that it takes.
const (
	BotToken = "xoxb-fake"
	AppToken = "xapp-fake"
	Team     = "T1"
	OwnUser  = "U0"
	OwnBot   = "B0"
)

// Message is one message as JSON.
type Message map[string]any

// Slack is the fake. Its methods may be called concurrently.
type Slack struct {
	URL string

	mu       sync.Mutex
	channels []map[string]any
	messages map[string][]Message // by channel id
	calls    map[string]int
	limited  map[string]int // method -> how many calls to refuse with 429
	refused  string         // error for every call
	conns    []*websocket.Conn
	acked    map[string]bool
	joined   []string
	seq      int
}

// New starts a fake with the channel C1 #feedback, which the app is in; it stops with the test.
func New(t testing.TB) *Slack {
	f := &Slack{messages: map[string][]Message{}, calls: map[string]int{}, limited: map[string]int{}, acked: map[string]bool{}}
	f.AddChannel("C1", "feedback", true)
	srv := httptest.NewServer(http.HandlerFunc(f.serve))
	f.URL = srv.URL
	t.Cleanup(func() { f.Drop(); srv.Close() })
	return f
}

// AddChannel adds a public channel.
func (f *Slack) AddChannel(id, name string, member bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.channels = append(f.channels, map[string]any{"id": id, "name": name, "is_channel": true, "is_member": member})
}

// Rename renames a channel.
func (f *Slack) Rename(id, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.channels {
		if c["id"] == id {
			c["previous_names"], c["name"] = []string{c["name"].(string)}, name
		}
	}
}

// Post puts a message by U1 into a channel's history and gives its ts.
func (f *Slack) Post(channel, text string, more ...Message) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	now := time.Now().UnixMicro()
	ts := fmt.Sprintf("%d.%06d", now/1e6, now%1e6/1000*1000+int64(f.seq%1000))
	m := Message{"type": "message", "user": "U1", "text": text, "ts": ts}
	for _, x := range more {
		for k, v := range x {
			m[k] = v
		}
	}
	f.messages[channel] = append(f.messages[channel], m)
	if root := m["thread_ts"]; root != nil {
		for _, r := range f.messages[channel] {
			if r["ts"] == root {
				n, _ := r["reply_count"].(int)
				r["thread_ts"], r["reply_count"], r["latest_reply"] = root, n+1, m["ts"]
			}
		}
	}
	return m["ts"].(string)
}

// Edit changes a message in the history and gives the edit's ts.
func (f *Slack) Edit(channel, ts, text string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := fmt.Sprintf("%d.000000", time.Now().Unix()+1)
	for _, m := range f.messages[channel] {
		if m["ts"] == ts {
			m["text"], m["edited"] = text, Message{"user": "U1", "ts": at}
		}
	}
	return at
}

// Deliver pushes a message of the history over the newest connection and gives the envelope's id.
func (f *Slack) Deliver(channel, ts string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.messages[channel] {
		if m["ts"] == ts {
			e := Message{"channel": channel, "channel_type": "channel", "event_ts": ts}
			for k, v := range m {
				e[k] = v
			}
			return f.push(e)
		}
	}
	return ""
}

// Push pushes any event.
func (f *Slack) Push(e Message) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.push(e)
}

func (f *Slack) push(e Message) string {
	f.seq++
	id := "env-" + strconv.Itoa(f.seq)
	f.send(Message{"envelope_id": id, "type": "events_api", "payload": Callback(e, id)})
	return id
}

// Callback is an Events API delivery of an event.
func Callback(e Message, id string) Message {
	return Message{"type": "event_callback", "team_id": Team, "event_id": "Ev" + id, "event": e}
}

// Raw sends a text as it is.
func (f *Slack) Raw(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send(json.RawMessage(s))
}

func (f *Slack) send(v any) {
	if len(f.conns) > 0 {
		_ = f.conns[len(f.conns)-1].WriteJSON(v)
	}
}

// Acked tells whether an envelope was acknowledged.
func (f *Slack) Acked(envelope string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked[envelope]
}

// Connections is how many connections are open.
func (f *Slack) Connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

// Calls is how often a method was called.
func (f *Slack) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// Joined are the channels that were joined.
func (f *Slack) Joined() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.joined)
}

// Drop breaks all connections.
func (f *Slack) Drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

// Limit refuses the next n calls of a method with 429 and Retry-After of a second.
func (f *Slack) Limit(method string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limited[method] = n
}

// Refuse answers every call with an error; empty ends it.
func (f *Slack) Refuse(code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = code
}

func (f *Slack) serve(w http.ResponseWriter, r *http.Request) {
	method, isAPI := strings.CutPrefix(r.URL.Path, "/api/")
	if !isAPI {
		f.link(w, r)
		return
	}
	_ = r.ParseForm()
	w.Header().Set("Content-Type", "application/json")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	if f.limited[method] > 0 {
		f.limited[method]--
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	answer := f.answer(method, r)
	if f.refused != "" {
		answer = Message{"error": f.refused}
	}
	answer["ok"] = answer["error"] == nil
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *Slack) answer(method string, r *http.Request) Message {
	switch method {
	case "auth.test":
		return Message{"url": "https://acme.slack.com/", "team_id": Team, "user_id": OwnUser, "bot_id": OwnBot}
	case "apps.connections.open":
		if r.Header.Get("Authorization") != "Bearer "+AppToken {
			return Message{"error": "invalid_auth"}
		}
		return Message{"url": "ws" + strings.TrimPrefix(f.URL, "http") + "/link"}
	case "conversations.list":
		return Message{"channels": f.channels}
	case "conversations.info", "conversations.join":
		i := slices.IndexFunc(f.channels, func(c map[string]any) bool { return c["id"] == r.Form.Get("channel") })
		if i < 0 {
			return Message{"error": "channel_not_found"}
		}
		if method == "conversations.join" {
			f.joined = append(f.joined, r.Form.Get("channel"))
			f.channels[i]["is_member"] = true
		}
		return Message{"channel": f.channels[i]}
	case "users.info":
		id := r.Form.Get("user")
		return Message{"user": Message{"id": id, "name": strings.ToLower(id), "profile": Message{"display_name": "Person " + id}}}
	case "conversations.history":
		return f.history(r)
	case "conversations.replies":
		return f.replies(r)
	}
	return Message{"error": "unknown_method"}
}

func (f *Slack) history(r *http.Request) Message {
	var page []Message
	for _, m := range f.messages[r.Form.Get("channel")] {
		ts := m["ts"].(string)
		reply := m["thread_ts"] != nil && m["thread_ts"] != ts && m["subtype"] != "thread_broadcast"
		if reply || ts <= r.Form.Get("oldest") || r.Form.Get("latest") != "" && ts >= r.Form.Get("latest") {
			continue
		}
		page = append(page, m)
	}
	slices.SortFunc(page, func(a, b Message) int { return cmp.Compare(b["ts"].(string), a["ts"].(string)) })
	limit, _ := strconv.Atoi(r.Form.Get("limit"))
	more := len(page) > limit
	return Message{"messages": page[:min(len(page), limit)], "has_more": more}
}

func (f *Slack) replies(r *http.Request) Message {
	var page []Message
	root := r.Form.Get("ts")
	for _, m := range f.messages[r.Form.Get("channel")] {
		ts := m["ts"].(string)
		if ts == root || m["thread_ts"] == root && ts > r.Form.Get("oldest") {
			page = append(page, m)
		}
	}
	if len(page) == 0 {
		return Message{"error": "thread_not_found"}
	}
	return Message{"messages": page, "has_more": false}
}

func (f *Slack) link(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	f.mu.Lock()
	_ = c.WriteJSON(Message{"type": "hello", "num_connections": 1})
	f.conns = append(f.conns, c)
	f.mu.Unlock()
	for {
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if err := c.ReadJSON(&ack); err != nil {
			f.mu.Lock()
			f.conns = slices.DeleteFunc(f.conns, func(o *websocket.Conn) bool { return o == c })
			f.mu.Unlock()
			return
		}
		f.mu.Lock()
		f.acked[ack.EnvelopeID] = true
		f.mu.Unlock()
	}
}
