package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// Records that are nearly as large as a broker takes pass, however little is asked for at once.
func TestLargeRecordsPass(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		const n = 40
		topic, filler := b.Topic(t, 6), strings.Repeat("large ", 150_000)
		c := b.Client(t)
		for i := range n {
			if err := c.Write(t.Context(), kafka.Record{Topic: topic, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i, filler)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		seen, most := map[string]bool{}, 0
		err := c.Consume(ctx, kafka.Subscription{Group: topic, Topic: topic, MaxBytes: 64 << 10}, func(ctx context.Context, g *kafka.Generation) error {
			for len(seen) < n {
				recs, err := g.Fetch(ctx)
				if err != nil {
					return nil
				}
				most = max(most, len(recs))
				for _, r := range recs {
					if len(r.Value) < len(filler) {
						t.Errorf("record %s has %d bytes, want %d at least", r.Key, len(r.Value), len(filler))
					}
					seen[string(r.Key)] = true
					g.Done(r.Partition, r.Offset+1)
				}
			}
			cancel()
			return nil
		})
		if err != nil || len(seen) != n {
			t.Errorf("Consume = %v with %d records read, want all %d", err, len(seen), n)
		}
		if most > 1 {
			t.Errorf("a batch of %d records, want no more than one where each is larger than MaxBytes", most)
		}
	})
}
