// Package stream is the loop that services are made of: consume, handle, produce, commit.
//
// It guarantees at least once, in order within a partition: an offset is committed only
// after all that its record produced has been acknowledged by every in-sync replica, and
// never past a record that is not done. A crash at any point hands records out again and
// never loses one. A record that cannot be handled goes to the dead letters with its reason
// and does not stall its partition; while nothing at all can be handled or written, the loop
// waits and lag grows in Kafka.
package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
)

// A Handler turns a batch of records, in order, into the records to produce, in order, each
// of which names its topic. It must be safe to call again with the same records, alone or in
// other company: after a crash they come again, and a batch that fails is taken apart to
// find the record that is to blame.
//
// An error from Permanent sends that record, once it stands alone, to the dead letters; any
// other error is retried.
type Handler func(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error)

// Permanent marks err as one that retrying cannot cure.
func Permanent(err error) error { return &permanentError{err} }

// IsPermanent tells whether err, or what it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Reasons of dead letters, as they stand in the header.
const (
	ReasonPermanent = "Permanent"     // the handler says that the record cannot be handled
	ReasonFailed    = "HandlerFailed" // the record fails again and again while others pass
	ReasonTooLarge  = "TooLarge"      // what it produced is larger than the broker takes
)

const (
	defaultAttempts = 5
	defaultDrain    = 10 * time.Second
)

// Loop consumes one topic as a member of a group.
type Loop struct {
	// Consume joins the group and calls f for each of its generations: kafka.Client.Consume.
	Consume func(ctx context.Context, s kafka.Subscription, f func(ctx context.Context, g *kafka.Generation) error) error
	// Write writes records and returns when they are acknowledged: kafka.Client.Write.
	Write func(ctx context.Context, recs ...kafka.Record) error
	// Subscription says what is consumed. Its OnError and OnOvertaken are set by the loop.
	Subscription kafka.Subscription
	// Handle is called with one batch at a time, while the one before may still be written.
	Handle Handler
	// DeadLetters is the topic for what cannot be handled.
	DeadLetters string
	// Instead, where it is set, says what is produced in place of a dead letter of r, which may be nothing; DeadLetters is
	// not written to then. cause is without what Permanent marks it by.
	Instead func(r kafka.Record, reason string, cause error) []kafka.Record
	// Attempts is how often a record fails, while others pass, before it is a dead letter;
	// default 5.
	Attempts int
	// Telling tells whether a record that passes shows that all works which the handler needs; nil means that each does. A
	// record that passes without the service that others need must not witness that these are to blame when it is away.
	Telling func(kafka.Record) bool
	// Drain is how long the batch in hand may take once the generation or ctx has ended;
	// default 10 s, which is less than the group waits for a member.
	Drain time.Duration
	// Log, Health and Metrics are told how it goes. Log is required, the others may be nil.
	Log     *slog.Logger
	Health  *health.Reporter
	Metrics *Metrics
	// Traces makes the spans of batches and of what they produce; nil makes none.
	Traces *tracing.Tracer

	handlerBad bool           // and health says so
	witness    []kafka.Record // one record that passed lately: tells a bad record from a broken handler
}

// source is the part of a kafka.Generation that the loop uses.
type source interface {
	Fetch(ctx context.Context) ([]kafka.Record, error)
	Done(partition int, next int64)
}

var _ source = (*kafka.Generation)(nil)

// Run processes records until ctx ends, then finishes the batch in hand. It returns nil
// after a clean stop.
func (l *Loop) Run(ctx context.Context) error {
	s := l.Subscription
	s.OnError = l.consuming
	s.OnOvertaken = l.overtaken
	return l.Consume(ctx, s, func(ctx context.Context, g *kafka.Generation) error {
		l.Log.Info("partitions assigned", "topic", s.Topic, "partitions", g.Partitions(), "generation", g.ID)
		l.generation(ctx, g)
		return nil
	})
}

// generation processes batches until ctx ends. While one is written the next is fetched and handled; it is
// written only once the one before is acknowledged, so that order holds and nothing is done before
// all that stands below it is.
func (l *Loop) generation(ctx context.Context, g source) {
	written := func() error { return nil } // waits for the batch before
	for {
		batch, err := g.Fetch(ctx)
		if err != nil {
			break
		}
		failpoint.Here(failpoint.StreamFetched)
		began := time.Now()
		work, cancel := drainable(ctx, l.drain())
		traced, span := l.Traces.Process(work, l.Subscription.Group, l.Subscription.Topic, batch)
		out, batch, err := l.handle(traced, g, batch)
		if err = errors.Join(written(), err); err != nil {
			span.End(batch, err)
			cancel()
			l.left()
			l.Log.Warn("batch left to the next owner", "records", len(batch), "error", err)
			return
		}
		failpoint.Here(failpoint.StreamHandled)
		if l.handlerBad {
			l.handlerBad = false
			l.good("handler")
		}
		written = inBackground(func() error {
			defer cancel()
			span.Send(out)
			err := l.finish(traced, g, batch, out, began)
			span.End(batch, err)
			return err
		})
	}
	if err := written(); err != nil {
		l.Log.Warn("batch left to the next owner", "error", err)
	}
}

// left forgets that the handler fails: the records are the next owner's, and who is given none would say so for ever.
func (l *Loop) left() {
	if l.handlerBad {
		l.handlerBad = false
		l.Health.Drop("handler")
	}
}

// inBackground calls f at once and returns how to wait for its end.
func inBackground(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return func() error { return <-done }
}

// finish produces what was made of a batch and is done with it, in that order, so that a crash at any
// point hands it out again and never loses it. An error means that ctx ended before all was
// acknowledged; nothing is done then.
func (l *Loop) finish(ctx context.Context, g source, batch, out []kafka.Record, began time.Time) error {
	if err := l.produce(ctx, batch, out); err != nil {
		return err
	}
	failpoint.Here(failpoint.StreamProduced)
	for _, r := range batch {
		g.Done(r.Partition, r.Offset+1)
	}
	l.Metrics.batch(len(batch), len(out), time.Since(began))
	return nil
}

// produce writes out until all of it is acknowledged. What no broker takes is replaced by
// a dead letter, or Instead.
func (l *Loop) produce(ctx context.Context, batch, out []kafka.Record) error {
	for attempt := 0; len(out) > 0; attempt++ {
		err := l.Write(ctx, out...)
		if err == nil {
			break
		}
		var failed *kafka.WriteError
		if errors.As(err, &failed) {
			out = l.remaining(batch, out, failed)
			if len(failed.TooLarge) == len(failed.Failed) {
				continue
			}
		}
		if ctx.Err() != nil {
			return err
		}
		l.failing("kafka/write", "WriteFailed", fmt.Errorf("cannot write to %s: %w", out[0].Topic, err))
		if err := run.Sleep(ctx, backOff(attempt)); err != nil {
			return err
		}
	}
	l.good("kafka/write")
	return nil
}

// consuming takes in what fails of reading and committing; nil is well again.
func (l *Loop) consuming(err error) {
	if err == nil {
		l.good("kafka/consume")
		return
	}
	l.failing("kafka/consume", "ConsumeFailed", fmt.Errorf("cannot consume %s as %s: %w", l.Subscription.Topic, l.Subscription.Group, err))
}

// remaining gives the records that failed, with those that are too large turned into dead
// letters.
func (l *Loop) remaining(batch, out []kafka.Record, failed *kafka.WriteError) []kafka.Record {
	var left []kafka.Record
	for _, i := range failed.Failed {
		if slices.Contains(failed.TooLarge, i) {
			left = append(left, l.cannot(origin(batch, out[i]), ReasonTooLarge, kafka.ErrTooLarge, 1)...)
		} else {
			left = append(left, out[i])
		}
	}
	return left
}

// origin finds the record of the batch from which out was made, by its key; out itself if
// there is none.
func origin(batch []kafka.Record, out kafka.Record) kafka.Record {
	for i := len(batch) - 1; i >= 0; i-- {
		if string(batch[i].Key) == string(out.Key) {
			return batch[i]
		}
	}
	return out
}

// cannot is what is produced of a record that cannot be handled.
func (l *Loop) cannot(r kafka.Record, reason string, cause error, attempts int) []kafka.Record {
	if l.Instead != nil {
		return l.Instead(r, reason, cause)
	}
	l.Metrics.deadLetter(reason)
	l.Log.Warn("dead letter", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "reason", reason, "error", cause)
	return []kafka.Record{feedback.DeadLetter(l.DeadLetters, r, reason, cause, attempts)}
}

func (l *Loop) overtaken(partition int, from, to int64) {
	l.Metrics.overtaken(to - from)
	l.Log.Error("records were deleted by retention before they were read", "topic", l.Subscription.Topic,
		"partition", partition, "from", from, "to", to)
}

func (l *Loop) failing(condition, reason string, err error) {
	if l.Health == nil {
		l.Log.Warn("kafka: retrying", "reason", reason, "error", err)
		return
	}
	l.Log.Debug("kafka: retrying", "reason", reason, "error", err)
	l.Health.Failed(condition, reason, err.Error()) // which logs a change, and not each attempt
}

func (l *Loop) good(condition string) {
	if l.Health != nil {
		l.Health.Good(condition)
	}
}

func (l *Loop) drain() time.Duration {
	if l.Drain > 0 {
		return l.Drain
	}
	return defaultDrain
}

// drainable returns a context that outlives ctx by limit.
func drainable(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(limit, cancel)
		context.AfterFunc(work, func() { t.Stop() })
	})
	return work, func() { stop(); cancel() }
}
