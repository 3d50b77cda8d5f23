// Package search reads a query of X to the end and then keeps up with it, for ever.
//
// It guarantees that every post that X's index holds for the query, from the backfill's
// begin on, is published at least once, whatever stops it in between: each page is published
// and acknowledged before the checkpoint moves past it, and what a page's successors hold
// stays in the checkpoint as an open gap until it has been read. Nothing is asked for before
// the day's budget has been charged with it and that has been saved.
//
// Searches overlap by window.Overlap, because X's index is not in order. What an overlap
// brings again is left out by the intake, and not counted, since X bills a post once a UTC
// day; after a restart it is published and counted again, which is harmless: its id and
// revision are the same, and the count errs on the safe side.
package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/intake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/pace"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/window"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

const (
	// margin keeps clear of the edge of what X tells; wideMargin is taken when X still refuses.
	margin, wideMargin = 2 * time.Minute, time.Hour
	// minWait is between two rounds, whatever the interval.
	minWait = 100 * time.Millisecond
	// maxBackOff is the longest between two attempts while X is away: what an idle source asks as well.
	maxBackOff = 30 * time.Second
	// maxIdlePages is how many pages in a row may bring a chain of pages no further.
	maxIdlePages = 20
)

// errStopped ends a round between two pages because intake was stopped.
var errStopped = errors.New("stopped")

// Options are what an Engine needs. All fields but Lost and Log are required.
type Options struct {
	Query string
	// Interval is the time from one search for new posts to the next; it is asked each time.
	// X's rate limit may stretch it, so that requests are left until its window ends.
	Interval func() time.Duration
	// Live is how old a post may be to count as arrived live.
	Live     time.Duration
	Search   func(ctx context.Context, q xapi.Query) (*xapi.Answer, error)
	Take     func(ctx context.Context, live time.Duration, pages ...*post.Page) error
	Progress *progress.Progress
	// Report is told how each round went: nil, a *xapi.Problem or a *budget.SpentError.
	Report func(error)
	// Lost is told of gaps that X can no longer fill.
	Lost func(gaps []window.Gap)
	Log  *slog.Logger
}

// Engine searches. Run may be called once.
type Engine struct {
	o    Options
	pace pace.Pace
	kick chan struct{}
	wide bool // X refused a position inside its history: keep further from its edge

	mu       sync.Mutex
	searched time.Time // when, by X's clock, the head was last searched
	complete time.Time // when, by ours, all was last read
	resume   time.Time // X's rate limit allows no request before
	spacing  time.Duration
}

// New returns an engine.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lost == nil {
		o.Lost = func([]window.Gap) {}
	}
	return &Engine{
		o: o, kick: make(chan struct{}, 1),
		pace: pace.Pace{Network: pace.Exponential(time.Second, maxBackOff), HTTP: pace.Exponential(time.Second, maxBackOff)},
	}
}

// Kick has the next round begin at once, unless a rate limit, a spent budget or a back-off
// holds it.
func (e *Engine) Kick() {
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

// Run searches until ctx ends, finishes the page in hand under work and returns nil. An
// error means that Kafka did not take a page or a checkpoint before work ended.
func (e *Engine) Run(ctx, work context.Context) error {
	for {
		begun := time.Now()
		err := e.round(ctx, work)
		if errors.Is(err, errStopped) {
			return nil
		}
		wait, known := e.wait(err, begun)
		if !known {
			return err
		}
		e.o.Report(err)
		if spent := e.o.Progress.Spent(xapi.MinResults); err == nil && spent != nil {
			e.o.Report(spent) // now, and not when the next round finds it
		}
		kick := e.kick
		if err != nil || time.Until(e.resumes()) > 0 {
			kick = nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-kick:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// wait is how long to wait after a round that ended with err; false if err is none that
// waiting cures.
func (e *Engine) wait(err error, begun time.Time) (time.Duration, bool) {
	var problem *xapi.Problem
	var spent *budget.SpentError
	switch {
	case err == nil:
		e.pace.Reset()
		e.mu.Lock()
		defer e.mu.Unlock()
		next := begun.Add(max(e.o.Interval(), e.spacing))
		if e.resume.After(next) {
			next = e.resume
		}
		return max(time.Until(next), minWait), true
	case errors.As(err, &spent):
		return max(time.Until(spent.Until), time.Second), true
	case errors.As(err, &problem):
		return e.pace.Wait(problem), true
	}
	return 0, false
}

// round reads what is new and then, newest first, what is still open.
func (e *Engine) round(ctx, work context.Context) error {
	if err := e.expire(work); err != nil {
		return err
	}
	var head window.Gap
	e.o.Progress.View(func(w *window.Window) { head = w.Head(e.lastSearch()) })
	if err := e.read(ctx, work, head); err != nil {
		return err
	}
	for {
		var gap window.Gap
		e.o.Progress.View(func(w *window.Window) {
			if n := len(w.Gaps); n > 0 {
				gap = w.Gaps[n-1]
			}
		})
		if gap == (window.Gap{}) {
			break
		}
		if err := e.read(ctx, work, gap); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.complete = time.Now()
	return nil
}

// read pages down one span until nothing of it is left.
func (e *Engine) read(ctx, work context.Context, g window.Gap) error {
	q, idle, raised := e.query(g), 0, false
	for more := true; more; {
		if ctx.Err() != nil {
			return errStopped
		}
		before := g.Until
		rest, next, err := e.page(work, g, q)
		var problem *xapi.Problem
		if errors.As(err, &problem) && problem.Kind == xapi.TooOld && !raised {
			raised = true
			if g, more, err = e.tooOld(work, g, problem); err != nil {
				return err
			}
			q = e.query(g)
			continue
		}
		if err != nil {
			return err
		}
		g, q.Next, more = rest, next, next != "" // X wants the rest of the query unchanged beside a token
		if idle++; g.Until != before {
			idle = 0
		}
		if idle > maxIdlePages {
			return &xapi.Problem{Kind: xapi.Transient, Status: 200, Reason: "NoProgress",
				Message: fmt.Sprintf("X gave %d pages in a row that lead no further; it is asked again", idle)}
		}
	}
	return nil
}

// page asks for one page at the upper end of g: charge the budget -> save -> ask ->
// publish -> note and save. A crash at any point asks for the page again and loses nothing.
// It returns what is left of g and the token of the next page.
func (e *Engine) page(work context.Context, g window.Gap, q xapi.Query) (window.Gap, string, error) {
	if d := time.Until(e.resumes()); d > 0 {
		return g, "", &xapi.Problem{Kind: xapi.RateLimited, Reason: "RateLimited", Status: 429, Wait: d,
			Message: "X's window of requests is used up; reading goes on when it ends"}
	}
	reserved, err := e.o.Progress.Reserve(work, xapi.MaxResults, xapi.MinResults)
	if err != nil {
		return g, "", err
	}
	if q.Max = reserved.N; q.Next != "" && q.Max < xapi.MaxResults {
		q = e.query(g) // a smaller page is another query: its position is asked for instead of the token
		q.Max = reserved.N
	}
	failpoint.Here(failpoint.XReserved)
	answer, err := e.o.Search(work, q)
	if err != nil {
		e.refund(reserved, err)
		return g, "", err
	}
	if answer.Page.Len() > 0 {
		failpoint.Here(failpoint.XPageRead)
	}
	if err := e.o.Take(work, e.o.Live, answer.Page); err != nil {
		return g, "", err
	}
	if answer.Page.Len() > 0 {
		failpoint.Here(failpoint.XPageWritten)
	}
	ids, bad := intake.IDs(answer.Page)
	e.o.Progress.Settle(reserved, ids, bad)
	rest := g
	err = e.o.Progress.Update(work, func(w *window.Window) {
		newest, oldest := answer.Page.Bounds()
		rest, _ = w.Read(g, newest, oldest, answer.Page.Next != "")
	})
	e.note(g, answer)
	e.o.Log.Debug("page", "event", answer.Page.Len(), "until", rest.Until.String(), "more", answer.Page.Next != "")
	return rest, answer.Page.Next, err
}

// refund gives a reservation back if X cannot have billed it.
func (e *Engine) refund(r budget.Reservation, err error) {
	var problem *xapi.Problem
	if errors.As(err, &problem) && !problem.Billed {
		e.o.Progress.Settle(r, nil, 0)
	}
}

// note keeps what an answer says about time.
func (e *Engine) note(g window.Gap, a *xapi.Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g.Until == 0 {
		e.searched = a.At
	}
	e.resume, e.spacing = time.Time{}, a.Spacing
	if a.Pause > 0 {
		e.resume = time.Now().Add(a.Pause)
	}
}

// query is the request for a span. X refuses positions older than its history, and a time
// beside until_id; a time is then asked for as an id.
func (e *Engine) query(g window.Gap) xapi.Query {
	q := xapi.Query{Text: e.o.Query, Until: g.Until}
	horizon := e.horizon()
	at := g.After.Time()
	if g.After != 0 && (at.IsZero() || at.After(horizon)) {
		q.After = g.After
		return q
	}
	from := g.From
	for _, t := range []time.Time{at, horizon} {
		if t.After(from) {
			from = t
		}
	}
	if g.Until != 0 {
		q.After = idAt(from)
		return q
	}
	q.From = from
	return q
}

// horizon is the oldest time that may be asked for.
func (e *Engine) horizon() time.Time {
	m := margin
	if e.wide {
		m = wideMargin
	}
	return time.Now().Add(m - xapi.History)
}
