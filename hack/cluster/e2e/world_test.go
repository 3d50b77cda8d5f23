//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"time"

	"k8s.io/client-go/rest"
)

// world is the simulator in the cluster, reached through the API server at an address of this machine.
type world struct {
	base   string
	client http.Client
}

func (s *scene) openWorld() *world {
	s.Helper()
	target, err := url.Parse(s.config.Host)
	must(s.T, err)
	target.Path = path.Join("/", target.Path, "api/v1/namespaces", s.namespace, "services/http:"+simulator+":8090/proxy")
	transport, err := rest.TransportFor(s.config)
	must(s.T, err)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { // the API server is killed now and then
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	})
	s.Cleanup(server.Close)
	return &world{base: server.URL, client: http.Client{Timeout: 20 * time.Second}}
}

// call sends in as JSON and decodes the answer into out, each unless nil.
func (w *world) call(ctx context.Context, method, at string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, w.base+at, &body)
	if err != nil {
		return err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %.200s", method, at, answer.Status, data)
	case out == nil:
		return nil
	}
	return json.Unmarshal(data, out)
}

// ask calls the simulator until it answers well.
func (s *scene) ask(what, method, at string, in, out any) {
	s.Helper()
	s.until(what, time.Minute, func(ctx context.Context) (string, bool) {
		if err := s.world.call(ctx, method, at, in, out); err != nil {
			return err.Error(), false
		}
		return "", true
	})
}

// talk starts or ends the traffic.
func (s *scene) talk(on bool) {
	s.Helper()
	s.talking = on
	s.ask(fmt.Sprintf("people talk: %v", on), http.MethodPost, "/sim/traffic", map[string]any{"running": on, "rate": rate}, nil)
}

// sent is how many posts people have offered.
func (s *scene) sent() int {
	s.Helper()
	var status struct {
		Sent int `json:"sent"`
	}
	s.quiet(time.Minute, func(ctx context.Context) error {
		return s.world.call(ctx, http.MethodGet, "/sim/status", nil, &status)
	})
	return status.Sent
}

// more waits until people have offered n more posts.
func (s *scene) more(n int) {
	s.Helper()
	first := s.sent()
	s.until(fmt.Sprintf("people say %d posts more", n), 2*time.Minute, func(context.Context) (string, bool) {
		now := s.sent()
		return fmt.Sprintf("%d more", now-first), now >= first+n
	})
}

// say has somebody say it in #feedback and returns the event's id.
func (s *scene) say(text string) string {
	s.Helper()
	var said struct {
		ID string `json:"id"`
	}
	s.ask("somebody says: "+text, http.MethodPost, "/sim/slack/messages", map[string]any{"channel": "feedback", "user": "grace", "text": text}, &said)
	return said.ID
}

// angry is a text that the route negative tells, like no other before.
func (s *scene) angry() string {
	s.said++
	return fmt.Sprintf("The azure upgrade number %d was a terrible, horrible disaster", s.said)
}

// tells has somebody say something bad, and waits until the pipeline has told it.
func (s *scene) tells() {
	s.Helper()
	s.tellsWithin(time.Minute)
}

func (s *scene) tellsWithin(limit time.Duration) {
	s.Helper()
	s.isTold(s.say(s.angry()), "negative", limit)
}

// isTold waits until an event is told on a route: by a card, in a digest, or counted in an equal one.
func (s *scene) isTold(id, route string, limit time.Duration) {
	s.Helper()
	s.until(id+" is told on route "+route, limit, func(context.Context) (string, bool) {
		state := s.told.of(id, route)
		return "its notification: " + state.String(), told(state)
	})
}
