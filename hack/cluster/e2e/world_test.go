//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ask calls the simulator until it answers well.
func (s *scene) ask(what, method, at string, in, out any) {
	s.Helper()
	s.Until(what, time.Minute, func(ctx context.Context) (string, bool) {
		if err := s.world.Call(ctx, method, at, in, out); err != nil {
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
	s.Quiet(time.Minute, func(ctx context.Context) error {
		return s.world.Call(ctx, http.MethodGet, "/sim/status", nil, &status)
	})
	return status.Sent
}

// more waits until people have offered n more posts.
func (s *scene) more(n int) {
	s.Helper()
	first := s.sent()
	s.Until(fmt.Sprintf("people say %d posts more", n), 2*time.Minute, func(context.Context) (string, bool) {
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
	s.Until(id+" is told on route "+route, limit, func(context.Context) (string, bool) {
		state := s.told.of(id, route)
		return "its notification: " + state.String(), told(state)
	})
}
