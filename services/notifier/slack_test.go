package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// standing is a message in the fake workspace.
type standing struct {
	TS       string          `json:"ts"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata struct {
		Type    string         `json:"event_type"`
		Payload map[string]any `json:"event_payload"`
	} `json:"metadata"`
}

// workspace is a Slack of one channel, C1, called told, as far as the notifier uses it. It
// refuses more than one post a second.
type workspace struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	messages []*standing
	last     time.Time
	seq      int
	// lose makes the next n posts be stored and their connections cut.
	lose int
	// revoked makes the token be refused.
	revoked bool
}

func newWorkspace(t *testing.T) *workspace {
	w := &workspace{t: t}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	return w
}

func (w *workspace) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = r.ParseForm()
	if w.revoked {
		reply(rw, map[string]any{"ok": false, "error": "token_revoked"})
		return
	}
	channel := map[string]any{"id": "C1", "name": "told", "is_member": true}
	switch r.URL.Path {
	case "/api/auth.test":
		reply(rw, map[string]any{"ok": true, "team_id": "T1"})
	case "/api/conversations.list":
		reply(rw, map[string]any{"ok": true, "channels": []any{channel}})
	case "/api/conversations.info":
		reply(rw, map[string]any{"ok": true, "channel": channel})
	case "/api/conversations.history":
		w.history(rw, r)
	case "/api/chat.postMessage":
		w.post(rw, r)
	case "/api/chat.update":
		w.update(rw, r)
	case "/api/chat.delete":
		for i, m := range w.messages {
			if m.TS == r.Form.Get("ts") {
				w.messages = append(w.messages[:i:i], w.messages[i+1:]...)
				break
			}
		}
		reply(rw, map[string]any{"ok": true, "channel": "C1", "ts": r.Form.Get("ts")})
	default:
		w.t.Errorf("the notifier called %s", r.URL.Path)
		reply(rw, map[string]any{"ok": false, "error": "unknown_method"})
	}
}

func (w *workspace) post(rw http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if now.Sub(w.last) < 950*time.Millisecond {
		rw.Header().Set("Retry-After", "1")
		rw.WriteHeader(http.StatusTooManyRequests)
		return
	}
	w.last = now
	w.seq++
	m := &standing{TS: fmt.Sprintf("%d.%06d", now.Unix(), w.seq), Text: r.Form.Get("text"), Blocks: json.RawMessage(r.Form.Get("blocks"))}
	if err := json.Unmarshal([]byte(r.Form.Get("metadata")), &m.Metadata); err != nil || r.Form.Get("unfurl_links") != "false" || r.Form.Get("unfurl_media") != "false" {
		w.t.Errorf("post %v has no metadata or unfurls", r.Form)
	}
	w.messages = append(w.messages, m)
	if w.lose > 0 {
		w.lose--
		panic(http.ErrAbortHandler)
	}
	reply(rw, map[string]any{"ok": true, "channel": "C1", "ts": m.TS})
}

func (w *workspace) update(rw http.ResponseWriter, r *http.Request) {
	for _, m := range w.messages {
		if m.TS == r.Form.Get("ts") {
			m.Text, m.Blocks = r.Form.Get("text"), json.RawMessage(r.Form.Get("blocks"))
			reply(rw, map[string]any{"ok": true, "channel": "C1", "ts": m.TS})
			return
		}
	}
	reply(rw, map[string]any{"ok": false, "error": "message_not_found"})
}

// history gives the newest first, between oldest and latest.
func (w *workspace) history(rw http.ResponseWriter, r *http.Request) {
	out := []*standing{}
	for i := len(w.messages) - 1; i >= 0; i-- {
		m := w.messages[i]
		if m.TS >= r.Form.Get("oldest") && m.TS <= r.Form.Get("latest") {
			out = append(out, m)
		}
	}
	reply(rw, map[string]any{"ok": true, "messages": out, "has_more": false})
}

func reply(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(v)
}

// told counts the standing messages by event or digest.
func (w *workspace) told() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for _, m := range w.messages {
		if id, ok := m.Metadata.Payload["event_id"].(string); ok {
			out[id]++
		}
	}
	return out
}

func (w *workspace) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}
