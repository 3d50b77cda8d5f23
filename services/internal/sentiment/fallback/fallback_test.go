package fallback_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/fallback"
)

// scripted is a backend that does what it is told to, and keeps when it was asked and for how many texts.
type scripted struct {
	mu    sync.Mutex
	do    func(ctx context.Context, n int) error
	asked []string
	began time.Time
}

func (s *scripted) set(do func(ctx context.Context, n int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = do
}

func (s *scripted) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	s.mu.Lock()
	do := s.do
	s.asked = append(s.asked, fmt.Sprintf("%d at %s", len(documents), time.Since(s.began).Round(time.Second)))
	s.mu.Unlock()
	if err := do(ctx, len(documents)); err != nil {
		return nil, err
	}
	return answers("main", len(documents)), nil
}

// since is what was asked since the last call of it.
func (s *scripted) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func answers(model string, n int) []*feedbackv1.Sentiment {
	var out []*feedbackv1.Sentiment
	for range n {
		out = append(out, &feedbackv1.Sentiment{Score: new(0.5), Model: model})
	}
	return out
}

type spare struct{}

func (spare) Score(_ context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	return answers("spare", len(documents)), nil
}

func works(context.Context, int) error { return nil }

func hangs(ctx context.Context, _ int) error {
	<-ctx.Done()
	return ctx.Err()
}

func fails(context.Context, int) error { return errors.New("503") }

// slow answers a part of each batch every four seconds, 20 s in all.
func slow(ctx context.Context, _ int) error {
	for range 5 {
		select {
		case <-time.After(4 * time.Second):
			sentiment.Progress(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// stage is a Backend in a bubble, with 10 s of patience.
type stage struct {
	t      *testing.T
	main   *scripted
	health *health.Reporter
	*fallback.Backend
}

func bubble(t *testing.T, after time.Duration, test func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, main: &scripted{do: works, began: time.Now()}, health: health.New("sentiment-scorer", "0")}
		s.Backend = fallback.New(t.Context(), fallback.Options{Main: s.main, Name: "azure", Spare: spare{}, After: after, Health: s.health})
		test(s)
	})
}

// score scores three texts and wants the model, after so long, and health's word after it.
func (s *stage) score(model string, took time.Duration, word string) *feedbackv1.Fallback {
	s.t.Helper()
	began := time.Now()
	got, err := s.Score(s.t.Context(), make3())
	if err != nil || len(got) != 3 {
		s.t.Fatalf("got %v %v, want 3 sentiments", got, err)
	}
	if d := time.Since(began); got[2].GetModel() != model || d < took || d > took+time.Second {
		s.t.Errorf("got %s after %s, want %s after %s", got[2].GetModel(), d, model, took)
	}
	if has := got[0].GetFallback() != nil; has != (model == "spare") {
		s.t.Errorf("got fallback %v of %s", got[0].GetFallback(), model)
	}
	s.says(word)
	return got[0].GetFallback()
}

// pass lets time pass in the bubble.
func (s *stage) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func make3() []sentiment.Document {
	return []sentiment.Document{{Text: " "}, {Text: "fine"}, {Text: "bad"}}
}

func (s *stage) says(word string) string {
	s.t.Helper()
	c := s.health.Snapshot().GetConditions()[0]
	if c.GetReason() != word {
		s.t.Errorf("health says %s %s: %s; want %s", c.GetLevel(), c.GetReason(), c.GetMessage(), word)
	}
	return c.GetMessage()
}

func TestScoresByMainWhileItAnswers(t *testing.T) {
	bubble(t, 10*time.Second, func(s *stage) {
		s.score("main", 0, "Good")
		s.main.set(slow) // its parts come in time
		s.score("main", 20*time.Second, "Good")
	})
}

func TestABriefFaultIsWaitedFor(t *testing.T) {
	bubble(t, 10*time.Second, func(s *stage) {
		s.main.set(fails)
		time.AfterFunc(5*time.Second, func() { s.main.set(works) })
		s.score("main", 5*time.Second, "Good")
		if asked := s.main.since(); len(asked) < 4 || len(asked) > 12 {
			s.t.Errorf("asked %v, want it again and again, with pauses", asked)
		}
	})
}

func TestFallsBackAfterItsTime(t *testing.T) {
	for name, fault := range map[string]func(context.Context, int) error{"503": fails, "no answer within 10s": hangs} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 10*time.Second, func(s *stage) {
				s.score("main", 0, "Good")
				s.main.set(fault)
				since := time.Now()
				why := s.score("spare", 10*time.Second, fallback.ReasonFallback)
				if why.GetBackend() != "azure" || why.GetReason() != name || !why.GetSince().AsTime().Equal(since) {
					s.t.Errorf("got %v, want azure, %s, %s", why, name, since)
				}
				if said := s.says(fallback.ReasonFallback); !strings.Contains(said, name) || s.health.Snapshot().GetLevel() != health.Degraded {
					s.t.Errorf("health says %q at %s, want it degraded for %s", said, s.health.Snapshot().GetLevel(), name)
				}
				s.score("spare", 0, fallback.ReasonFallback) // at once
			})
		})
	}
}

func TestComesBack(t *testing.T) {
	bubble(t, 10*time.Second, func(s *stage) {
		s.main.set(fails)
		s.score("spare", 10*time.Second, fallback.ReasonFallback)
		s.main.since()
		s.pass(20 * time.Second) // tries after 1, 2, 4, 8 s
		if got, want := fmt.Sprint(s.main.since()), "[1 at 11s 1 at 13s 1 at 17s 1 at 25s]"; got != want {
			s.t.Errorf("tried %s, want %s", got, want)
		}
		s.main.set(works)
		s.score("spare", 0, fallback.ReasonFallback) // until a try has succeeded
		if got, want := s.Silent(), 30*time.Second; got != want {
			s.t.Errorf("silent for %s while the fallback scores, want %s", got, want)
		}
		s.pass(20 * time.Second)
		s.score("main", 0, "Good")
		if got := s.Silent(); got != 0 {
			s.t.Errorf("silent for %s once it answers, want 0", got)
		}
	})
}

func TestComesBackWithoutEvents(t *testing.T) {
	bubble(t, 10*time.Second, func(s *stage) {
		s.main.set(fails)
		s.score("spare", 10*time.Second, fallback.ReasonFallback)
		s.main.set(works)
		s.pass(1500 * time.Millisecond)
		s.says(fallback.ReasonFallback) // one text is no batch
		s.pass(20 * time.Second)
		s.says("Good")
		s.main.since()
		s.pass(time.Hour)
		if asked := s.main.since(); len(asked) > 0 {
			s.t.Errorf("asked %v, want no tries of a backend that answers", asked)
		}
	})
}

// TestDoesNotFlap has a backend that takes single texts and refuses batches, as one that throttles does.
func TestDoesNotFlap(t *testing.T) {
	bubble(t, 10*time.Second, func(s *stage) {
		s.main.set(func(_ context.Context, n int) error {
			if n > 1 {
				return errors.New("429")
			}
			return nil
		})
		s.score("spare", 10*time.Second, fallback.ReasonFallback)
		s.main.since()
		for range 600 { // ten minutes of a batch a second
			s.score("spare", 0, fallback.ReasonFallback)
			s.pass(time.Second)
		}
		batches := 0
		for _, a := range s.main.since() {
			if strings.HasPrefix(a, "3 ") {
				batches++
			}
		}
		if batches > 30 {
			s.t.Errorf("%d batches were tried in ten minutes, want one after each try that succeeded, seldom", batches)
		}
	})
}

func TestALongPatienceIsToldOf(t *testing.T) {
	bubble(t, 10*time.Minute, func(s *stage) {
		s.main.set(hangs)
		time.AfterFunc(40*time.Second, func() {
			if said := s.says(fallback.ReasonNotAnswering); !strings.Contains(said, "after 10m0s of silence") {
				s.t.Errorf("health says %q, want what comes next", said)
			}
		})
		s.score("spare", 10*time.Minute, fallback.ReasonFallback)
	})
}

func TestRefusalsAreAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := fallback.New(t.Context(), fallback.Options{Main: refusing{}, Name: "azure", Spare: spare{}, Health: health.New("a", "b")})
		got, err := b.Score(t.Context(), make3())
		if err != nil || got[0].GetUnscoredReason() != feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED || got[0].GetFallback() != nil {
			t.Errorf("got %v %v, want what the backend refuses", got, err)
		}
	})
}

type refusing struct{}

func (refusing) Score(_ context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	var out []*feedbackv1.Sentiment
	for range documents {
		out = append(out, sentiment.Unscored("main", nil, feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, "not allowed"))
	}
	return out, nil
}

func TestEndsWithItsCaller(t *testing.T) {
	bubble(t, time.Hour, func(s *stage) {
		s.main.set(hangs)
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		if got, err := s.Score(ctx, make3()); !errors.Is(err, context.DeadlineExceeded) {
			s.t.Errorf("got %v %v, want the caller's end", got, err)
		}
		s.says("Good")
	})
}

func TestManyCallersShareOneState(t *testing.T) {
	bubble(t, 10*time.Second, func(s *stage) {
		s.main.set(hangs)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { s.score("spare", 10*time.Second, fallback.ReasonFallback) })
		}
		group.Wait()
		s.main.set(works)
		s.pass(2 * time.Second)
		for range 8 {
			group.Go(func() { s.score("main", 0, "Good") })
		}
		group.Wait()
	})
}
