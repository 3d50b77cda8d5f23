package kafka_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

func TestScanAllReadsEveryPartitionInOrder(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		const n = 5000
		topic := b.Topic(t, 4)
		b.Fill(t, topic, 0, n)
		var mu sync.Mutex
		next, total := map[int]int64{}, 0
		err := b.Client(t).ScanAll(context.Background(), topic, func(r kafka.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if r.Offset != next[r.Partition] {
				t.Errorf("offset %d of partition %d came when %d was due", r.Offset, r.Partition, next[r.Partition])
			}
			next[r.Partition] = r.Offset + 1
			total++
			return nil
		})
		if err != nil || total != n || len(next) != 4 {
			t.Errorf("ScanAll() = %v with %d records of %d partitions, want %d of 4", err, total, len(next), n)
		}
		stop := errors.New("enough")
		if err := b.Client(t).ScanAll(context.Background(), topic, func(kafka.Record) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("ScanAll() = %v, want the first error", err)
		}
	})
}

func TestScanSinceReadsWhatIsNewAndAllThatWasAcknowledged(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 3)
		client := b.Client(t)
		var from map[int]int64
		for round := range 5 {
			b.Fill(t, topic, round*100, (round+1)*100)
			got := 0
			next, err := client.ScanSince(t.Context(), topic, from, func(r kafka.Record) error {
				if r.Offset < from[r.Partition] {
					t.Errorf("offset %d of partition %d came again", r.Offset, r.Partition)
				}
				got++
				return nil
			})
			if err != nil || got != 100 {
				t.Fatalf("round %d: ScanSince() = %v with %d records, want the 100 that were written before it", round, err, got)
			}
			from = next
		}
		stop := errors.New("enough")
		b.Fill(t, topic, 500, 600)
		if next, err := client.ScanSince(t.Context(), topic, from, func(kafka.Record) error { return stop }); !errors.Is(err, stop) || len(next) != len(from) || next[0] != from[0] {
			t.Errorf("ScanSince() = %v, %v, want the first error and to begin where it began", next, err)
		}
	})
}
