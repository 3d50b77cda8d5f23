package stream

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// one is a share of the partitions with one record.
type one struct{ given bool }

func (o *one) Fetch(ctx context.Context) ([]kafka.Record, error) {
	if !o.given {
		o.given = true
		return []kafka.Record{{Topic: "in"}}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (*one) Done(int, int64) {}

// A replica whose partitions go to another while nothing can be handled may be given none for a long time.
func TestWhoLeavesABatchToAnotherDoesNotSayThatItsHandlerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := health.New("scorer", "one")
		l := &Loop{Log: slog.New(slog.DiscardHandler), Health: h, Handle: func(context.Context, []kafka.Record) ([]kafka.Record, error) {
			return nil, errors.New("nobody there")
		}}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			l.generation(ctx, &one{})
		}()
		<-time.After(10 * time.Minute)
		if got := h.Snapshot().GetConditions(); len(got) != 1 || got[0].GetName() != "handler" {
			t.Errorf("got %v while it fails, want the condition handler", got)
		}
		cancel()
		<-over
		if got := h.Snapshot().GetConditions(); len(got) != 0 {
			t.Errorf("got %v once another has its batch, want none", got)
		}
	})
}
