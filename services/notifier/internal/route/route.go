package route

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

const (
	// lease is how long after its intent nobody else posts a message; postTimeout is what a
	// post may take of it. A killed owner is noticed after its group session of 6 s, so that
	// the lease costs next to nothing.
	lease       = 8 * time.Second
	postTimeout = 5 * time.Second
	callTimeout = 10 * time.Second
	// inHand is how long after the end of a generation its last message may be finished.
	inHand = 8 * time.Second
	// skew is by how much our clock may differ from Slack's.
	skew = 2 * time.Minute
	// collapseWindow is how far apart equal texts are one.
	collapseWindow = 24 * time.Hour
	// BurstPause is the least time between two digests of one burst.
	BurstPause = 30 * time.Second
	// maxDigest is how many events one digest tells; its record holds their ids.
	maxDigest = 5000
	// maxBytes bounds the waiting events where MaxWaiting does not; maxHeld the records that are held behind the oldest
	// untold one.
	maxBytes = 32 << 20
	maxHeld  = 500_000
	// A count is shown when nothing else waits, or after countLate whatever waits.
	countSoon = 5 * time.Second
	countLate = 30 * time.Second
	// changeLate is how long an edit or a deletion of what was told gives way to new events.
	changeLate = 10 * time.Second
	// What was in doubt is looked up again after these times.
	firstCheck  = 20 * time.Second
	secondCheck = 45 * time.Second
	// tick is how often the loop looks at the clock; a pause longer than maxPause means that
	// the process was stopped, and it then holds still for settle.
	tick     = 250 * time.Millisecond
	maxPause = 2 * time.Second
	settle   = 3 * time.Second
	// lateAfter is when what should have been told is overdue.
	lateAfter = time.Minute
	// catchUp is how long after the partitions were gained no digest is made while records
	// keep coming.
	catchUp = 5 * time.Second
	// overtakenFor is how long health tells of offsets that retention overtook; the metric
	// keeps them.
	overtakenFor = 10 * time.Minute
	// probeEvery is how often the token is asked about, and every second time the channel;
	// two probes fit into the 45 s in which health must tell a fault.
	probeEvery = 15 * time.Second
	// probeAgain is after how long a probe that failed is repeated.
	probeAgain = 5 * time.Second
	// maxID bounds an event's id, so that the record of a full digest fits.
	maxID = 180
)

// Config is what a route tells and how.
type Config struct {
	Name  string
	Match feedback.Match
	// Channel is the sink's, by name or id, for people to read.
	Channel string
	// MaxAge: older events are skipped.
	MaxAge time.Duration
	// Digest tells events in digests only; else each by itself.
	Digest bool
	// DigestAfter is how many may wait before a burst is told as a digest; for Each.
	DigestAfter int
	// Interval is the length of a digest's window; windows begin at its multiples in UTC.
	Interval time.Duration
}

// memoryFor is how long what became of an event is remembered.
func (c Config) memoryFor() time.Duration {
	return max(7*24*time.Hour, c.ageLimit()+24*time.Hour)
}

// ageLimit is from when an event is too old: waiting for a digest does not count.
func (c Config) ageLimit() time.Duration {
	if c.Digest {
		return c.MaxAge + c.Interval
	}
	return c.MaxAge
}

// bestFirst is a digest's order: a route that asks for high scores shows the best ones.
func (c Config) bestFirst() bool { return c.Match.ScoreAbove != nil && c.Match.ScoreBelow == nil }

// Sink is the route's channel. Its errors are for slackapi.Explain.
type Sink interface {
	Open(ctx context.Context) (sink.Place, error)
	Post(ctx context.Context, at sink.Place, m sink.Message) (sink.Place, error)
	Update(ctx context.Context, at sink.Place, m sink.Message) error
	Read(ctx context.Context, at sink.Place) (sink.Message, bool, error)
	Find(ctx context.Context, at sink.Place, from, to time.Time) ([]sink.Found, error)
	Delete(ctx context.Context, at sink.Place) error
	Probe(ctx context.Context) error
}

var _ Sink = (*sink.Slack)(nil)

// Generation is the member's share of `scored`; kafka.Generation is one.
type Generation interface {
	Partitions() []int
	Fetch(ctx context.Context) ([]kafka.Record, error)
	Done(partition int, next int64)
}

var _ Generation = (*kafka.Generation)(nil)

// Route tells the events of one route. Its fields are set before Own and not changed.
type Route struct {
	Config
	Pipeline string
	// Owner is unique to the process: a restarted one is another owner.
	Owner  string
	Topics feedback.Topics
	Format feedback.Format
	// Write writes records; an error means that not all were acknowledged.
	Write func(ctx context.Context, recs ...kafka.Record) error
	// Scan gives all records of the notifications topic as of now, in order within a
	// partition, several partitions at once.
	Scan func(ctx context.Context, f func(kafka.Record) error) error
	// MaxTold is how many events are remembered at most, whatever their age; 0 means
	// memory.MaxTold.
	MaxTold int
	// MaxWaiting is how many bytes of events wait before nothing more is fetched; 0 means 32 MB.
	MaxWaiting int
	Sink       Sink
	// Pace gives the turns of a channel by its id, and before that is known, for "", by the
	// name that is configured. Routes to one channel get the same.
	Pace func(channel string) *sink.Pacer
	// Quota is shared by the routes of one token.
	Quota *sink.Quota
	// Buried is shared by the routes of the process; nil: the route writes all dead letters.
	Buried  *Buried
	Health  *health.Reporter
	Metrics *Metrics
	// Traces knows the traces in which events come; nil while tracing is off.
	Traces *tracing.Tracer
	Log    *slog.Logger
}

// Own tells events for as long as the generation lasts: until ctx ends. The message in
// hand is then finished within work. A member without partitions stands by.
func (r *Route) Own(ctx, work context.Context, g Generation) error {
	if len(g.Partitions()) == 0 {
		r.standBy()
		<-ctx.Done()
		return nil
	}
	defer r.gauges(0, 0, 0)
	hand, cancel := context.WithCancel(work)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(inHand, cancel) })()
	a := newActive(hand, r, g)
	if err := a.restore(ctx); err != nil {
		return nil // ctx ended; the next generation begins anew
	}
	a.run(ctx)
	return nil
}

// Overtaken is told of offsets that retention deleted before they were read: their events
// are not told.
func (r *Route) Overtaken(partition int, from, to int64) {
	r.Metrics.overtaken.WithLabelValues(r.Name).Add(float64(to - from))
	r.Health.Degraded(r.condition()+"/retention", "Overtaken",
		fmt.Sprintf("retention deleted offsets %d to %d of %s[%d] before they were told: raise the retention or find out what held the route back", from, to-1, r.Topics.Scored, partition))
	time.AfterFunc(overtakenFor, func() { r.Health.Drop(r.condition() + "/retention") })
}

// Consuming is told how reading and committing go: what fails, and nil when it works again.
func (r *Route) Consuming(group string, err error) {
	if err == nil {
		r.Health.Good(r.condition() + "/consume")
		return
	}
	r.Log.Debug("cannot consume", "group", group, "error", err)
	r.Health.Failed(r.condition()+"/consume", "ConsumeFailed", fmt.Sprintf("cannot consume %s as %s: %v", r.Topics.Scored, group, err))
}

// WatchProgress says until ctx ends whether the route goes on: events that wait for their digest
// are not stuck. still is kafka.Progress's.
func (r *Route) WatchProgress(ctx context.Context, group string, limit time.Duration, still func() (time.Duration, int, int64)) {
	if r.Digest {
		limit += r.Interval
	}
	r.Health.WatchProgress(ctx, r.condition()+"/progress", group, r.Topics.Scored, limit, still)
}

// standBy says what is true of a route that another member owns.
func (r *Route) standBy() {
	r.Health.Good(r.condition())
	r.Health.Drop(r.condition() + "/history")
}

func (r *Route) gauges(pending, overdue int, oldest time.Duration) {
	r.Health.Gauge("pending/"+r.Name, float64(pending))
	r.Health.Gauge("overdue/"+r.Name, float64(overdue))
	r.Metrics.pending.WithLabelValues(r.Name).Set(float64(pending))
	r.Metrics.overdue.WithLabelValues(r.Name).Set(float64(overdue))
	r.Metrics.oldest.WithLabelValues(r.Name).Set(oldest.Seconds())
}

func (r *Route) condition() string { return "route/" + r.Name }
