package controller_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// TestEventsOfTransitionsOnly: an Event for each transition of Ready and of a source, none for anything else, and none
// because the operator was started anew.
func TestEventsOfTransitionsOnly(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	good := func(*feedbackv1.Health) {}
	failed := func(reason, message string) func(*feedbackv1.Health) {
		return sourceIs(feedbackv1.Health_LEVEL_FAILED, reason, message)
	}
	for _, step := range []struct {
		name   string
		health func(*feedbackv1.Health)
		edit   func(*v1alpha1.FeedbackPipeline)
		want   []string // how each begins
	}{
		{"at rest", good, nil, nil},
		{"an event", lastEvent(s.clock.Add(time.Minute)), nil, nil},
		{"the source fails", failed("TokenRefused", "1"), nil, []string{"Warning TokenRefused", "Warning SourceFailed"}},
		{"and goes on to", failed("TokenRefused", "1"), nil, nil},
		{"in other words", failed("TokenRefused", "2"), nil, nil},
		{"for another reason", failed("ChannelArchived", "2"), nil, []string{"Warning ChannelArchived"}},
		{"it degrades", sourceIs(feedbackv1.Health_LEVEL_DEGRADED, "BudgetSpent", "3"), nil, []string{"Warning Degraded", "Warning SourceDegraded"}},
		{"it is well", good, nil, []string{"Normal Flowing", "Normal SourceHealthy"}},
		{"a rollout", good, func(p *v1alpha1.FeedbackPipeline) { p.Spec.LogLevel = "debug" }, []string{"Normal RollingOut"}},
		{"that goes on", good, nil, nil},
		{"suspended", good, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true }, []string{"Normal Suspended", "Normal SourceSuspended"}},
		{"still so", good, nil, nil},
	} {
		if step.edit != nil {
			s.edit(p, step.edit)
		}
		for range 4 { // 40 s, so that what is held back is written too, and by an operator that remembers nothing
			s.clock = s.clock.Add(10 * time.Second)
			s.speak(p, step.health)
			s.reconcile(p)
			s.restart()
		}
		got := s.events.take()
		same := len(got) == len(step.want)
		for i := 0; same && i < len(got); i++ {
			same = strings.HasPrefix(got[i], step.want[i]+" ")
		}
		if !same {
			t.Errorf("%s: Events %q, want those of %q", step.name, got, step.want)
		}
	}
}

// TestNotesAreCutAtACharacter: the API server takes 1,024 bytes, and no half of a character.
func TestNotesAreCutAtACharacter(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.events.take()
	for i := range 3 { // one of them would be cut within a character of three bytes
		s.speak(p, sourceIs(feedbackv1.Health_LEVEL_FAILED, "TokenRefused", strings.Repeat("x", i)+strings.Repeat("語", 330)))
		s.reconcile(p)
		s.speak(p)
		s.reconcile(p)
	}
	cut := 0
	for _, e := range s.events.take() {
		note := strings.SplitN(e, " ", 3)[2]
		if !utf8.ValidString(note) || len(note) > 1024 {
			t.Errorf("a note of %d bytes, valid UTF-8 %v, want 1,024 at most of whole characters: %q", len(note), utf8.ValidString(note), note)
		}
		if strings.HasSuffix(note, "語...") {
			cut++
		}
	}
	if cut < 3 {
		t.Errorf("%d notes were cut, want three at least", cut)
	}
}
