package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// TestOldestUnhandledIsTrueWhileNothingMoves has a handler that hangs, then a broker that is gone.
func TestOldestUnhandledIsTrueWhileNothingMoves(t *testing.T) {
	b := kafkatest.Embedded(t)
	p := newPipe(t, b, 2)
	c := b.Client(t)
	told := time.Now().Add(-time.Hour).Truncate(time.Millisecond) // as Kafka keeps it
	var recs []kafka.Record
	for i := range 20 {
		recs = append(recs, kafka.Record{Topic: p.in, Key: fmt.Append(nil, i), Value: fmt.Append(nil, 100+i), Time: told})
	}
	if err := c.Write(t.Context(), recs...); err != nil {
		t.Fatal(err)
	}
	progress := kafka.NewProgress(prometheus.NewRegistry(), p.in+".loop", p.in)
	release := make(chan struct{})
	l := &stream.Loop{
		Consume: c.Consume, Write: c.Write, DeadLetters: p.dead, Log: slog.New(slog.DiscardHandler),
		Subscription: kafka.Subscription{Group: p.in + ".loop", Topic: p.in, Progress: progress},
		Handle: func(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
			<-release
			return p.copy(ctx, batch)
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	age := func(what string, ok func(time.Duration) bool) {
		t.Helper()
		kafkatest.Eventually(t, 30*time.Second, func() error {
			if got := progress.Oldest(); !ok(got) {
				return fmt.Errorf("the oldest unhandled record is %s old, want %s", got, what)
			}
			return nil
		})
	}
	age("an hour", func(d time.Duration) bool { return d >= time.Since(told)-time.Second && d <= time.Since(told) })
	close(release)
	age("0, caught up", func(d time.Duration) bool { return d == 0 })
	b.Stop()
	age("more than 5 s since the broker is gone", func(d time.Duration) bool { return d > 5*time.Second && d < time.Minute })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}
