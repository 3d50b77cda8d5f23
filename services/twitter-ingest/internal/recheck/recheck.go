// Package recheck looks published posts up again, since X's search tells neither of a
// deletion nor of an edit that no longer matches the query.
//
// It does what costs nothing and admits the rest: a post is looked up some minutes, an hour
// and six hours after it was published, as long as it is the same UTC day, on which X bills
// a post that was read once no more. A deletion after that, or of a post that was published
// before the process started, is not seen. Only X's explicit word that one post is gone
// counts as its deletion; what X does not mention is left as it is.
package recheck

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/intake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/pace"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

// ages are how long after its publication a post is looked up.
var ages = [...]time.Duration{5 * time.Minute, time.Hour, 6 * time.Hour}

const (
	// tick is how often what is due is looked up.
	tick = time.Minute
	// maxIDs is how many posts X takes in one look-up.
	maxIDs = 100
	// maxQueued bounds the posts that wait for each age; the oldest give way.
	maxQueued = 20_000
)

// Options are what a Recheck needs. All fields but Log are required.
type Options struct {
	Lookup   func(ctx context.Context, ids []snowflake.ID) (*xapi.Answer, error)
	Take     func(ctx context.Context, live time.Duration, pages ...*post.Page) error
	Delete   func(ctx context.Context, eventID string) error
	Progress *progress.Progress
	Log      *slog.Logger
}

// Recheck looks posts up again. Run may be called once; Published at any time.
type Recheck struct {
	o    Options
	pace pace.Pace

	mu     sync.Mutex
	queues [len(ages)][]entry // by age, oldest first
}

type entry struct {
	first, latest snowflake.ID
	published     time.Time
}

// New returns a recheck without posts.
func New(o Options) *Recheck {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	minutes := pace.Exponential(time.Minute, 15*time.Minute)
	return &Recheck{o: o, pace: pace.Pace{Network: minutes, HTTP: minutes}}
}

// Published notes a post to be looked up.
func (r *Recheck) Published(t post.Post) {
	r.push(0, entry{first: t.First(), latest: t.ID, published: time.Now()})
}

func (r *Recheck) push(age int, entries ...entry) {
	if age == len(ages) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queues[age] = append(r.queues[age], entries...)
	r.queues[age] = r.queues[age][max(0, len(r.queues[age])-maxQueued):]
}

// due takes up to maxIDs posts off a queue whose time has come. Those that X would bill
// again are dropped.
func (r *Recheck) due(age int, now time.Time) []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []entry
	q := r.queues[age]
	for len(q) > 0 && len(out) < maxIDs && !q[0].published.Add(ages[age]).After(now) {
		if r.o.Progress.Seen(q[0].latest) {
			out = append(out, q[0])
		}
		q = q[1:]
	}
	r.queues[age] = q
	return out
}

// Run looks posts up until ctx ends; it finishes the look-up in hand under work and returns
// nil. An error means that Kafka did not take a record before work ended.
func (r *Recheck) Run(ctx, work context.Context) error {
	wait := tick
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		var problem *xapi.Problem
		var spent *budget.SpentError
		pause, err := r.round(ctx, work)
		switch {
		case err == nil:
			r.pace.Reset()
			wait = max(tick, pause)
		case errors.As(err, &spent):
			wait = tick
		case errors.As(err, &problem):
			wait = r.pace.Wait(problem)
			r.o.Log.Warn("posts cannot be looked up for edits and deletions", "error", err, "again_in", wait)
		default:
			return err
		}
	}
}

// round looks up all that is due. It returns how long X asks to wait.
func (r *Recheck) round(ctx, work context.Context) (time.Duration, error) {
	for age := range ages {
		for ctx.Err() == nil {
			entries := r.due(age, time.Now())
			if len(entries) == 0 {
				break
			}
			kept, pause, err := r.check(work, entries)
			if err != nil {
				r.mu.Lock()
				r.queues[age] = append(entries, r.queues[age]...)
				r.mu.Unlock()
				return 0, err
			}
			r.push(age+1, kept...)
			if pause > 0 {
				return pause, nil
			}
		}
	}
	return 0, nil
}

// check looks the posts up and publishes what has become of them. It returns those to be
// looked up again: what was edited comes back as a post of its own.
func (r *Recheck) check(work context.Context, entries []entry) (kept []entry, pause time.Duration, err error) {
	ids := make([]snowflake.ID, len(entries))
	for i, e := range entries {
		ids[i] = e.latest
	}
	answer, err := r.lookup(work, ids)
	if err != nil {
		return nil, 0, err
	}
	newer := map[snowflake.ID]snowflake.ID{} // by the post's first id
	for _, t := range answer.Page.Posts {
		newer[t.First()] = t.Latest()
	}
	var edited []snowflake.ID
	var deleted []string
	for _, e := range entries {
		switch {
		case newer[e.first] > e.latest:
			edited = append(edited, newer[e.first])
		case slices.ContainsFunc(answer.Page.Problems, func(p post.Problem) bool { return gone(p, e.latest) }):
			deleted = append(deleted, post.EventID(e.first))
		default:
			kept = append(kept, e)
		}
	}
	pause = answer.Pause
	if len(edited) > 0 {
		if answer, err = r.lookup(work, edited); err != nil {
			return nil, 0, err
		}
		if err := r.o.Take(work, time.Hour, answer.Page); err != nil {
			return nil, 0, err
		}
		pause = answer.Pause
	}
	for _, id := range deleted {
		if err := r.o.Delete(work, id); err != nil {
			return nil, 0, err
		}
	}
	return kept, pause, nil
}

// lookup charges the budget, saves that and asks.
func (r *Recheck) lookup(work context.Context, ids []snowflake.ID) (*xapi.Answer, error) {
	reserved, err := r.o.Progress.Reserve(work, len(ids), len(ids))
	if err != nil {
		return nil, err
	}
	answer, err := r.o.Lookup(work, ids)
	var problem *xapi.Problem
	switch {
	case err == nil:
		read, bad := intake.IDs(answer.Page)
		r.o.Progress.Settle(reserved, read, bad)
	case errors.As(err, &problem) && !problem.Billed:
		r.o.Progress.Settle(reserved, nil, 0)
	}
	return answer, err
}

// gone tells whether X's problem says that the post of this id is no longer shown: deleted,
// or its author is protected, suspended or gone.
func gone(p post.Problem, id snowflake.ID) bool {
	if p.ResourceID != id.String() && string(p.Value) != id.String() {
		return false
	}
	return strings.HasSuffix(p.Type, "/resource-not-found") || strings.HasSuffix(p.Type, "/not-authorized-for-resource")
}
