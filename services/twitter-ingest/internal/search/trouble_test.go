package search

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// TestMidWindowTrouble: whatever stops a window in its middle, the rest is read afterwards.
func TestMidWindowTrouble(t *testing.T) {
	limit := `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`
	usage := `{"title":"UsageCapExceeded","period":"Monthly","scope":"Product","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}`
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		reason string
		within time.Duration
		most   int // requests while it lasts: one in 15 to 30 s, for a person who mends it waits for the result
	}{
		{"429 with a reset", func(w http.ResponseWriter) {
			w.Header().Set("x-rate-limit-reset", fmt.Sprint(time.Now().Add(9*time.Minute).Unix()))
			xtest.Refuse(w, 429, limit)
		}, "RateLimited", 10 * time.Minute, 1},
		{"429 without a reset", func(w http.ResponseWriter) { xtest.Refuse(w, 429, limit) }, "RateLimited", 30 * time.Minute, 8},
		{"usage cap", func(w http.ResponseWriter) { xtest.Refuse(w, 429, usage) }, "UsageCapExceeded", 2 * time.Hour, 480},
		{"503", func(w http.ResponseWriter) { xtest.Refuse(w, 503, "<html>Over capacity</html>") }, "Unavailable", 20 * time.Minute, 80},
		{"cut off", func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"data":[{"id":"1`)) }, "AnswerMalformed", 20 * time.Minute, 80},
		{"401", func(w http.ResponseWriter) { xtest.Refuse(w, 401, `{"title":"Unauthorized"}`) }, "TokenRefused", 30 * time.Minute, 120},
		{"403", func(w http.ResponseWriter) { xtest.Refuse(w, 403, `{"title":"Client Forbidden"}`) }, "NotPermitted", 30 * time.Minute, 120},
		{"400", func(w http.ResponseWriter) { xtest.Refuse(w, 400, `{"title":"Invalid Request"}`) }, "QueryRefused", 30 * time.Minute, 120},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				w := newWorld()
				ids := w.say(time.Now().Add(-10*time.Hour), 420, time.Second)
				good, bad := 0, 0
				var trouble atomic.Bool
				trouble.Store(true)
				w.x.Fault = func(rw http.ResponseWriter, _ *http.Request) bool {
					if good++; good <= 2 || !trouble.Load() {
						return false
					}
					bad++
					c.answer(rw)
					return true
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- w.engine().Run(ctx, t.Context()) }()
				xtest.Pass(c.within - time.Minute)
				if bad == 0 || bad > c.most {
					t.Errorf("%d requests while it lasted, want 1 to %d", bad, c.most)
				}
				var p *xapi.Problem
				if !errors.As(w.lastReport(), &p) || p.Reason != c.reason {
					t.Errorf("report = %v, want %s", w.lastReport(), c.reason)
				}
				if w.gaps() != 1 {
					t.Errorf("%d gaps in the checkpoint, want 1", w.gaps())
				}
				trouble.Store(false)
				xtest.Pass(2 * time.Hour)
				cancel()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				w.wantAll(t, ids)
				if w.gaps() != 0 || w.lastReport() != nil {
					t.Errorf("after it: %d gaps, report %v, want none", w.gaps(), w.lastReport())
				}
			})
		})
	}
}

// TestRateLimitIsObeyed: after an answer that leaves no request, none is made before X's reset.
func TestRateLimitIsObeyed(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		ids := w.say(time.Now().Add(-10*time.Hour), 420, time.Second)
		begin, used := time.Now(), map[int64]int{}
		w.x.Fault = func(rw http.ResponseWriter, _ *http.Request) bool {
			slot := int64(time.Since(begin) / (15 * time.Minute))
			used[slot]++
			if used[slot] > 2 {
				t.Errorf("request %d in window %d, want at most 2", used[slot], slot)
			}
			rw.Header().Set("x-rate-limit-remaining", fmt.Sprint(2-used[slot]))
			rw.Header().Set("x-rate-limit-reset", fmt.Sprint(begin.Add(time.Duration(slot+1)*15*time.Minute).Unix()))
			return false
		}
		if err := w.run(t, time.Hour); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
	})
}

// TestRequestsAreSpaced: an interval shorter than X's limit allows does not run into it.
func TestRequestsAreSpaced(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		begin, left := time.Now(), 60
		longest, latest := time.Duration(0), time.Now()
		w.x.Fault = func(rw http.ResponseWriter, _ *http.Request) bool {
			longest, latest = max(longest, time.Since(latest)), time.Now()
			left--
			rw.Header().Set("x-rate-limit-remaining", fmt.Sprint(left))
			rw.Header().Set("x-rate-limit-reset", fmt.Sprint(begin.Add(15*time.Minute).Unix()))
			return false
		}
		e := w.engine()
		e.o.Interval = func() time.Duration { return time.Second }
		ctx, cancel := context.WithTimeout(t.Context(), 14*time.Minute)
		defer cancel()
		if err := e.Run(ctx, t.Context()); err != nil {
			t.Fatal(err)
		}
		if left < 0 || longest > 20*time.Second {
			t.Errorf("%d requests left, the longest pause %s, want some left and 15 s", left, longest)
		}
	})
}

func TestBudgetStopsAndLiftsAtMidnight(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		xtest.Pass(8 * time.Hour) // four hours before midnight
		w := newWorld()
		w.limit = 250
		begin := time.Now()
		ids := w.say(begin.Add(-10*time.Hour), 600, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.engine().Run(ctx, t.Context()) }()
		xtest.Pass(3 * time.Hour)
		var spent *budget.SpentError
		if !errors.As(w.lastReport(), &spent) || !spent.Until.Equal(begin.Truncate(24*time.Hour).Add(24*time.Hour)) {
			t.Fatalf("report = %v, want the budget spent until midnight", w.lastReport())
		}
		served := w.x.Served()
		if got := w.x.Billed(time.Now()); got != 250 {
			t.Errorf("X bills %d posts, want the 250 of the budget", got)
		}
		xtest.Pass(59 * time.Minute)
		if w.x.Served() != served {
			t.Errorf("%d requests with the budget spent", w.x.Served()-served)
		}
		for day := 1; day <= 2; day++ {
			xtest.Pass(24 * time.Hour)
			if got := w.x.Billed(begin.AddDate(0, 0, day)); got > 250 {
				t.Errorf("X bills %d posts on day %d, want at most 250", got, day)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
	})
}

// TestBudgetSurvivesCrashes: however often the process crashes, X bills no more than the limit.
func TestBudgetSurvivesCrashes(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.limit = 300
		w.say(time.Now().Add(-10*time.Hour), 2000, time.Second)
		for at := 1; at <= 60; at++ {
			w.kafka.CrashAt, w.kafka.Lost = at%7+1, at%2 == 0
			if err := w.run(t, time.Minute); err != nil && !errors.Is(err, xtest.ErrCrash) {
				t.Fatal(err)
			}
		}
		if got := w.x.Billed(time.Now()); got > 300 || got < 100 {
			t.Errorf("X bills %d posts, want at most 300", got)
		}
	})
}
