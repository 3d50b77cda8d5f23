package kafka

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// A batch is bounded by what it weighs: 1,000 records of a megabyte would be a gigabyte.
func TestABatchIsBoundedInBytes(t *testing.T) {
	g := &Generation{maxBatch: 500, maxBytes: batchBytes, chunks: make(chan []Record, 100)}
	value := make([]byte, 1_000_000)
	for i := range int64(12) {
		g.chunks <- []Record{{Offset: 2 * i, Value: value}, {Offset: 2*i + 1, Value: value}}
	}
	var next int64
	for next < 24 {
		batch, err := g.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(batch), batchBytes/1_000_000+1; got > want || got == 0 {
			t.Errorf("a batch of %d MB, want %d at most", got, want)
		}
		for _, r := range batch {
			if r.Offset != next {
				t.Fatalf("offset %d, want %d", r.Offset, next)
			}
			next++
		}
	}
}

func TestFetchBytes(t *testing.T) {
	for partitions, want := range map[int]int{0: 256 << 10, 1: 256 << 10, 32: 256 << 10, 64: 128 << 10, 1000: 64 << 10} {
		if got := fetchBytes(fetchAllBytes, partitions); got != want {
			t.Errorf("fetchBytes of %d partitions = %d, want %d", partitions, got, want)
		}
	}
	if got, want := fetchBytes(1<<20, 6), 1<<20/6; got != want {
		t.Errorf("fetchBytes of 1 MB over 6 partitions = %d, want %d", got, want)
	}
}

// What was compressed to little is not held as a whole, and nothing of it is left out; nor is a
// record that is larger than what is asked for at once.
func TestAChunkIsBoundedInBytes(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := Open(Config{BootstrapServers: cluster.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	const records = 3000
	w := newWriter(kafkago.TCP(cluster.ListenAddrs()...), client.transport, records)
	w.Compression, w.BatchBytes, w.Topic = kafkago.Gzip, 100<<20, "topic"
	t.Cleanup(func() { _ = w.Close() })
	var recs []Record
	for i := range records {
		recs = append(recs, Record{Value: append(fmt.Appendf(nil, "%d ", i), bytes.Repeat([]byte("word "), 1000)...)})
	}
	recs[0].Value = bytes.Repeat([]byte("long "), 180_000)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.WriteMessages(ctx, recs...); err != nil {
		t.Fatal(err)
	}
	f := &fetcher{client: client, topic: "topic", maxBytes: fetchLeastBytes}
	defer f.close()
	chunks := 0
	for next := 0; next < records; chunks++ {
		got, err := f.next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		weight := 0
		for _, r := range got {
			if r.Offset != int64(next) || !bytes.Equal(r.Value, recs[next].Value) {
				t.Fatalf("record %d at offset %d, want %d", next, r.Offset, next)
			}
			weight += size(r)
			next++
		}
		if weight > chunkBytes+1_000_000 {
			t.Errorf("a chunk of %d bytes, want %d at most", weight, chunkBytes)
		}
	}
	if chunks < 4 {
		t.Errorf("%d chunks for 15 MB, want 4 at least", chunks)
	}
}
