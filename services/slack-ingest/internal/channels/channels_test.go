package channels

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slack-go/slack"
)

// workspace is channels as Slack knows them, and what a Set did and said.
type workspace struct {
	mu       sync.Mutex // of channels, while a Set runs
	channels []slack.Channel
	joined   []string
	problems []string
	all      bool
	found    int
}

func (w *workspace) add(id, name string, member, private bool) {
	ch := slack.Channel{IsMember: member}
	ch.ID, ch.Name, ch.IsPrivate = id, name, private
	w.channels = append(w.channels, ch)
}

func (w *workspace) set(join bool, wanted ...string) *Set {
	o := Options{
		Wanted: wanted,
		Lookup: func(_ context.Context, nameOrID string) (slack.Channel, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, ch := range w.channels {
				if ch.ID == nameOrID || ch.Name == strings.TrimPrefix(nameOrID, "#") {
					return ch, nil
				}
			}
			return slack.Channel{}, slack.SlackErrorResponse{Err: "channel_not_found"}
		},
		Forget: func(string) {},
		Former: func(_ context.Context, name string) (*slack.Channel, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for i := range w.channels {
				if slices.Contains(w.channels[i].PreviousNames, name) {
					return &w.channels[i], nil
				}
			}
			return nil, nil
		},
		Report: func(problems []string, all bool) { w.problems, w.all = problems, all },
		Found:  func() { w.found++ },
	}
	if join {
		o.Join = func(_ context.Context, id string) error {
			if id == "C9" {
				return slack.SlackErrorResponse{Err: "missing_scope", Needed: "channels:join"}
			}
			w.joined = append(w.joined, id)
			return nil
		}
	}
	return New(o)
}

func TestLook(t *testing.T) {
	for name, c := range map[string]struct {
		wanted  []string
		join    bool
		ids     string
		joined  string
		problem string // in the report
		all     bool
	}{
		"by name":              {wanted: []string{"feedback"}, ids: "C1"},
		"by name with #":       {wanted: []string{"#feedback"}, ids: "C1"},
		"by id":                {wanted: []string{"C1"}, ids: "C1"},
		"twice":                {wanted: []string{"C1", "feedback"}, ids: "C1"},
		"joins a public one":   {wanted: []string{"support"}, join: true, ids: "C2", joined: "C2"},
		"joins only if it may": {wanted: []string{"support"}, ids: "C2", problem: "#support: the app is not in it: invite it with /invite"},
		"never a private one":  {wanted: []string{"secret"}, join: true, ids: "C3", problem: "#secret: the app is not in it: invite it with /invite"},
		"may not join":         {wanted: []string{"hard"}, join: true, ids: "C9", problem: "channels:join"},
		"renamed":              {wanted: []string{"old-name"}, ids: "C4", problem: "#old-name: it is called #new-name now"},
		"missing beside good":  {wanted: []string{"feedback", "nowhere"}, ids: "C1", problem: "#nowhere: there is no such channel"},
		"missing alone":        {wanted: []string{"nowhere"}, problem: "#nowhere: there is no such channel", all: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &workspace{}
			w.add("C1", "feedback", true, false)
			w.add("C2", "support", false, false)
			w.add("C3", "secret", false, true)
			w.add("C4", "new-name", true, false)
			w.add("C9", "hard", false, false)
			w.channels[3].PreviousNames = []string{"old-name"}
			s := w.set(c.join, c.wanted...)
			s.Look(t.Context())
			if got := strings.Join(s.IDs(), ","); got != c.ids {
				t.Errorf("followed %q, want %q", got, c.ids)
			}
			if got := strings.Join(w.joined, ","); got != c.joined {
				t.Errorf("joined %q, want %q", got, c.joined)
			}
			if got := strings.Join(w.problems, "; "); !strings.Contains(got, c.problem) || (c.problem == "") != (got == "") || w.all != c.all {
				t.Errorf("problems %q, all %t, want %q, %t", got, w.all, c.problem, c.all)
			}
		})
	}
}

func TestFollowsARenamedChannel(t *testing.T) {
	w := &workspace{}
	w.add("C1", "feedback", true, false)
	s := w.set(false, "feedback")
	s.Look(t.Context())
	w.channels[0].Name = "voices"
	s.Look(t.Context())
	if name, ok := s.Name("C1"); name != "voices" || !ok {
		t.Errorf("C1 = %q, %t, want voices, true", name, ok)
	}
	if got := strings.Join(w.problems, ""); !strings.Contains(got, "it is called #voices now") || w.all {
		t.Errorf("problems %q, all %t, want the new name, false", got, w.all)
	}
	if got, want := w.found, 1; got != want {
		t.Errorf("told %d times that a channel was found, want %d", got, want)
	}
}

func TestReadable(t *testing.T) {
	w := &workspace{}
	w.add("C1", "feedback", true, false)
	s := w.set(false, "feedback")
	s.Look(t.Context())
	s.Readable("C1", slack.SlackErrorResponse{Err: "missing_scope", Needed: "channels:history"})
	if got := strings.Join(w.problems, ""); !strings.Contains(got, "channels:history") || !w.all {
		t.Errorf("problems %q, all %t, want the scope, true", got, w.all)
	}
	s.Readable("C1", nil)
	if len(w.problems) > 0 || w.all {
		t.Errorf("problems %q, all %t, want none, false", w.problems, w.all)
	}
}

// TestLookAsksForAllNamesAtOnce: Slack lists channels 20 times a minute, so that a list for each name would never come
// to the last ones of a source with more.
func TestLookAsksForAllNamesAtOnce(t *testing.T) {
	listed := 0
	known := map[string]bool{}
	var wanted []string
	for i := range 32 {
		wanted = append(wanted, fmt.Sprintf("channel-%d", i))
	}
	s := New(Options{
		Wanted: wanted,
		Lookup: func(_ context.Context, name string) (slack.Channel, error) {
			if !known[name] {
				listed++
				for _, w := range wanted {
					known[w] = true
				}
			}
			ch := slack.Channel{IsMember: true}
			ch.ID, ch.Name = "C-"+name, name
			return ch, nil
		},
		Forget: func(name string) { delete(known, name) },
		Report: func([]string, bool) {}, Found: func() {},
	})
	for look := range 2 {
		s.Look(t.Context())
		if got, want := listed, look+1; got != want {
			t.Errorf("after look %d channels were listed %d times, want %d", look+1, got, want)
		}
	}
	if got, want := len(s.IDs()), len(wanted); got != want {
		t.Errorf("followed %d channels, want %d", got, want)
	}
}
