package health

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// said is the reporter's condition as level, reason and message.
func said(t *testing.T, r *Reporter, name string) string {
	t.Helper()
	synctest.Wait()
	for _, c := range r.Snapshot().GetConditions() {
		if c.GetName() == name {
			return strings.TrimPrefix(c.GetLevel().String(), "LEVEL_") + " " + c.GetReason() + " " + c.GetMessage()
		}
	}
	t.Fatalf("no condition %q", name)
	return ""
}

func TestWatchKafka(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New("notifier", "n-0")
		var mu sync.Mutex
		var fault, told error
		set := func(err error) { mu.Lock(); defer mu.Unlock(); fault = err }
		get := func(of *error) error { mu.Lock(); defer mu.Unlock(); return *of }
		ask := func(ctx context.Context) error {
			err := get(&fault)
			if err != nil {
				<-ctx.Done() // packets are swallowed
			}
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.WatchKafka(ctx, ask, func(err error) { mu.Lock(); defer mu.Unlock(); told = err })
		if got := said(t, r, "kafka"); got != "GOOD Good " || get(&told) != nil {
			t.Errorf("condition %q, ready %v, want good, nil", got, get(&told))
		}
		broken := errors.New("no answer in time")
		set(broken)
		pass(20 * time.Second)
		if got, want := said(t, r, "kafka"), "FAILED Unusable Kafka cannot be used: no answer in time"; got != want || !errors.Is(get(&told), broken) {
			t.Errorf("20 s after it broke: condition %q, ready %v, want %q, %v", got, get(&told), want, broken)
		}
		set(nil)
		pass(20 * time.Second)
		if got := said(t, r, "kafka"); got != "GOOD Good " || get(&told) != nil {
			t.Errorf("20 s after it was mended: condition %q, ready %v, want good, nil", got, get(&told))
		}
	})
}

func TestWatchProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New("notifier", "n-0")
		var since atomic.Int64 // Unix time in nanoseconds
		still := func() (time.Duration, int, int64) {
			at := since.Load()
			if at == 0 {
				return 0, 0, 0
			}
			return time.Since(time.Unix(0, at)), 1, 42
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.WatchProgress(ctx, "progress", "p.notifier.all", "p.scored", 2*time.Minute, still)
		since.Store(time.Now().UnixNano())
		pass(119 * time.Second)
		if got := said(t, r, "progress"); got != "GOOD Good " {
			t.Errorf("after 119 s without progress: %q, want good", got)
		}
		pass(12 * time.Second)
		if got, want := said(t, r, "progress"), "FAILED Stuck group p.notifier.all has handled nothing of p.scored[1] for 2m10s, with 42 records to go: see"; !strings.HasPrefix(got, want) {
			t.Errorf("after 131 s without progress: %q, want %q", got, want)
		}
		since.Store(time.Now().UnixNano())
		pass(11 * time.Second)
		if got := said(t, r, "progress"); got != "GOOD Good " {
			t.Errorf("after it went on: %q, want good", got)
		}
	})
}
