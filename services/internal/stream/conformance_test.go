package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// pipe is a loop from one topic to another.
type pipe struct {
	b             *kafkatest.Broker
	in, out, dead string
}

func newPipe(t *testing.T, b *kafkatest.Broker, partitions int) pipe {
	return pipe{b: b, in: b.Topic(t, partitions), out: b.Topic(t, 2), dead: b.Topic(t, 1)}
}

// start runs a member of the loop and returns how to stop it.
func (p pipe) start(t *testing.T, h stream.Handler) (stop func()) {
	c := p.b.Client(t)
	l := &stream.Loop{
		Consume: c.Consume, Write: c.Write, Handle: h, DeadLetters: p.dead, Log: slog.New(slog.DiscardHandler),
		Subscription: kafka.Subscription{Group: p.in + ".loop", Topic: p.in, MaxBatch: 50},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil after a clean stop", err)
		}
	})
}

func (p pipe) copy(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	var out []kafka.Record
	for _, r := range batch {
		if string(r.Value) == "13" {
			return nil, stream.Permanent(errors.New("unlucky"))
		}
		out = append(out, kafka.Record{Topic: p.out, Key: r.Key, Value: r.Value})
	}
	return out, nil
}

func (p pipe) await(t *testing.T, n int) {
	t.Helper()
	kafkatest.Eventually(t, 60*time.Second, func() error {
		infos, err := p.b.Client(t).Topics(t.Context(), p.out)
		if err != nil {
			return err
		}
		var got int64
		for _, part := range infos[0].Partitions {
			got += part.End
		}
		if got < int64(n) {
			return fmt.Errorf("%d records written, want %d", got, n)
		}
		return nil
	})
}

func want(from, to int, but ...int) []string {
	var out []string
	for i := from; i < to; i++ {
		if !slices.Contains(but, i) {
			out = append(out, fmt.Sprint(i))
		}
	}
	slices.Sort(out)
	return out
}

func TestLoopCopiesEachRecordAndResumes(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		p := newPipe(t, b, 3)
		b.Fill(t, p.in, 0, 1000)
		stop := p.start(t, p.copy)
		p.await(t, 999)
		stop()
		b.Fill(t, p.in, 1000, 1100)
		stop = p.start(t, p.copy)
		p.await(t, 1099)
		stop()
		got := b.Values(t, p.out)
		slices.Sort(got)
		if !slices.Equal(got, want(0, 1100, 13)) {
			t.Errorf("the topic has %d records, want 0..1099 but 13, once each: a clean stop repeats nothing", len(got))
		}
		var reasons []string
		if err := b.Client(t).Scan(t.Context(), p.dead, func(r kafka.Record) error {
			reasons = append(reasons, string(r.Value)+" "+feedback.Header(r, feedback.HeaderReason)+" "+feedback.Header(r, feedback.HeaderTopic))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if w := []string{"13 Permanent " + p.in}; !slices.Equal(reasons, w) {
			t.Errorf("dead letters = %q, want %q", reasons, w)
		}
	})
}

func TestLoopKeepsOrderWithinAKey(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		p := newPipe(t, b, 2)
		c := b.Client(t)
		for i := range 300 {
			if err := c.Write(t.Context(), kafka.Record{Topic: p.in, Key: fmt.Append(nil, i%7), Value: fmt.Append(nil, 1000+i)}); err != nil {
				t.Fatal(err)
			}
		}
		stop := p.start(t, p.copy)
		defer stop()
		p.await(t, 300)
		last := map[string]string{}
		if err := c.Scan(t.Context(), p.out, func(r kafka.Record) error {
			if k := string(r.Key); string(r.Value) < last[k] {
				t.Errorf("key %s: %s came after %s", k, r.Value, last[k])
			}
			last[string(r.Key)] = string(r.Value)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// Members come and go, and each handler is slow, so that batches are in hand when the
// partitions move. Nothing is lost; a clean hand-over repeats nothing either.
func TestLoopIsSafeOverRebalance(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		p := newPipe(t, b, 4)
		slow := func(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
			<-time.After(20 * time.Millisecond)
			return p.copy(ctx, batch)
		}
		stopOne := p.start(t, slow)
		b.Fill(t, p.in, 0, 1500)
		p.await(t, 100)
		stopTwo := p.start(t, slow)
		b.Fill(t, p.in, 1500, 3000)
		p.await(t, 1500)
		stopOne()
		p.await(t, 2999)
		stopTwo()
		got := b.Values(t, p.out)
		slices.Sort(got)
		if !slices.Equal(slices.Compact(slices.Clone(got)), want(0, 3000, 13)) {
			t.Errorf("the topic has %d records, want 0..2999 but 13", len(got))
		}
		if len(got) != 2999 {
			t.Errorf("%d records were repeated by clean hand-overs, want 0", len(got)-2999)
		}
	})
}
