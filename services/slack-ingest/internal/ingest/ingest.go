// Package ingest decides which Slack messages are feedback and writes them to Kafka.
//
// It guarantees that a change is reported as done only after the broker has
// acknowledged its event with acks=all, or when it is no feedback of this source.
package ingest

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

const (
	// remembered is how many of the events published last are not published again.
	remembered = 20_000
	// rootsKept is how many threads' roots are held.
	rootsKept = 5_000
	// liveLookups bounds the time that names and roots may take for live events, so that the
	// acknowledgement stays within Slack's limit.
	liveLookups = 1500 * time.Millisecond
	// backfillLookups is the same for history.
	backfillLookups = 30 * time.Second
	// coolDown is how long names are not asked for after Slack refused to tell one.
	coolDown = 10 * time.Second
)

// Options are what an Ingester works with. All functions are required but those marked.
type Options struct {
	Workspace event.Workspace
	Rules     event.Rules
	// ID is an event's id.
	ID func(team, channel, ts string) string
	// Accepts tells whether the source's match takes an event.
	Accepts func(*feedbackv1.Event) bool
	// Follows tells whether it takes a reply in a thread whose root it took: Accepts
	// without its keywords.
	Follows func(*feedbackv1.Event) bool
	// Channel gives a followed channel's name; false for a channel that is not followed.
	Channel func(id string) (name string, followed bool)
	// User gives a person by id.
	User func(ctx context.Context, id string) (*feedbackv1.Author, error)
	// ChannelName gives any channel's name by id, for mentions.
	ChannelName func(ctx context.Context, id string) (string, error)
	// Root reads the first message of a thread; nil if it is gone for good.
	Root func(ctx context.Context, channel, ts string) (*slack.Msg, error)
	// Record makes an event a record.
	Record func(*feedbackv1.Event) (kafka.Record, error)
	// DeadLetter makes a record that cannot be handled a dead letter.
	DeadLetter func(r kafka.Record, reason string, cause error) kafka.Record
	// Write returns after the broker has acknowledged.
	Write func(ctx context.Context, recs ...kafka.Record) error
	// Seen is told when an event was published; optional.
	Seen    func(time.Time)
	Metrics *metrics.Metrics
	// Log is told of each dead letter, never of what is in it.
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Result is what became of one change.
type Result struct {
	// Published is true if an event was written now. False without Err: it was written
	// before, or is no feedback.
	Published bool
	// Err is why it is not done; the change has to be handled again.
	Err error
}

// Ingester handles changes. Its methods may be called concurrently.
type Ingester struct {
	Options
	published *cache[revision] // by event id
	roots     *cache[root]     // by channel/ts
	seed      maphash.Seed
	cooling   cooling
	threads   *threads
}

// revision is the newest of an event that was published.
type revision struct {
	number  uint64
	text    uint64 // hash
	deleted bool
}

// New makes an Ingester.
func New(o Options) *Ingester {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Seen == nil {
		o.Seen = func(time.Time) {}
	}
	return &Ingester{Options: o, published: newCache[revision](remembered), roots: newCache[root](rootsKept), seed: maphash.MakeSeed(), threads: newThreads(rootsKept)}
}

// Handle publishes what of the changes is feedback, in one write, and gives one
// result for each. It returns when all are acknowledged or have failed.
func (i *Ingester) Handle(ctx context.Context, changes []event.Change) []Result {
	results := make([]Result, len(changes))
	var recs []kafka.Record
	var events []*feedbackv1.Event
	var at []int
	lookups, cancel := context.WithTimeout(ctx, budget(changes))
	defer cancel()
	i.warm(lookups, changes)
	for n, c := range changes {
		e, reason, err := i.plan(lookups, c)
		switch {
		case err != nil:
			results[n].Err = err
			continue
		case reason != "":
			i.Metrics.LeftOut.WithLabelValues(reason).Inc()
			continue
		}
		rec, err := i.Record(e)
		if err != nil {
			results[n].Err = err
			continue
		}
		recs, events, at = append(recs, rec), append(events, e), append(at, n)
	}
	for k, err := range i.publish(ctx, recs) {
		if err != nil {
			i.Metrics.PublishErrors.Inc()
			results[at[k]].Err = err
			continue
		}
		results[at[k]].Published = true
		i.done(events[k])
	}
	for n, r := range results {
		if r.Err == nil {
			i.threads.handled(changes[n])
		}
	}
	return results
}

func budget(changes []event.Change) time.Duration {
	if len(changes) > 0 && changes[0].Backfilled {
		return backfillLookups
	}
	return liveLookups
}

// done remembers that an event is in Kafka.
func (i *Ingester) done(e *feedbackv1.Event) {
	i.published.set(e.GetId(), i.revision(e))
	via := metrics.Live
	if e.GetBackfilled() {
		via = metrics.Backfill
	}
	i.Metrics.Published.WithLabelValues(via).Inc()
	i.Seen(i.Now())
}

func (i *Ingester) revision(e *feedbackv1.Event) revision {
	return revision{number: e.GetRevision(), text: maphash.String(i.seed, e.GetText()), deleted: e.GetDeleted()}
}

// repeated tells whether a newer revision of the event was published already, or the same,
// or one that says the same. Two live edits within a second have the same number and are
// told apart by what they say; history has only the last of them, and names in its text may
// have become known since.
func (i *Ingester) repeated(e *feedbackv1.Event) bool {
	last, ok := i.published.get(e.GetId())
	if !ok {
		return false
	}
	now := i.revision(e)
	same := last.text == now.text && last.deleted == now.deleted
	return last.number > now.number || same || last.number == now.number && e.GetBackfilled()
}

// publish gives an error for each record that is not acknowledged. What the broker will
// never take goes to the dead letters.
func (i *Ingester) publish(ctx context.Context, recs []kafka.Record) []error {
	errs := make([]error, len(recs))
	if len(recs) == 0 {
		return errs
	}
	err := i.Write(ctx, recs...)
	for _, n := range kafka.Failed(err, len(recs)) {
		if !errors.Is(err, kafka.ErrTooLarge) {
			errs[n] = err
			continue
		}
		// One of those that failed is too large; alone, each tells whether it is the one.
		errs[n] = i.Write(ctx, recs[n])
		if errors.Is(errs[n], kafka.ErrTooLarge) {
			errs[n] = i.bury(ctx, recs[n], metrics.TooLarge, errs[n])
		}
	}
	return errs
}

// Refuse writes a delivery that cannot be read to the dead letters, under its Slack id.
// After nil it may be acknowledged.
func (i *Ingester) Refuse(ctx context.Context, id string, payload []byte, cause error) error {
	return i.bury(ctx, kafka.Record{Key: []byte(id), Value: payload, Time: i.Now()}, metrics.Unreadable, cause)
}

// bury writes a dead letter and logs it; of one that is too large itself only its head is kept.
func (i *Ingester) bury(ctx context.Context, r kafka.Record, reason string, cause error) error {
	const head = 64 << 10
	letter := i.DeadLetter(r, reason, cause)
	err := i.Write(ctx, letter)
	if errors.Is(err, kafka.ErrTooLarge) && len(r.Value) > head {
		r.Value = r.Value[:head]
		err = i.Write(ctx, i.DeadLetter(r, reason, cause))
	}
	if err == nil {
		i.Metrics.DeadLetters.WithLabelValues(reason).Inc()
		i.Log.Warn("dead letter", "key", string(r.Key), "reason", reason, "error", cause)
	}
	return err
}
