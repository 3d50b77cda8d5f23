package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
)

// failing is a backend that fails with the errors given, one after the other, and then answers.
type failing struct{ errs []error }

func (f *failing) Score(_ context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return make([]*feedbackv1.Sentiment, len(documents)), nil
}

// condition is a condition in a line: its level and its reason, empty if there is none.
func condition(h *health.Reporter, name string) string {
	for _, c := range h.Snapshot().GetConditions() {
		if c.GetName() == name {
			return strings.TrimPrefix(c.GetLevel().String(), "LEVEL_") + " " + c.GetReason() + " " + c.GetMessage()
		}
	}
	return ""
}

func TestABackendThatFailsIsToldAtOnce(t *testing.T) {
	h := health.New(name, "one")
	away := errors.New("nobody there; is it running?")
	p := newPatient(&failing{[]error{away, away}}, h, false)
	for _, want := range []string{"DEGRADED BackendFailed nothing is scored: nobody there; is it running?; it is tried again, and lag grows meanwhile", "FAILED BackendFailed", "GOOD Good"} {
		_, _ = p.Score(t.Context(), []sentiment.Document{{Text: "a"}})
		if got := condition(h, "backend"); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestASpentBudgetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := health.New(name, "one")
		began := time.Now()
		p := newPatient(&failing{[]error{&llm.SpentError{Used: 99, Limit: 100, Until: began.Add(3 * time.Hour)}}}, h, false)
		stuck := p.still(func() (time.Duration, int, int64) { return time.Hour, 1, 7 })
		done := make(chan error, 1)
		go func() {
			_, err := p.Score(t.Context(), []sentiment.Document{{Text: "a"}})
			done <- err
		}()
		synctest.Wait()
		if got := condition(h, "budget"); !strings.HasPrefix(got, "FAILED BudgetSpent the budget of 100 tokens a day is spent") {
			t.Errorf("got %q, want that the budget is spent", got)
		}
		if got := p.silent(); got != 0 {
			t.Errorf("silent for %s at once, want 0", got)
		}
		<-time.After(time.Hour)
		if got := p.silent(); got != time.Hour {
			t.Errorf("silent for %s after an hour, want 1h", got)
		}
		if d, _, _ := stuck(); d != 0 {
			t.Errorf("it is stuck for %s, want that not to be said of one that waits", d)
		}
		if err := <-done; err != nil || time.Since(began) < 3*time.Hour {
			t.Errorf("got %v after %s, want a score after three hours", err, time.Since(began))
		}
		if got := p.silent(); got != 0 {
			t.Errorf("silent for %s once it is over, want 0", got)
		}
		if got := condition(h, "budget"); got != "" {
			t.Errorf("got %q once it is over, want nothing", got)
		}
		if d, _, _ := stuck(); d != time.Hour {
			t.Errorf("it is stuck for %s, want an hour", d)
		}
	})
}

func TestAThrottledBackendIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := health.New(name, "one")
		began := time.Now()
		p := newPatient(&failing{[]error{&llm.ThrottledError{Err: errors.New("429"), Until: began.Add(time.Minute)}, &llm.ThrottledError{Err: errors.New("429")}}}, h, false)
		if _, err := p.Score(t.Context(), []sentiment.Document{{Text: "a"}}); err != nil || time.Since(began) < time.Minute+leastPatience {
			t.Errorf("got %v after %s, want a score after a minute and 5 s", err, time.Since(began))
		}
		if got := condition(h, "backend"); !strings.HasPrefix(got, "GOOD") {
			t.Errorf("got %q, want it good again", got)
		}
	})
}

func TestAStopEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p := newPatient(&failing{[]error{&llm.SpentError{Until: time.Now().Add(3 * time.Hour)}}}, health.New(name, "one"), false)
		if _, err := p.Score(ctx, []sentiment.Document{{Text: "a"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

// A replica whose partitions go to another while the backend is away may have nothing to ask for a long time.
func TestWhoHasNothingToAskIsNotSilent(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		condition string
	}{
		"away":      {errors.New("nobody there"), "backend"},
		"throttled": {&llm.ThrottledError{Err: errors.New("429")}, "backend"},
		"spent":     {&llm.SpentError{Until: time.Unix(1<<40, 0)}, "budget"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := health.New(name, "one")
				p := newPatient(&failing{[]error{c.err, context.Canceled}}, h, false)
				ctx, cancel := context.WithCancel(t.Context())
				asked := make(chan struct{})
				go func() {
					defer close(asked)
					for ctx.Err() == nil { // as the loop does: once more when ctx has ended
						_, _ = p.Score(ctx, []sentiment.Document{{Text: "a"}})
						_ = p.sleep(ctx, time.Minute)
					}
					_, _ = p.Score(ctx, []sentiment.Document{{Text: "a"}})
				}()
				synctest.Wait()
				<-time.After(time.Second)
				if p.silent() != time.Second || condition(h, c.condition) == "" {
					t.Errorf("silent for %s, condition %q, want 1s and one", p.silent(), condition(h, c.condition))
				}
				cancel()
				<-asked
				<-time.After(time.Hour)
				if got := condition(h, c.condition); p.silent() != 0 || got != "" {
					t.Errorf("silent for %s an hour after it was told to stop, condition %q, want 0 and none", p.silent(), got)
				}
			})
		})
	}
}

func TestAFallbackTellsForItself(t *testing.T) {
	h := health.New(name, "one")
	h.Degraded("backend", "ScoredByFallback", "the built-in models score")
	p := newPatient(&failing{[]error{errors.New("spare failed")}}, h, true)
	for range 2 {
		_, _ = p.Score(t.Context(), []sentiment.Document{{Text: "a"}})
		if got := condition(h, "backend"); got != "DEGRADED ScoredByFallback the built-in models score" {
			t.Errorf("got %q, want what the fallback said", got)
		}
	}
}
