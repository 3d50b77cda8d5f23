package controller_test

import (
	"strings"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// statusWrites counts the requests since the last count that write a status, no matter whether they change it.
func (s *stage) statusWrites() int {
	n := 0
	for _, request := range s.requests.take(true) {
		if strings.HasSuffix(request, "/status") {
			n++
		}
	}
	return n
}

// sourceIs has the source say how it is, and why.
func sourceIs(level feedbackv1.Health_Level, reason, message string) func(*feedbackv1.Health) {
	return func(h *feedbackv1.Health) {
		if strings.HasPrefix(h.Component, "slack-ingest/") {
			h.Level = level
			h.Conditions = []*feedbackv1.Health_Condition{{Name: "slack", Level: level, Reason: reason, Message: message}}
		}
	}
}

// TestStatusOnChangeOnly: a pipeline of which nothing changes is looked at for ten minutes, by an operator that is
// started anew in between, and its status is not written once.
func TestStatusOnChangeOnly(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	last := lastEvent(s.clock.Add(time.Millisecond))
	s.clock = s.clock.Add(30 * time.Second)
	s.speak(p, last)
	s.reconcile(p)
	if got, want := s.statusWrites(), 1; got != want {
		t.Fatalf("%d writes of a status with a first event, want %d", got, want)
	}
	for i := range 60 {
		if i == 30 {
			s.restart()
		}
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p, last)
		s.reconcile(p)
	}
	if got := s.statusWrites(); got != 0 {
		t.Errorf("%d writes of a status of which nothing has changed, want none", got)
	}
}

// TestFiguresEvery30Seconds: the lag, the last event and a message move at each look, every 5 s, and the status is
// written every 30 s, with what is newest.
func TestFiguresEvery30Seconds(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	var wrote []time.Duration
	began := s.clock
	for range 24 {
		s.clock = s.clock.Add(5 * time.Second)
		s.append(p, "scored")
		s.speak(p, lastEvent(s.clock), sourceIs(feedbackv1.Health_LEVEL_GOOD, "Fine", "at "+s.clock.String()))
		s.reconcile(p)
		switch n := s.statusWrites(); {
		case n > 1:
			t.Fatalf("%d writes in one look, want one at most", n)
		case n == 1:
			wrote = append(wrote, s.clock.Sub(began))
			if got := p.Status.LastEventTime; got == nil || !got.Time.Equal(s.clock) {
				t.Errorf("last event = %v in what was written at %v, want the newest", got, s.clock)
			}
		}
	}
	if len(wrote) != 4 {
		t.Fatalf("written after %v of two minutes, want four times", wrote)
	}
	for i := range wrote[1:] {
		if wrote[i+1]-wrote[i] < 30*time.Second {
			t.Errorf("written after %v, want 30 s at least between two", wrote)
		}
	}
}

// TestTransitionsAtOnce: figures were written a second ago, and each state, reason and generation that changes is
// written in the very look that sees it, once.
func TestTransitionsAtOnce(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.clock = s.clock.Add(30 * time.Second)
	s.speak(p, lastEvent(s.clock))
	s.reconcile(p)
	if got := s.statusWrites(); got != 1 {
		t.Fatalf("%d writes of figures, want 1", got)
	}
	good := func(*feedbackv1.Health) {}
	for _, step := range []struct {
		name   string
		health func(*feedbackv1.Health)
		edit   func(*v1alpha1.FeedbackPipeline)
		want   int
	}{
		{"a figure", lastEvent(s.clock.Add(time.Minute)), nil, 0},
		{"the source degrades", sourceIs(feedbackv1.Health_LEVEL_DEGRADED, "BudgetSpent", "1"), nil, 1},
		{"another message", sourceIs(feedbackv1.Health_LEVEL_DEGRADED, "BudgetSpent", "2"), nil, 0},
		{"another reason", sourceIs(feedbackv1.Health_LEVEL_DEGRADED, "RateLimited", "2"), nil, 1},
		{"the source fails", sourceIs(feedbackv1.Health_LEVEL_FAILED, "TokenRefused", "3"), nil, 1},
		{"it is well again", good, nil, 1},
		{"a figure again", lastEvent(s.clock.Add(2 * time.Minute)), nil, 0},
		{"a generation that asks for nothing else", good, func(p *v1alpha1.FeedbackPipeline) { p.Spec.StartOffset = v1alpha1.StartLatest }, 1},
		{"a rollout begins", good, func(p *v1alpha1.FeedbackPipeline) { p.Spec.LogLevel = "debug" }, 1},
		{"suspended", good, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true }, 1},
	} {
		s.clock = s.clock.Add(time.Second)
		if step.edit != nil {
			s.edit(p, step.edit)
		}
		s.speak(p, step.health)
		s.reconcile(p)
		if got := s.statusWrites(); got != step.want {
			t.Errorf("%s: %d writes within a second of the last, want %d", step.name, got, step.want)
		}
	}
}
