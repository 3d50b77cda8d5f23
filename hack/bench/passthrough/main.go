// Command passthrough is what kafka-go can do at most: it copies a topic to another as a member of
// a group, acks=all, an offset committed only after the copy is acknowledged, and nothing else. It is
// the row against which make bench holds all others.
//
//	passthrough <bootstrap> <group> <from> <to>
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	maxBytes       = 1 << 20
	maxWait        = 250 * time.Millisecond
	commitInterval = 200 * time.Millisecond
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: passthrough <bootstrap> <group> <from> <to>")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "passthrough:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bootstrap, group, from, to string) error {
	g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: []string{bootstrap}, Topics: []string{from}, StartOffset: kafka.FirstOffset,
		GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}}, HeartbeatInterval: time.Second, SessionTimeout: 6 * time.Second,
	})
	if err != nil {
		return err
	}
	defer g.Close()
	w := &kafka.Writer{
		Addr: kafka.TCP(bootstrap), Topic: to, Balancer: kafka.Murmur2Balancer{Consistent: true}, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Nanosecond, BatchSize: 10_000, BatchBytes: 1_000_000,
	}
	defer w.Close()
	for {
		gen, err := g.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		c := &copier{bootstrap: bootstrap, from: from, writer: w, gen: gen, done: map[int]int64{}}
		for _, a := range gen.Assignments[from] {
			gen.Start(func(ctx context.Context) { c.partition(ctx, a.ID, a.Offset) })
		}
		gen.Start(c.commit)
	}
}

// copier is one generation.
type copier struct {
	bootstrap, from string
	writer          *kafka.Writer
	gen             *kafka.Generation

	mu   sync.Mutex
	done map[int]int64
}

// partition copies one partition until ctx ends.
func (c *copier) partition(ctx context.Context, partition int, offset int64) {
	conn, err := kafka.DialLeader(ctx, "tcp", c.bootstrap, c.from, partition)
	if err != nil {
		fmt.Fprintln(os.Stderr, "passthrough: dial:", err)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	whence := kafka.SeekAbsolute
	if offset < 0 {
		offset, whence = 0, kafka.SeekStart
	}
	if _, err := conn.Seek(offset, whence|kafka.SeekDontCheck); err != nil {
		fmt.Fprintln(os.Stderr, "passthrough: seek:", err)
		return
	}
	var recs []kafka.Message
	for ctx.Err() == nil {
		var err error
		if recs, err = read(conn, recs[:0]); err != nil {
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "passthrough: fetch:", err)
			}
			return
		}
		if len(recs) == 0 {
			continue
		}
		next := recs[len(recs)-1].Offset + 1
		for i := range recs {
			recs[i] = kafka.Message{Key: recs[i].Key, Value: recs[i].Value, Headers: recs[i].Headers}
		}
		if err := c.writer.WriteMessages(context.WithoutCancel(ctx), recs...); err != nil {
			fmt.Fprintln(os.Stderr, "passthrough: write:", err)
			return
		}
		c.mu.Lock()
		c.done[partition] = next
		c.mu.Unlock()
	}
}

// read appends what one fetch brings.
func read(conn *kafka.Conn, recs []kafka.Message) ([]kafka.Message, error) {
	b := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: maxBytes, MaxWait: maxWait})
	for {
		r, err := b.ReadMessage()
		if err != nil {
			if closed := b.Close(); errors.Is(err, io.EOF) {
				err = closed
			}
			if len(recs) > 0 || errors.Is(err, kafka.RequestTimedOut) {
				err = nil // a broken connection shows again at the next fetch
			}
			return recs, err
		}
		recs = append(recs, r)
	}
}

// commit commits what is done every 200 ms and at the end.
func (c *copier) commit(ctx context.Context) {
	t := time.NewTicker(commitInterval)
	defer t.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		c.mu.Lock()
		offsets := make(map[int]int64, len(c.done))
		for p, o := range c.done {
			offsets[p] = o
		}
		clear(c.done)
		c.mu.Unlock()
		if len(offsets) == 0 {
			continue
		}
		if err := c.gen.CommitOffsets(map[string]map[int]int64{c.from: offsets}); err != nil {
			fmt.Fprintln(os.Stderr, "passthrough: commit:", err)
		}
	}
}
