package search

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/intake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/window"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// world is one source with X on one side and Kafka on the other; both outlive its processes.
type world struct {
	x     *xtest.X
	kafka *xtest.Kafka
	query string
	limit uint64

	mu      sync.Mutex
	reports []error
	lost    []window.Gap
}

func newWorld() *world {
	return &world{x: xtest.New(), kafka: &xtest.Kafka{}, query: "#azure", limit: 10_000}
}

// engine starts anew from the newest checkpoint, as a new process does.
func (w *world) engine() *Engine {
	in := intake.New(intake.Options{Source: "mentions", Topics: xtest.Topics, Format: feedback.Protobuf, Write: w.kafka.Write})
	client := xapi.New(xapi.Options{URL: "http://x.test", Token: "good\n", Transport: w.x.Transport()})
	return New(Options{
		Query: w.query, Interval: func() time.Duration { return 30 * time.Second }, Live: time.Minute,
		Search: client.Search, Take: in.Take,
		Progress: progress.Open("mentions", w.query, w.kafka.Checkpoint(), w.limit, 24*time.Hour, w.kafka.Save),
		Report: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reports = append(w.reports, err)
		},
		Lost: func(g []window.Gap) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lost = append(w.lost, g...)
		},
	})
}

// run runs one process for d and returns how it ended.
func (w *world) run(t *testing.T, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return w.engine().Run(ctx, t.Context())
}

func (w *world) lastReport() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.reports) == 0 {
		return nil
	}
	return w.reports[len(w.reports)-1]
}

// say has X say n posts, step apart, the first of them at.
func (w *world) say(at time.Time, n int, step time.Duration) []snowflake.ID {
	ids := make([]snowflake.ID, n)
	for i := range ids {
		ids[i] = w.x.Say(at.Add(time.Duration(i)*step), fmt.Sprintf("post %d", i))
	}
	return ids
}

func (w *world) wantAll(t *testing.T, ids []snowflake.ID) {
	t.Helper()
	missing := 0
	for _, id := range ids {
		if len(w.kafka.Events(post.EventID(id))) == 0 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d posts are missing", missing, len(ids))
	}
}

func (w *world) gaps() int {
	n := 0
	for _, win := range w.kafka.Checkpoint().GetWindows() {
		n += len(win.GetGaps())
	}
	return n
}

func TestReadsBackThenKeepsUp(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		begin := time.Now()
		old := w.say(begin.Add(-25*time.Hour), 5, time.Second)
		ids := w.say(begin.Add(-20*time.Hour), 450, time.Minute)
		go func() {
			for range 200 {
				<-time.After(7 * time.Second)
				ids = append(ids, w.x.Say(time.Now(), "new"))
			}
		}()
		if err := w.run(t, 30*time.Minute); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
		for _, id := range old {
			if len(w.kafka.Events(post.EventID(id))) > 0 {
				t.Errorf("post %s is older than the backfill and was published", id)
			}
		}
		for _, id := range ids {
			if n := len(w.kafka.Events(post.EventID(id))); n != 1 {
				t.Fatalf("post %s was published %d times", id, n)
			}
			if n := w.x.Reads(id); n > 4 {
				t.Errorf("post %s was read %d times, want it no more than the overlap brings", id, n)
			}
		}
		if got, want := w.kafka.Checkpoint().GetBudget().GetUsed(), uint64(w.x.Billed(time.Now())); got != want {
			t.Errorf("budget used = %d, want the %d that X bills", got, want)
		}
		e := w.kafka.Events(post.EventID(ids[0]))[0]
		if last := w.kafka.Events(post.EventID(ids[len(ids)-1]))[0]; !e.GetBackfilled() || last.GetBackfilled() {
			t.Errorf("backfilled: old %v, new %v, want true, false", e.GetBackfilled(), last.GetBackfilled())
		}
	})
}

// TestQuietQuery: a query without new posts re-reads nothing and keeps its position.
func TestQuietQuery(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		ids := w.say(time.Now().Add(-time.Hour), 3, time.Second)
		if err := w.run(t, 20*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
		for _, id := range ids {
			if n := w.x.Reads(id); n > 3 {
				t.Errorf("post %s was read %d times in a quiet query", id, n)
			}
		}
		if got, want := w.kafka.Checkpoint().GetWindows()[0].GetNewest(), ids[2].String(); got != want {
			t.Errorf("newest = %s, want %s: an empty page does not move it", got, want)
		}
		if err := w.lastReport(); err != nil {
			t.Errorf("last report = %v, want good: a position that grew too old is not asked for", err)
		}
	})
}

func TestLateIndexedPostIsFound(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		at := time.Now().Add(2 * time.Minute)
		late := xtest.Post{ID: snowflake.At(at) + 99, Text: "late", Indexed: at.Add(50 * time.Second)}
		w.x.Add(late)
		go func() {
			for range 60 {
				<-time.After(5 * time.Second)
				w.x.Say(time.Now(), "on time")
			}
		}()
		if err := w.run(t, 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, []snowflake.ID{late.ID})
	})
}

// TestCrashAnywhere crashes at every write and every save, once with the write done and its
// answer lost and once with the write lost: nothing is lost, and a crash costs no more reads
// than its page and the overlap.
func TestCrashAnywhere(t *testing.T) {
	for _, lostWrite := range []bool{false, true} {
		for at := 1; ; at++ {
			crashed := false
			xtest.Bubble(t, func(t *testing.T) { crashed = crashAt(t, at, lostWrite) })
			if !crashed {
				t.Logf("%d crash points", at-1)
				break
			}
			if t.Failed() {
				t.Fatalf("crash at write %d (lost %v)", at, lostWrite)
			}
		}
	}
}

func crashAt(t *testing.T, at int, lostWrite bool) bool {
	w := newWorld()
	w.kafka.CrashAt, w.kafka.Lost = at, lostWrite
	begin := time.Now()
	ids := w.say(begin.Add(-10*time.Hour), 330, time.Second)
	err := w.run(t, time.Minute)
	if err != nil && !errors.Is(err, xtest.ErrCrash) {
		t.Fatal(err)
	}
	more := w.say(time.Now(), 240, 100*time.Millisecond)
	ids = append(ids, more...)
	xtest.Pass(time.Minute)
	if err2 := w.run(t, 2*time.Minute); err2 != nil && !errors.Is(err2, xtest.ErrCrash) {
		t.Fatal(err2)
	} else if err == nil {
		err = err2
	}
	w.kafka.CrashAt = 0
	if err := w.run(t, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	w.wantAll(t, ids)
	if w.gaps() != 0 {
		t.Errorf("%d gaps are left", w.gaps())
	}
	// Beyond the overlap a post is read again only as part of the page in hand at the crash.
	again, most := 0, 0
	for _, id := range ids {
		n := w.x.Reads(id)
		if newest := id == ids[329] || id == ids[len(ids)-1]; n > 1 && !newest {
			again++
		}
		most = max(most, n)
	}
	if overlap := 60 + len(more); again > 100+overlap || most > 7 {
		t.Errorf("%d posts were read again, one of them %d times", again, most)
	}
	if used, billed := w.kafka.Checkpoint().GetBudget().GetUsed(), w.x.Billed(time.Now()); used < uint64(billed) {
		t.Errorf("budget used = %d, X bills %d", used, billed)
	}
	return errors.Is(err, xtest.ErrCrash)
}

// TestMidWindowTrouble: whatever stops a window in its middle, the rest is read afterwards.
func TestMidWindowTrouble(t *testing.T) {
	limit := `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`
	usage := `{"title":"UsageCapExceeded","period":"Monthly","scope":"Product","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}`
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		reason string
		within time.Duration
		most   int // requests while it lasts
	}{
		{"429 with a reset", func(w http.ResponseWriter) {
			w.Header().Set("x-rate-limit-reset", fmt.Sprint(time.Now().Add(9*time.Minute).Unix()))
			xtest.Refuse(w, 429, limit)
		}, "RateLimited", 10 * time.Minute, 1},
		{"429 without a reset", func(w http.ResponseWriter) { xtest.Refuse(w, 429, limit) }, "RateLimited", 30 * time.Minute, 8},
		{"usage cap", func(w http.ResponseWriter) { xtest.Refuse(w, 429, usage) }, "UsageCapExceeded", 2 * time.Hour, 8},
		{"503", func(w http.ResponseWriter) { xtest.Refuse(w, 503, "<html>Over capacity</html>") }, "Unavailable", 20 * time.Minute, 20},
		{"cut off", func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"data":[{"id":"1`)) }, "AnswerMalformed", 20 * time.Minute, 20},
		{"401", func(w http.ResponseWriter) { xtest.Refuse(w, 401, `{"title":"Unauthorized"}`) }, "TokenRefused", 30 * time.Minute, 12},
		{"403", func(w http.ResponseWriter) { xtest.Refuse(w, 403, `{"title":"Client Forbidden"}`) }, "NotPermitted", 30 * time.Minute, 12},
		{"400", func(w http.ResponseWriter) { xtest.Refuse(w, 400, `{"title":"Invalid Request"}`) }, "QueryRefused", 30 * time.Minute, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				w := newWorld()
				ids := w.say(time.Now().Add(-10*time.Hour), 420, time.Second)
				good, bad := 0, 0
				trouble := true
				w.x.Fault = func(rw http.ResponseWriter, _ *http.Request) bool {
					if good++; good <= 2 || !trouble {
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
				trouble = false
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

func TestSinceTooOld(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		first := w.say(time.Now().Add(-time.Hour), 250, time.Second)
		w.x.Fault = failAfter(1)
		if err := w.run(t, time.Minute); err != nil {
			t.Fatal(err)
		}
		w.x.Fault = nil
		xtest.Pass(8 * 24 * time.Hour)
		ids := w.say(time.Now().Add(-24*time.Hour), 130, time.Second)
		if err := w.run(t, time.Minute); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
		if len(w.lost) != 1 {
			t.Errorf("lost gaps = %v, want the one that X no longer tells of to be said", w.lost)
		}
		if got := w.kafka.Len(); got != len(ids)+100 {
			t.Errorf("%d events, want the first page of %d and the later %d", got, len(first), len(ids))
		}
	})
}

// TestSinceRefused: X refuses a position that by our clock it still tells of.
func TestSinceRefused(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.say(time.Now().Add(-time.Minute), 1, time.Second)
		if err := w.run(t, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		ids := w.say(time.Now(), 150, time.Millisecond)
		w.x.Fault = func(rw http.ResponseWriter, r *http.Request) bool {
			if !r.URL.Query().Has("since_id") {
				return false
			}
			xtest.Refuse(rw, 400, `{"errors":[{"parameters":{"since_id":["1"]},"message":"'since_id' must be a tweet id created after [2026]."}],"title":"Invalid Request"}`)
			return true
		}
		xtest.Pass(time.Minute)
		if err := w.run(t, time.Minute); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
	})
}

func TestNewQueryBeginsANewWindow(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.say(time.Now().Add(-time.Hour), 3, time.Second)
		if err := w.run(t, time.Minute); err != nil {
			t.Fatal(err)
		}
		used := w.kafka.Checkpoint().GetBudget().GetUsed()
		w.query = "#other"
		if err := w.run(t, time.Second); err != nil {
			t.Fatal(err)
		}
		s := w.kafka.Checkpoint()
		if len(s.GetWindows()) != 1 || s.GetWindows()[0].GetScope() != window.Scope("#other") {
			t.Errorf("windows = %v, want one of the new query", s.GetWindows())
		}
		if s.GetBudget().GetUsed() < used {
			t.Errorf("budget used = %d, want the day's %d kept", s.GetBudget().GetUsed(), used)
		}
	})
}

func TestBadPostsFlowToDeadLetters(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		at := time.Now().Add(-time.Minute)
		ids := w.say(at, 5, time.Second)
		bad := snowflake.At(at) + 7000
		w.x.Add(xtest.Post{ID: bad, Raw: fmt.Sprintf(`{"id":"%d","text":{"no":"string"}}`, bad)})
		w.x.Add(xtest.Post{ID: bad + 1, Raw: `{"text":"no id"}`})
		if err := w.run(t, 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		w.wantAll(t, ids)
		dead := w.kafka.Dead()
		if len(dead) != 2 {
			t.Fatalf("%d dead letters, want 2, each once", len(dead))
		}
		for _, r := range dead {
			if feedback.Header(r, feedback.HeaderReason) != "MalformedPost" || len(r.Value) == 0 {
				t.Errorf("dead letter %v, want the reason and what X sent", r)
			}
		}
	})
}

// TestDrain: a stop in mid-window finishes the page in hand and saves it.
func TestDrain(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.say(time.Now().Add(-time.Hour), 500, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		served := 0
		w.x.Fault = func(http.ResponseWriter, *http.Request) bool {
			if served++; served == 2 {
				cancel()
			}
			return false
		}
		if err := w.engine().Run(ctx, t.Context()); err != nil {
			t.Fatal(err)
		}
		if served != 2 || w.kafka.Len() != 200 {
			t.Errorf("%d requests, %d events, want 2 and 200", served, w.kafka.Len())
		}
		if got := w.kafka.Checkpoint().GetWindows()[0]; len(got.GetGaps()) != 1 || w.kafka.Checkpoint().GetBudget().GetUsed() != 200 {
			t.Errorf("checkpoint = %v, want one gap and 200 posts", w.kafka.Checkpoint())
		}
	})
}

func TestLag(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		e := w.engine()
		if got := e.Lag(time.Now()); got != 24*time.Hour {
			t.Errorf("Lag before the first search = %s, want 24h", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Run(ctx, t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := e.Lag(time.Now().Add(time.Minute)); got > 2*time.Minute {
			t.Errorf("Lag a minute after a search = %s", got)
		}
		_ = e.o.Progress.Update(t.Context(), func(w *window.Window) {
			w.Gaps = []window.Gap{{After: snowflake.At(time.Now().Add(-time.Hour)), Until: snowflake.At(time.Now())}}
		})
		if got := e.Lag(time.Now()); got < 59*time.Minute || got > 61*time.Minute {
			t.Errorf("Lag with an open gap of the last hour = %s, want 1h", got)
		}
	})
}

func failAfter(n int) func(http.ResponseWriter, *http.Request) bool {
	return func(rw http.ResponseWriter, _ *http.Request) bool {
		if n--; n >= 0 {
			return false
		}
		xtest.Refuse(rw, 503, "")
		return true
	}
}
