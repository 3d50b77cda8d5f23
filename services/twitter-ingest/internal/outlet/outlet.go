// Package outlet hands records to Kafka and does not give up.
//
// It guarantees that Write returns nil only when every record, or its dead letter, has been
// acknowledged; while Kafka is down it holds the caller back, so that nothing is read from X
// that cannot be kept.
package outlet

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// Func writes records and returns when they are acknowledged; kafka.Client's Write is one.
type Func func(ctx context.Context, recs ...kafka.Record) error

const (
	firstWait = 250 * time.Millisecond
	maxWait   = 10 * time.Second
)

// Persist returns a Func that repeats w, with back-off, for what was not acknowledged until
// all is or ctx ends. A record that is too large for its topic goes to the dead letters.
// report is told of each failure, and with nil of each success.
func Persist(w Func, deadLetters string, report func(error)) Func {
	return func(ctx context.Context, recs ...kafka.Record) error {
		for wait := firstWait; len(recs) > 0; wait = min(2*wait, maxWait) {
			err := w(ctx, recs...)
			if err != nil && ctx.Err() != nil {
				return err
			}
			recs = left(recs, err)
			if errors.Is(err, kafka.ErrTooLarge) {
				recs, err = alone(ctx, w, recs, deadLetters)
			}
			report(err)
			if len(recs) == 0 {
				return nil
			}
			if err := run.Sleep(ctx, wait/2+rand.N(wait/2)); err != nil {
				return err
			}
		}
		return nil
	}
}

// left are the records that err says were not acknowledged.
func left(recs []kafka.Record, err error) []kafka.Record {
	var we *kafka.WriteError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &we):
		return recs
	}
	out := make([]kafka.Record, 0, len(we.Failed))
	for _, i := range we.Failed {
		out = append(out, recs[i])
	}
	return out
}

// alone writes the records one by one, those that are too large to the dead letters, and
// returns what failed and why.
func alone(ctx context.Context, w Func, recs []kafka.Record, deadLetters string) (failed []kafka.Record, why error) {
	for _, r := range recs {
		err := w(ctx, r)
		if errors.Is(err, kafka.ErrTooLarge) && r.Topic != deadLetters {
			err = w(ctx, feedback.DeadLetter(deadLetters, r, "TooLarge", err, 1))
		}
		if err != nil {
			failed, why = append(failed, r), err
		}
	}
	return failed, why
}
