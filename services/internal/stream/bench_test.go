package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// BenchmarkLoop copies records of 200 bytes from one topic to another, acks=all, by the loop
// and, for comparison, by a bare fetch and write with the same client.
func BenchmarkLoop(b *testing.B) {
	for _, batch := range []int{1, 100, 500, 2000} {
		b.Run(fmt.Sprintf("bare/batch=%d", batch), func(b *testing.B) { copyAll(b, batch, bare) })
		b.Run(fmt.Sprintf("loop/batch=%d", batch), func(b *testing.B) { copyAll(b, batch, looped) })
	}
}

type copier func(ctx context.Context, c *kafka.Client, s kafka.Subscription, out string, seen func(int)) error

func bare(ctx context.Context, c *kafka.Client, s kafka.Subscription, out string, seen func(int)) error {
	return c.Consume(ctx, s, func(ctx context.Context, g *kafka.Generation) error {
		for {
			recs, err := g.Fetch(ctx)
			if err != nil {
				return nil
			}
			to := make([]kafka.Record, len(recs))
			for i, r := range recs {
				to[i] = kafka.Record{Topic: out, Key: r.Key, Value: r.Value}
			}
			if err := c.Write(context.WithoutCancel(ctx), to...); err != nil {
				return err
			}
			for _, r := range recs {
				g.Done(r.Partition, r.Offset+1)
			}
			seen(len(recs))
		}
	})
}

func looped(ctx context.Context, c *kafka.Client, s kafka.Subscription, out string, seen func(int)) error {
	l := &stream.Loop{
		Consume: c.Consume, Subscription: s, DeadLetters: out, Log: slog.New(slog.DiscardHandler),
		Write: func(ctx context.Context, recs ...kafka.Record) error {
			err := c.Write(ctx, recs...)
			seen(len(recs))
			return err
		},
		Handle: func(_ context.Context, recs []kafka.Record) ([]kafka.Record, error) {
			to := make([]kafka.Record, len(recs))
			for i, r := range recs {
				to[i] = kafka.Record{Topic: out, Key: r.Key, Value: r.Value}
			}
			return to, nil
		},
	}
	return l.Run(ctx)
}

func copyAll(b *testing.B, batch int, run copier) {
	broker := kafkatest.Embedded(b)
	in, out := broker.Topic(b, 4), broker.Topic(b, 4)
	c := broker.Client(b)
	value := make([]byte, 200)
	recs := make([]kafka.Record, 0, 1000)
	for i := range b.N {
		recs = append(recs, kafka.Record{Topic: in, Key: fmt.Append(nil, i), Value: value})
		if len(recs) == cap(recs) || i == b.N-1 {
			if err := c.Write(b.Context(), recs...); err != nil {
				b.Fatal(err)
			}
			recs = recs[:0]
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	n := 0
	b.ResetTimer()
	if err := run(ctx, c, kafka.Subscription{Group: in, Topic: in, MaxBatch: batch}, out, func(k int) {
		if n += k; n >= b.N {
			cancel()
		}
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
