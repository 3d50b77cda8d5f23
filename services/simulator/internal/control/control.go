// Package control is the simulator's control surface under /sim/: what was offered, what
// stands in the channels, who says what, and what misbehaves. It is for auditors, tests and
// people; nothing that Slack or X has is served here.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure/standin"
	llmstandin "github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm/standin"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/traffic"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

// Control serves /sim/.
type Control struct {
	Slack   *slack.Workspace
	X       *x.Network
	Azure   *standin.Service
	LLM     *llmstandin.Service
	Traffic *traffic.Traffic
	Faults  *fault.Set
}

// Register adds all routes to mux.
func (c *Control) Register(mux *http.ServeMux) {
	for pattern, serve := range map[string]func(r *http.Request) (any, error){
		"GET /sim/channels":                        c.channels,
		"POST /sim/slack/channels":                 c.setChannel,
		"GET /sim/channels/{name}/messages":        c.messages,
		"POST /sim/slack/tokens":                   c.setTokens,
		"POST /sim/traffic":                        c.setTraffic,
		"GET /sim/faults":                          c.faults,
		"POST /sim/faults":                         c.startFault,
		"POST /sim/slack/messages":                 c.say,
		"PATCH /sim/slack/messages/{channel}/{ts}": c.editMessage,
		"DELETE /sim/slack/messages/{channel}/{ts}": func(r *http.Request) (any, error) {
			return done, c.Slack.Delete(r.PathValue("channel"), r.PathValue("ts"))
		},
		"POST /sim/x/posts":           c.post,
		"POST /sim/x/posts/{id}/edit": c.editPost,
		"DELETE /sim/x/posts/{id}":    func(r *http.Request) (any, error) { return done, c.X.Delete(r.PathValue("id")) },
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := serve(r)
			answer(w, v, err)
		})
	}
	mux.HandleFunc("GET /sim/posts", c.posts)
	mux.HandleFunc("GET /sim/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, c.Status(), nil) })
}

var done = map[string]bool{"ok": true}

// errNotFound is a channel or a post that does not exist.
var errNotFound = errors.New("does not exist")

func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		if slack.NotFound(err) || x.NotFound(err) || errors.Is(err, errNotFound) {
			status = http.StatusNotFound
		}
		v = map[string]any{"ok": false, "error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

// read decodes a request's JSON; unknown fields are an error.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, 4<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read the request's JSON: %w", err)
	}
	return nil
}

// Post is a post that people offered; ids are those of events.
type Post struct {
	Platform    string     `json:"platform"`
	ID          string     `json:"id"`
	Team        string     `json:"team,omitempty"`
	ChannelID   string     `json:"channel_id,omitempty"`
	ChannelName string     `json:"channel_name,omitempty"`
	TS          string     `json:"ts,omitempty"`
	ThreadTS    string     `json:"thread_ts,omitempty"`
	User        string     `json:"user"`
	Bot         bool       `json:"bot"`
	RetweetOf   string     `json:"retweet_of,omitempty"`
	ReplyTo     string     `json:"reply_to,omitempty"`
	QuoteOf     string     `json:"quote_of,omitempty"`
	Lang        string     `json:"lang,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	FinalText   string     `json:"final_text"`
	Deleted     bool       `json:"deleted"`
	Revisions   []Revision `json:"revisions"`
}

// Revision is one state of a post; a deletion is one without text.
type Revision struct {
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
	Deleted bool      `json:"deleted"`
	PostID  string    `json:"post_id"`
}

// offered lists all posts of both platforms by time.
func (c *Control) offered() []Post {
	var out []Post
	for _, s := range c.Slack.Said() {
		prefix := "slack:" + s.TeamID + ":" + s.ChannelID + ":"
		p := Post{Platform: "slack", ID: prefix + s.TS, Team: s.TeamID, ChannelID: s.ChannelID, ChannelName: s.Channel, TS: s.TS, ThreadTS: s.ThreadTS,
			User: s.User, Bot: s.Bot, CreatedAt: s.At, FinalText: s.FinalText, Deleted: s.Deleted}
		if s.ThreadTS != "" {
			p.ReplyTo = prefix + s.ThreadTS
		}
		for _, r := range s.Revisions {
			p.Revisions = append(p.Revisions, Revision(r))
		}
		out = append(out, p)
	}
	for _, s := range c.X.Said() {
		p := Post{Platform: "x", ID: "x:" + s.ID, User: s.Author, Bot: s.Bot, RetweetOf: eventID(s.RetweetOf), ReplyTo: eventID(s.ReplyTo), QuoteOf: eventID(s.QuoteOf),
			Lang: s.Lang, CreatedAt: s.At, FinalText: s.FinalText, Deleted: s.Deleted}
		for _, r := range s.Revisions {
			p.Revisions = append(p.Revisions, Revision(r))
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Post) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out
}

func eventID(post string) string {
	if post == "" {
		return ""
	}
	return "x:" + post
}

// posts is GET /sim/posts: JSON lines.
func (c *Control) posts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, p := range c.offered() {
		if e.Encode(p) != nil {
			return
		}
	}
}

func (c *Control) channels(*http.Request) (any, error) { return c.Slack.Channels(), nil }

func (c *Control) setChannel(r *http.Request) (any, error) {
	var ch slack.ChannelChange
	if err := read(r, &ch); err != nil {
		return nil, err
	}
	id, err := c.Slack.SetChannel(ch)
	return map[string]string{"id": id}, err
}

// setTokens makes bot tokens the ones that are taken; earlier ones are revoked.
func (c *Control) setTokens(r *http.Request) (any, error) {
	var body struct {
		Bot []string `json:"bot"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	return done, c.Slack.SetBotTokens(body.Bot)
}

// messages is what stands in a channel; ?deleted=true adds what was removed.
func (c *Control) messages(r *http.Request) (any, error) {
	list, ok := c.Slack.Standing(r.PathValue("name"), r.URL.Query().Get("deleted") == "true")
	if !ok {
		return nil, fmt.Errorf("channel %q %w", r.PathValue("name"), errNotFound)
	}
	return list, nil
}

// Status is how much was said and whether more is to come.
type Status struct {
	// Sent is how many posts people offered, over all runs.
	Sent    int            `json:"sent"`
	Running bool           `json:"running"`
	Rate    float64        `json:"rate"`
	Posts   map[string]int `json:"posts"`
	Slack   map[string]int `json:"slack"`
	X       map[string]int `json:"x"`
	Azure   map[string]int `json:"azure"`
	LLM     map[string]int `json:"llm"`
	// FaultHits is how often each kind of fault struck in this run.
	FaultHits map[fault.Kind]int `json:"fault_hits"`
}

// Status tells how much was said and whether more is to come.
func (c *Control) Status() Status {
	running, rate := c.Traffic.Status()
	s, n := c.Slack.Counts(), c.X.Counts()
	_, hits := c.Faults.List()
	return Status{Sent: s["people_posts"] + n["posts"], Running: running, Rate: rate, Posts: map[string]int{"slack": s["people_posts"], "x": n["posts"]},
		Slack: s, X: n, Azure: c.Azure.Counts(), LLM: c.LLM.Counts(), FaultHits: hits}
}

func (c *Control) setTraffic(r *http.Request) (any, error) {
	var body struct {
		Running bool    `json:"running"`
		Rate    float64 `json:"rate"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.Rate < 0 || body.Rate > traffic.MaxRate {
		return nil, fmt.Errorf("rate %v: give a number from 0 to %d", body.Rate, traffic.MaxRate)
	}
	c.Traffic.Set(body.Running, body.Rate)
	return c.Status(), nil
}

func (c *Control) faults(*http.Request) (any, error) {
	active, hits := c.Faults.List()
	return map[string]any{"kinds": fault.Kinds(), "active": active, "hits": hits}, nil
}

func (c *Control) startFault(r *http.Request) (any, error) {
	var f fault.Fault
	if err := read(r, &f); err != nil {
		return nil, err
	}
	return done, c.Faults.Start(f)
}

func (c *Control) say(r *http.Request) (any, error) {
	var d slack.Draft
	if err := read(r, &d); err != nil {
		return nil, err
	}
	channel, ts, err := c.Slack.Post(d)
	return map[string]string{"channel": channel, "ts": ts, "id": "slack:" + slack.TeamID + ":" + channel + ":" + ts}, err
}

func (c *Control) editMessage(r *http.Request) (any, error) {
	var body struct {
		Text string `json:"text"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	return done, c.Slack.Edit(r.PathValue("channel"), r.PathValue("ts"), body.Text)
}

func (c *Control) post(r *http.Request) (any, error) {
	var d x.Draft
	if err := read(r, &d); err != nil {
		return nil, err
	}
	id, err := c.X.Post(d)
	return map[string]string{"post_id": id, "id": "x:" + id}, err
}

func (c *Control) editPost(r *http.Request) (any, error) {
	var body struct {
		Text string `json:"text"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	id, err := c.X.Edit(r.PathValue("id"), body.Text)
	return map[string]string{"post_id": id}, err
}
