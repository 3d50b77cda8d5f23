package x

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

type bearer string

func (b bearer) Add(r *http.Request) { r.Header.Set("Authorization", "Bearer "+string(b)) }

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
	*Network
	t      *testing.T
	server *httptest.Server
	client *twitter.Client
	faults *fault.Set
	clock  *clock
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	c := &clock{t: time.Now()}
	o := Options{BearerToken: "token", Faults: fault.New(c.now), Now: c.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Keepalive: 20 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	n, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(n.Handler())
	t.Cleanup(func() {
		s.CloseClientConnections()
		_ = n.Close()
		s.Close()
	})
	return &world{Network: n, t: t, server: s, faults: o.Faults, clock: c, client: &twitter.Client{Authorizer: bearer("token"), Client: s.Client(), Host: s.URL}}
}

func (w *world) post(d Draft) string {
	w.t.Helper()
	w.clock.add(time.Millisecond)
	if d.Author == "" {
		d.Author = "maria_dev"
	}
	if d.Lang == "" {
		d.Lang = "en"
	}
	id, err := w.Post(d)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) start(f fault.Fault) {
	w.t.Helper()
	if err := w.faults.Start(f); err != nil {
		w.t.Fatal(err)
	}
}

// raw does a request and returns status, headers and body.
func (w *world) raw(method, path, body string) (int, http.Header, map[string]any) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token")
	resp, err := w.server.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, out
}

func (w *world) ids(q string, parameters ...string) []string {
	w.t.Helper()
	v := url.Values{"query": {q}, "max_results": {"100"}}
	for i := 0; i+1 < len(parameters); i += 2 {
		v.Set(parameters[i], parameters[i+1])
	}
	status, _, body := w.raw(http.MethodGet, "/2/tweets/search/recent?"+v.Encode(), "")
	if status != 200 {
		w.t.Fatalf("search = %d %v", status, body)
	}
	var out []string
	data, _ := body["data"].([]any)
	for _, d := range data {
		out = append(out, d.(map[string]any)["id"].(string))
	}
	return out
}

// shape reports every field of want that got lacks or has in another type.
func shape(t *testing.T, at string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for k, v := range want {
			if _, ok := g[k]; !ok {
				if k != "tweep.fields" {
					t.Errorf("%s.%s is missing, want it as in the documentation", at, k)
				}
				continue
			}
			shape(t, at+"."+k, v, g[k])
		}
	case []any:
		g, _ := got.([]any)
		if len(g) < len(want) {
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
	}
}

func official(t *testing.T, name string) any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
