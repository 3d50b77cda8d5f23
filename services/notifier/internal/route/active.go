package route

import (
	"cmp"
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// active is a route while this process owns it. All of it belongs to one goroutine.
type active struct {
	*Route
	g    Generation
	hand context.Context // for what is finished after the generation's end
	mem  *memory.Memory
	// pacer gives the turns in the channel.
	pacer *sink.Pacer

	track *tracker
	out   []*feedbackv1.Notification // to be written
	dead  []kafka.Record             // to be written with them
	ends  []position                 // done when these are written

	waiting   []*item              // untold, oldest first
	bytes     int                  // of the waiting ones
	byID      map[string]*item     // waiting ones, their copies and those of the digest in hand
	byKey     map[string]*item     // waiting ones by collapse key
	changes   map[string]*change   // of messages that stand, by message
	revisions []*change            // those with revisions of what was told, oldest first
	recounts  []*change            // those with counts that are old, oldest first
	revising  map[string]*item     // the revisions by event
	uncounted map[string]time.Time // events with an old count that no message shows, and since when
	rest      time.Time            // nothing that stands is changed before this
	doubts    map[string]time.Time // events that may have been posted, and when at the earliest
	suspects  []suspect
	digest    *parcel // the digest in hand
	reuse     string  // id of a digest that was certainly not posted
	burst     bool
	burstNext time.Time
	fetched   time.Time // when the last batch came
	gained    time.Time // when the partitions were
	alternate bool
	swept     time.Time
	observed  time.Time

	trouble trouble
	alive   time.Time // when the loop was last seen running
	still   time.Time // nothing is posted before this
}

// item is one event that is to be told, or a revision that is to be shown.
type item struct {
	event  *feedbackv1.ScoredEvent
	at     []position // done when it is told
	since  time.Time  // when it was scored
	size   int
	copies []*item           // equal ones that came while it waited
	of     *item             // of which it is a copy
	later  *item             // newer revision that waits until a doubt is resolved
	held   bool              // in the digest in hand
	plain  bool              // the full card was refused
	trace  trace.SpanContext // in which it came; not valid while tracing is off
	keys   []string
}

// collapseKeys are the event's, found once: that costs more than all else that is decided.
func (it *item) collapseKeys() []string {
	if it.keys == nil {
		it.keys = append([]string{}, memory.Keys(it.event.GetEvent())...)
	}
	return it.keys
}

func (it *item) id() string       { return it.event.GetEvent().GetId() }
func (it *item) revision() uint64 { return it.event.GetEvent().GetRevision() }
func (it *item) count() int       { return 1 + len(it.copies) }
func (it *item) all() []*item     { return append([]*item{it}, it.copies...) }
func (it *item) newest() uint64 {
	if it.later != nil {
		return it.later.revision()
	}
	return it.revision()
}

func newActive(hand context.Context, r *Route, g Generation) *active {
	now := time.Now()
	return &active{
		Route: r, g: g, hand: hand, mem: memory.New(r.Name, card.Shown), pacer: r.Pace(""), track: newTracker(),
		byID: map[string]*item{}, byKey: map[string]*item{}, changes: map[string]*change{}, revising: map[string]*item{},
		uncounted: map[string]time.Time{}, doubts: map[string]time.Time{}, alive: now, fetched: now, swept: now,
	}
}

// traces are the contexts in which items and their copies came; none while tracing is off.
func (a *active) traces(items ...*item) []trace.SpanContext {
	if a.Traces == nil {
		return nil
	}
	var out []trace.SpanContext
	for _, it := range items {
		for _, i := range it.all() {
			out = append(out, i.trace)
		}
	}
	return out
}

// run takes events and tells them until ctx ends.
func (a *active) run(ctx context.Context) {
	batches, probes := make(chan []kafka.Record), make(chan error, 1)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	helpers.Go(func() { a.fetch(ctx, batches) })
	helpers.Go(func() { a.probe(ctx, probes) })
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for ctx.Err() == nil {
		a.takeAll(batches)
		a.observe()
		a.checkPause()
		if a.act(ctx) {
			continue
		}
		timer.Reset(a.nap())
		in := batches
		if a.full() {
			in = nil
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
		case err := <-probes:
			a.probed(err)
		case batch := <-in:
			a.take(batch)
		}
	}
}

// fetch hands batches over, so that the loop never waits for one.
func (a *active) fetch(ctx context.Context, batches chan<- []kafka.Record) {
	for {
		batch, err := a.g.Fetch(ctx)
		if err != nil {
			return
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return
		}
	}
}

// takeAll takes what has been fetched, a bounded number of batches, and writes what it
// decided at once.
func (a *active) takeAll(batches <-chan []kafka.Record) {
	for n := 0; n < 50 && !a.full(); n++ {
		select {
		case batch := <-batches:
			a.take(batch)
			continue
		default:
		}
		break
	}
	_ = a.flush()
}

func (a *active) take(batch []kafka.Record) {
	a.fetched = time.Now()
	for _, r := range batch {
		a.plan(r)
	}
}

// full tells that nothing more is taken for now: lag grows in Kafka instead.
func (a *active) full() bool {
	return len(a.byID) >= maxDigest || len(a.revising) >= maxDigest || a.bytes > a.maxWaiting() || a.track.held() > maxHeld
}

// checkPause notices that the process was stopped and then holds still until a heartbeat
// would have ended a generation that is over.
func (a *active) checkPause() {
	now := time.Now()
	if now.Sub(a.alive) > maxPause {
		a.still = now.Add(settle)
	}
	a.alive = now
}

// awake tells whether the process has certainly not been stopped since the loop chose what
// to do: only then is a lease taken.
func (a *active) awake(ctx context.Context) bool {
	return ctx.Err() == nil && time.Since(a.alive) < maxPause
}

// nap is how long the loop sleeps when there is nothing to do: until its turn, a tick at
// most.
func (a *active) nap() time.Duration {
	now := time.Now()
	job := a.next(now)
	if job.do == nil {
		return tick
	}
	return min(tick, max(a.pacer.Wait(now), job.wait(now), a.trouble.until.Sub(now), a.still.Sub(now), time.Millisecond))
}

// job is something to do. It waits for its turn in the channel and for its budget, if it has
// one.
type job struct {
	do     func(context.Context)
	budget *sink.Budget
}

func (j job) wait(now time.Time) time.Duration {
	if j.budget == nil {
		return 0
	}
	return j.budget.Wait(now)
}

func (j job) take(now time.Time) bool { return j.budget == nil || j.budget.Take(now) == 0 }

// act does the next thing if it is its turn.
func (a *active) act(ctx context.Context) bool {
	now := time.Now()
	if now.Before(a.trouble.until) || now.Before(a.still) {
		return false
	}
	job := a.next(now)
	if job.do == nil || a.pacer.Wait(now) > 0 || !job.take(now) || a.pacer.Take(now) > 0 {
		return false
	}
	a.alternate = !a.alternate
	job.do(ctx)
	a.pacer.Done(time.Now())
	_ = a.flush()
	a.checkPause() // slow, or stopped in the middle: it cannot be told
	return true
}

// next chooses what to do: what makes good a doubt, then what people wait for, which is new
// events, and changes of what stands only in turn with them once they have waited for
// changeLate; counts last. What has no budget left gives way.
func (a *active) next(now time.Time) job {
	told := job{a.nextTold(now), a.Quota.Posts}
	turn := !a.alternate || len(a.revisions) == 0 || now.Sub(a.revisions[0].since) <= changeLate
	changed := job{nil, a.Quota.Updates}
	if len(a.revisions) > 0 && !now.Before(a.rest) {
		changed.do = a.revise
	}
	switch {
	case a.suspectDue(now):
		return job{a.checkSuspects, nil}
	case a.digest != nil:
		return job{a.postDigest, a.Quota.Posts}
	case told.do != nil && (changed.do == nil || changed.wait(now) > 0):
		return told
	case told.do != nil && told.wait(now) == 0 && turn:
		return told
	case changed.do != nil:
		return changed
	case !now.Before(a.rest):
		changed.do = a.nextCount(now)
	}
	return changed
}

// nextTold chooses how waiting events are told: one by one, or as a digest.
func (a *active) nextTold(now time.Time) func(context.Context) {
	n := len(a.waiting)
	switch {
	case n == 0:
		a.burst = a.burst && now.Before(a.burstNext)
		return nil
	case len(a.byID) >= maxDigest || a.bytes > a.maxWaiting():
		return a.makeDigest
	case a.Digest:
		// Just gained, what waits in Kafka is taken first, so that it becomes one digest.
		if caughtUp := now.Sub(a.gained) > catchUp || now.Sub(a.fetched) > time.Second; caughtUp && !now.Before(a.due(a.waiting[0])) {
			return a.makeDigest
		}
		return nil
	case a.burst && now.Before(a.burstNext):
		return nil
	case n > a.DigestAfter:
		return a.makeDigest
	}
	a.burst = false
	return a.tell
}

// due is when the digest's window is over into which the item fell.
func (a *active) due(it *item) time.Time { return windowStart(it.since, a.Interval).Add(a.Interval) }

// observe sets the gauges and forgets what is old.
func (a *active) observe() {
	now := time.Now()
	if now.Sub(a.observed) < tick {
		return
	}
	a.observed = now
	a.countQuietly(now)
	pending, overdue, oldest := 0, 0, time.Duration(0)
	for _, it := range a.waiting {
		pending += it.count()
		late := it.since.Add(lateAfter)
		if a.Digest {
			late = a.due(it).Add(lateAfter)
		}
		if now.After(late) {
			overdue += it.count()
		}
		oldest = max(oldest, now.Sub(it.since))
	}
	if a.digest != nil {
		pending += a.digest.count
	}
	a.gauges(pending, overdue, oldest)
	changes := len(a.revising) + len(a.uncounted)
	for _, c := range a.recounts {
		changes += len(c.counts)
	}
	a.Metrics.changes.WithLabelValues(a.Name).Set(float64(changes))
	a.Metrics.memory.WithLabelValues(a.Name).Set(float64(a.mem.Len()))
	if now.Sub(a.swept) > 10*time.Minute || a.mem.Len() > a.maxTold() {
		a.forget(now.Add(-a.memoryFor()))
		a.swept = now
	}
}

// forget drops what is older than the time given and what is too much. Where that takes
// events that are young enough to be told if they came again, it says so.
func (a *active) forget(before time.Time) {
	most := a.maxTold()
	full := a.mem.Len() > most
	since := a.mem.Forget(before, most)
	a.Metrics.since.WithLabelValues(a.Name).Set(float64(since.Unix()))
	if now := time.Now(); full && now.Sub(since) < a.ageLimit() {
		a.Log.Warn("the memory is full: events that are not older than maxAge are forgotten and would be told again if they came again, or were edited",
			"events", most, "since", since, "remedy", "raise the memory limit, or give the route a narrower match or a shorter maxAge")
	}
}

func (a *active) maxTold() int { return cmp.Or(a.MaxTold, memory.MaxTold) }

func (a *active) maxWaiting() int { return cmp.Or(a.MaxWaiting, maxBytes) }
