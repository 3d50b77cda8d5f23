package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/sentiment-scorer/internal/tokens"
)

// topic is what all replicas see.
type topic struct {
	mu      sync.Mutex
	entries map[string]tokens.Entry
	writes  int
	fail    error
	pause   func() // how long an answer takes
}

func newTopic() *topic { return &topic{entries: map[string]tokens.Entry{}, pause: func() {}} }

// of is the topic as one instance sees it.
func (t *topic) of(instance string) tokens.Store { return view{t, instance} }

type view struct {
	*topic
	instance string
}

func (v view) Write(_ context.Context, e tokens.Entry, _ int64) error {
	v.pause()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fail != nil {
		return v.fail
	}
	v.entries[v.instance] = e
	v.writes++
	return nil
}

func (v view) Read(context.Context) (map[string]tokens.Entry, error) {
	v.pause()
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.entries), v.fail
}

func TestReplicasTogetherNeverPassTheLimit(t *testing.T) {
	const limit, replicas = 1_000_000, 8
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			all := newTopic()
			all.pause = func() { <-time.After(rand.N(30 * time.Millisecond)) }
			var mu sync.Mutex
			var used int64
			var group sync.WaitGroup
			for i := range replicas {
				group.Go(func() {
					l := tokens.New(fmt.Sprint(i), limit, all.of(fmt.Sprint(i)), time.Now)
					for {
						n := 1_000 + rand.Int64N(20_000)
						r, err := l.Reserve(t.Context(), n)
						var spent *llm.SpentError
						if errors.As(err, &spent) {
							return
						}
						if err != nil {
							continue // others were in the way
						}
						mu.Lock()
						used += n
						if used > limit {
							t.Errorf("%d of %d tokens are used", used, limit)
						}
						mu.Unlock()
						all.pause()
						back := rand.Int64N(n)
						mu.Lock()
						used -= n - back
						mu.Unlock()
						l.Settle(r, back)
					}
				})
			}
			group.Wait()
			if used < limit*8/10 {
				t.Errorf("%d of %d tokens were used when all replicas stopped, want nearly all", used, limit)
			}
		})
	}
}

func TestWhatIsReservedTooMuchIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := tokens.New("a", 100_000, newTopic().of("a"), time.Now)
		first, err := l.Reserve(t.Context(), 80_000)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var throttled *llm.ThrottledError
		if _, err := l.Reserve(ctx, 80_000); !errors.As(err, &throttled) {
			t.Errorf("got %v while the rest is set aside, want that it is", err)
		}
		time.AfterFunc(time.Second, func() { l.Settle(first, 20_000) })
		second, err := l.Reserve(t.Context(), 80_000)
		if err != nil {
			t.Fatalf("got %v once it is settled, want the rest", err)
		}
		l.Settle(second, 80_000)
		var spent *llm.SpentError
		if _, err := l.Reserve(t.Context(), 1); !errors.As(err, &spent) {
			t.Errorf("got %v, want the budget to be spent", err)
		}
	})
}

func TestASpentBudgetStaysSpentUntilMidnight(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	l := tokens.New("a", 100_000, newTopic().of("a"), func() time.Time { return now })
	for range 9 {
		r, err := l.Reserve(t.Context(), 11_000)
		if err != nil {
			t.Fatal(err)
		}
		l.Settle(r, r.Tokens)
	}
	for _, n := range []int64{11_000, 1} {
		_, err := l.Reserve(t.Context(), n)
		var spent *llm.SpentError
		if !errors.As(err, &spent) || !spent.Until.Equal(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("Reserve(%d) = %v, want it spent until midnight UTC", n, err)
		}
		if want := "the budget of 100000 tokens a day is spent (99000 used or set aside); scoring stops and lag grows until 2026-11-24T00:00:00Z; raise spec.scorer.llm.tokensPerDay to go on earlier"; err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	}
	now = now.Add(6 * time.Hour)
	if _, err := l.Reserve(t.Context(), 11_000); err != nil {
		t.Errorf("got %v on the next day, want the budget whole", err)
	}
	if used, limit := l.Used(); used != 11_000 || limit != 100_000 {
		t.Errorf("got %d of %d used on the next day, want 11000 of 100000", used, limit)
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	all := newTopic()
	first := tokens.New("a", 100_000, all.of("a"), time.Now)
	r, err := first.Reserve(t.Context(), 60_000)
	if err != nil {
		t.Fatal(err)
	}
	first.Settle(r, 50_000)
	for name, instance := range map[string]string{"killed, by the same name": "a", "killed, by another name": "b"} {
		if _, err := tokens.New(instance, 100_000, all.of(instance), time.Now).Reserve(t.Context(), 41_000); err == nil {
			t.Errorf("%s: got no error, want what it had taken to be used", name)
		}
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, instance := range map[string]string{"stopped, by the same name": "a", "stopped, by another name": "b"} {
		copied := newTopic()
		copied.entries = maps.Clone(all.entries)
		l := tokens.New(instance, 100_000, copied.of(instance), time.Now)
		r, err := l.Reserve(t.Context(), 49_000)
		if err != nil {
			t.Fatalf("%s: got %v, want what was not used to be left", name, err)
		}
		l.Settle(r, r.Tokens)
		if _, err := l.Reserve(t.Context(), 2_000); err == nil {
			t.Errorf("%s: got no error, want what was used to stay so", name)
		}
	}
}

func TestWhatAnAnswerTookMoreIsCounted(t *testing.T) {
	l := tokens.New("a", 100_000, newTopic().of("a"), time.Now)
	r, err := l.Reserve(t.Context(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	l.Settle(r, 95_000)
	if _, err := l.Reserve(t.Context(), 10_000); err == nil {
		t.Error("got no error, want the budget to be spent")
	}
}

func TestAReservationOverMidnightCountsOnBothDays(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)
	l := tokens.New("a", 100_000, newTopic().of("a"), func() time.Time { return now })
	r, err := l.Reserve(t.Context(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Second)
	l.Settle(r, 7_000)
	if used, _ := l.Used(); used != 7_000 {
		t.Errorf("got %d used on the new day, want 7000", used)
	}
}

func TestNothingIsAskedWhileTheBudgetCannotBeKept(t *testing.T) {
	all := newTopic()
	all.fail = errors.New("topic authorization failed")
	l := tokens.New("a", 100_000, all.of("a"), time.Now)
	if _, err := l.Reserve(t.Context(), 10_000); err == nil || !strings.Contains(err.Error(), "topic authorization failed; nothing is asked without") {
		t.Errorf("got %v, want the store's error", err)
	} else if books := (*llm.BooksError)(nil); !errors.As(err, &books) {
		t.Errorf("got %v, a %T, want a %T", err, err, books)
	}
	all.fail = nil
	if _, err := l.Reserve(t.Context(), 10_000); err != nil {
		t.Errorf("got %v once the store works", err)
	}
}

func TestARequestAboveTheBudgetIsToldByItself(t *testing.T) {
	l := tokens.New("a", 50_000, newTopic().of("a"), time.Now)
	if _, err := l.Reserve(t.Context(), 60_000); err == nil || !strings.Contains(err.Error(), "raise spec.scorer.llm.tokensPerDay, or lower maxDocuments") {
		t.Errorf("got %v, want the remedy", err)
	}
	l.Setting = "spec.scorer.shadow.llm"
	if _, err := l.Reserve(t.Context(), 60_000); err == nil || !strings.Contains(err.Error(), "raise spec.scorer.shadow.llm.tokensPerDay") {
		t.Errorf("got %v of a shadow, want its own field", err)
	}
	if err := (&llm.SpentError{Setting: l.Setting}).Error(); !strings.Contains(err, "raise spec.scorer.shadow.llm.tokensPerDay") {
		t.Errorf("got %v of a shadow's budget, want its own field", err)
	}
}

func TestPortionsKeepTheTopicQuiet(t *testing.T) {
	all := newTopic()
	l := tokens.New("a", 1_000_000, all.of("a"), time.Now)
	for range 1_000 {
		if _, err := l.Reserve(t.Context(), 900); err != nil {
			t.Fatal(err)
		}
	}
	if all.writes > 60 {
		t.Errorf("got %d writes for 1,000 requests, want about 50", all.writes)
	}
}

func TestWhatIsSettledWhileTheTopicIsReadCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTopic()
		l := tokens.New("a", 100_000, all.of("a"), time.Now)
		first, err := l.Reserve(t.Context(), 80_000)
		if err != nil {
			t.Fatal(err)
		}
		all.pause = func() { <-time.After(time.Second) }
		time.AfterFunc(time.Second/2, func() { l.Settle(first, 20_000) })
		if _, err := l.Reserve(t.Context(), 80_000); err != nil {
			t.Errorf("got %v with 80,000 of 100,000 left, want them", err)
		}
	})
}
