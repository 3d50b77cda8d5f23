package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

const (
	botToken = "xoxb-test"
	appToken = "xapp-test"
)

// clock is a clock that tests turn by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type world struct {
	*Workspace
	t      *testing.T
	server *httptest.Server
	api    *slack.Client
	faults *fault.Set
	clock  *clock
}

// newWorld serves a workspace with the channels feedback and negative, which the app is in,
// and random, which it is not in.
func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	c := &clock{t: time.Now()}
	o := Options{Channels: []string{"feedback", "negative", "random", "private:secret"}, NotInvited: []string{"random"},
		BotToken: botToken, AppToken: appToken, SigningSecret: "s3cret", Now: c.now, Faults: fault.New(time.Now),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), AckTimeout: 150 * time.Millisecond, PingInterval: 20 * time.Millisecond, NoTiers: true}
	for _, f := range change {
		f(&o)
	}
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", w.Handler())
	mux.HandleFunc("/link/", w.ServeSocket)
	s := httptest.NewServer(mux)
	t.Cleanup(func() { _ = w.Close(); s.Close() })
	api := slack.New(botToken, slack.OptionAPIURL(s.URL+"/api/"), slack.OptionAppLevelToken(appToken))
	return &world{Workspace: w, t: t, server: s, api: api, faults: o.Faults, clock: c}
}

func (w *world) say(d Draft) string {
	w.t.Helper()
	if d.Channel == "" {
		d.Channel = "feedback"
	}
	if d.User == "" {
		d.User = "jonas"
	}
	_, ts, err := w.Post(d)
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

func (w *world) id(name string) string {
	w.t.Helper()
	for _, c := range w.Channels() {
		if c.Name == name {
			return c.ID
		}
	}
	w.t.Fatalf("no channel %s", name)
	return ""
}

func (w *world) start(f fault.Fault) {
	w.t.Helper()
	if err := w.faults.Start(f); err != nil {
		w.t.Fatal(err)
	}
}

// post has the app post, waiting out the limit of one message a second.
func (w *world) post(channel string, opts ...slack.MsgOption) string {
	w.t.Helper()
	w.clock.add(2 * time.Second)
	_, ts, err := w.api.PostMessageContext(context.Background(), channel, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

func (w *world) raw(method, body string) (int, map[string]any, http.Header) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.server.URL+"/api/"+method, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+botToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, out, resp.Header
}

// eventually waits up to 5 s for ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("after a minute still not: %s", what)
		case <-tick.C:
		}
	}
}

// shape reports every field of want that got lacks or has in another type.
func shape(t *testing.T, at string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s = %T, want an object", at, got)
			return
		}
		for k, v := range want {
			if _, ok := g[k]; !ok {
				t.Errorf("%s.%s is missing, want it as in the documentation", at, k)
				continue
			}
			shape(t, at+"."+k, v, g[k])
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) < len(want) {
			t.Errorf("%s = %v, want at least %d elements", at, got, len(want))
			return
		}
		for i := range want {
			shape(t, at+"[]", want[i], g[i])
		}
	case string:
		if _, ok := got.(string); !ok {
			t.Errorf("%s = %T, want a string", at, got)
		}
	case float64:
		if _, ok := got.(float64); !ok {
			t.Errorf("%s = %T, want a number", at, got)
		}
	case bool:
		if _, ok := got.(bool); !ok {
			t.Errorf("%s = %T, want a bool", at, got)
		}
	}
}

func official(t *testing.T, name string) any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
