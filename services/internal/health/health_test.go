package health

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

type topic struct {
	mu   sync.Mutex
	recs []kafka.Record
}

func (t *topic) write(_ context.Context, recs ...kafka.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recs = append(t.recs, recs...)
	return nil
}

func (t *topic) last(tb testing.TB) (int, *feedbackv1.Health) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.recs[len(t.recs)-1]
	if string(r.Key) != "health/notifier/n-0" {
		tb.Errorf("key = %q", r.Key)
	}
	if r.Value == nil {
		return len(t.recs), nil
	}
	h, err := feedback.DecodeHealth(r)
	if err != nil {
		tb.Fatal(err)
	}
	return len(t.recs), h
}

func TestReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := New("notifier", "n-0"), &topic{}
		r.Good("kafka")
		done := make(chan error)
		go func() { done <- r.Run(ctx, w.write, "state", feedback.Protobuf) }()
		pass(5 * time.Second)
		before, h := w.last(t)
		if h.Level != Good {
			t.Errorf("level = %v, want good", h.Level)
		}
		pass(20 * time.Second)
		if n, _ := w.last(t); n != before+2 {
			t.Errorf("wrote %d records in 20 s, want 2", n-before)
		}
		r.Degraded("slack", "RateLimited", "slow down")
		r.Failed("route/negative", "ChannelArchived", "unarchive it")
		r.Gauge("pending", 3)
		pass(100 * time.Millisecond) // much less than the interval
		n, h := w.last(t)
		if h.Level != Failed || len(h.Conditions) != 3 {
			t.Errorf("health = %v, want failed at once with three conditions", h)
		}
		r.Failed("route/negative", "ChannelArchived", "unarchive it, please") // the same state in other words
		pass(100 * time.Millisecond)
		if again, _ := w.last(t); again != n {
			t.Errorf("wrote %d records though nothing changed", again-n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, h := w.last(t); h != nil {
			t.Errorf("after a clean stop the key holds %v, want nothing", h)
		}
	})
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
