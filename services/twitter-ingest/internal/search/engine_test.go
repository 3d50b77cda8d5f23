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
		e := w.engine()
		e.o.Interval = func() time.Duration { return 10 * time.Minute }
		ctx, cancel := context.WithTimeout(t.Context(), 20*24*time.Hour)
		defer cancel()
		if err := e.Run(ctx, t.Context()); err != nil {
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
