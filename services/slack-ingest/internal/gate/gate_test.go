package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// broker is one that a test takes away and gives back.
type broker struct {
	mu        sync.Mutex
	down      bool
	reports   []string
	announced int
}

func (b *broker) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *broker) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return errors.New("connection refused")
	}
	return nil
}

func (b *broker) gate() *Gate {
	return New(
		func(context.Context, ...kafka.Record) error { return b.err() },
		func(context.Context) error { return b.err() },
		func(err error, closed bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			switch {
			case err == nil:
				b.reports = append(b.reports, "good")
			case closed:
				b.reports = append(b.reports, "closed")
			default:
				b.reports = append(b.reports, "degraded")
			}
		},
		func() { b.mu.Lock(); defer b.mu.Unlock(); b.announced++ },
	)
}

func TestClosesAfter30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{}
		g := b.gate()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go g.Run(ctx)
		intake, stop := g.While(ctx)
		defer stop()

		b.set(true)
		if err := g.Write(ctx, kafka.Record{}); err == nil {
			t.Fatal("Write() = nil, want an error")
		}
		<-time.After(29 * time.Second)
		synctest.Wait()
		if g.Closed() || intake.Err() != nil {
			t.Error("closed after 29 s, want open")
		}
		<-time.After(1200 * time.Millisecond)
		synctest.Wait()
		if !g.Closed() || intake.Err() == nil {
			t.Error("open after 30 s, want closed")
		}
		opened := make(chan error)
		go func() { opened <- g.Opened(ctx) }()
		b.set(false)
		if err := <-opened; err != nil || g.Closed() {
			t.Errorf("Opened() = %v, closed %t, want nil, false", err, g.Closed())
		}
		synctest.Wait()
		if got, want := b.announced, 1; got != want {
			t.Errorf("announced %d times that the broker is back, want %d", got, want)
		}
		want := []string{"degraded", "closed", "good"}
		if len(b.reports) != 3 || b.reports[0] != want[0] || b.reports[1] != want[1] || b.reports[2] != want[2] {
			t.Errorf("reports = %v, want %v", b.reports, want)
		}
	})
}

func TestShortOutage(t *testing.T) {
	for name, c := range map[string]struct {
		write    bool // whether a write fails meanwhile
		announce int
	}{
		"nothing was written": {false, 0},
		"a write failed":      {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{}
				g := b.gate()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go g.Run(ctx)
				b.set(true)
				if c.write {
					_ = g.Write(ctx, kafka.Record{})
				}
				<-time.After(10 * time.Second)
				b.set(false)
				<-time.After(2 * time.Second)
				if c.write {
					if g.Well() {
						t.Error("well again by a probe, want only by a write: it was a write that failed")
					}
					_ = g.Write(ctx, kafka.Record{})
				}
				synctest.Wait()
				if !g.Well() || g.Closed() {
					t.Errorf("well %t, closed %t, want true, false", g.Well(), g.Closed())
				}
				if got := b.announced; got != c.announce {
					t.Errorf("announced %d times, want %d", got, c.announce)
				}
			})
		})
	}
}

func TestTooLargeIsNoOutage(t *testing.T) {
	g := New(func(context.Context, ...kafka.Record) error { return kafka.ErrTooLarge },
		func(context.Context) error { return nil }, func(error, bool) { t.Error("a report, want none") }, func() {})
	if err := g.Write(t.Context(), kafka.Record{}); !errors.Is(err, kafka.ErrTooLarge) {
		t.Errorf("Write() = %v, want %v", err, kafka.ErrTooLarge)
	}
	if !g.Well() {
		t.Error("not well after a record that was too large, want well")
	}
}

// TestRefusedRecords: a broker that is there and refuses records does not look well in between, however often intake is
// opened again to see; and it is well after a record of that topic went, or when there was none to write.
func TestRefusedRecords(t *testing.T) {
	for name, retry := range map[string]bool{"records come again": true, "nothing more to write": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &broker{}
				g := b.gate()
				g.probe = func(context.Context) error { return nil }
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go g.Run(ctx)
				b.set(true)
				for range 10 {
					_ = g.Write(ctx, kafka.Record{Topic: "feedback"})
					<-time.After(10 * time.Second)
				}
				synctest.Wait()
				if slices.Contains(b.reports, "good") || !slices.Contains(b.reports, "closed") {
					t.Errorf("reports = %v while records are refused, want closed and never good", b.reports)
				}
				b.set(false)
				g.wrote([]kafka.Record{{Topic: "state"}})
				if g.Well() {
					t.Error("well after a record of another topic")
				}
				if retry {
					_ = g.Write(ctx, kafka.Record{Topic: "feedback"})
				} else {
					<-time.After(Patience + trial + 10*time.Second)
				}
				synctest.Wait()
				if !g.Well() || g.Closed() {
					t.Errorf("well %t, closed %t after it was mended, want true, false", g.Well(), g.Closed())
				}
			})
		})
	}
}
