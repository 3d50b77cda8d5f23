package dispatch

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/ingest"
)

func all(err error) func(context.Context, []event.Change) []ingest.Result {
	return func(_ context.Context, changes []event.Change) []ingest.Result {
		out := make([]ingest.Result, len(changes))
		for i := range out {
			out[i].Err = err
		}
		return out
	}
}

func TestDoneOnlyWithinTheLimit(t *testing.T) {
	down := errors.New("broker down")
	for name, c := range map[string]struct {
		takes time.Duration
		err   error
		want  error
	}{
		"in time":         {time.Second, nil, nil},
		"just in time":    {Limit, nil, nil},
		"late":            {Limit + time.Millisecond, nil, ErrLate},
		"failed":          {time.Second, down, down},
		"failed and late": {10 * time.Second, down, down},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(t.Context(), func(ctx context.Context, changes []event.Change) []ingest.Result {
					<-time.After(c.takes)
					return all(c.err)(ctx, changes)
				})
				done := make(chan error, 1)
				if err := d.Submit(t.Context(), Item{Change: event.Change{Channel: "C1"}, Arrived: time.Now(), Done: func(err error) { done <- err }}); err != nil {
					t.Fatal(err)
				}
				if got := <-done; !errors.Is(got, c.want) || (c.want == nil) != (got == nil) {
					t.Errorf("Done(%v), want Done(%v)", got, c.want)
				}
				d.Drain()
			})
		})
	}
}

func TestOrderWithinAChannelAndDrain(t *testing.T) {
	var mu sync.Mutex
	seen := map[string][]string{}
	d := New(t.Context(), func(ctx context.Context, changes []event.Change) []ingest.Result {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			seen[c.Channel] = append(seen[c.Channel], c.TS)
		}
		return all(nil)(ctx, changes)
	})
	done := 0
	for i := range 1000 {
		err := d.Submit(t.Context(), Item{Change: event.Change{Channel: "C" + strconv.Itoa(i%10), TS: strconv.Itoa(i)},
			Arrived: time.Now(), Done: func(error) { mu.Lock(); defer mu.Unlock(); done++ }})
		if err != nil {
			t.Fatal(err)
		}
	}
	d.Drain()
	if got, want := done, 1000; got != want {
		t.Errorf("done %d, want %d", got, want)
	}
	for channel, order := range seen {
		for i := 1; i < len(order); i++ {
			a, _ := strconv.Atoi(order[i-1])
			if b, _ := strconv.Atoi(order[i]); b < a {
				t.Fatalf("%s: %d after %d, want the order of arrival", channel, b, a)
			}
		}
	}
	if err := d.Submit(t.Context(), Item{}); !errors.Is(err, ErrStopped) {
		t.Errorf("Submit() after Drain() = %v, want %v", err, ErrStopped)
	}
}
