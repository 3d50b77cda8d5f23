// Package dispatch hands live changes to a handler: concurrently for several channels,
// in the order of their arrival within one.
//
// It guarantees that Done is called once for each change that Submit took, and that it
// says nil only for one that was handled within Limit of its arrival.
package dispatch

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/ingest"
)

const (
	// Limit is how old a change may be and still be acknowledged to Slack, whose own limit is 3 s.
	Limit = 2500 * time.Millisecond

	lanes  = 8  // channels share so many lanes
	depth  = 32 // changes waiting in a lane
	atOnce = 32 // changes handled in one write
)

// ErrLate is a change that was handled, but too late to be acknowledged.
var ErrLate = errors.New("handled later than Slack waits")

// ErrStopped is a change that was not handled because the dispatcher was stopped.
var ErrStopped = errors.New("stopped")

// Item is a change and what to do when it is done.
type Item struct {
	Change  event.Change
	Arrived time.Time
	// Done is called with nil if the change may be acknowledged. It must not block.
	Done func(error)
}

// Dispatcher has a lane for each group of channels.
type Dispatcher struct {
	handle func(context.Context, []event.Change) []ingest.Result
	now    func() time.Time
	lanes  [lanes]chan Item
	done   sync.WaitGroup
	mu     sync.RWMutex
	closed bool
}

// New starts a dispatcher; work is the context of its handling and ends it at once.
func New(work context.Context, handle func(context.Context, []event.Change) []ingest.Result) *Dispatcher {
	d := &Dispatcher{handle: handle, now: time.Now}
	for n := range d.lanes {
		d.lanes[n] = make(chan Item, depth)
		d.done.Go(func() { d.run(work, d.lanes[n]) })
	}
	return d
}

// Submit takes a change; it waits while the channel's lane is full. After an error,
// ctx's or ErrStopped, Done is not called.
func (d *Dispatcher) Submit(ctx context.Context, it Item) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return ErrStopped
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(it.Change.Channel))
	select {
	case d.lanes[h.Sum32()%lanes] <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain refuses what comes from now on and returns when all that was taken is done.
func (d *Dispatcher) Drain() {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		for _, lane := range d.lanes {
			close(lane)
		}
	}
	d.mu.Unlock()
	d.done.Wait()
}

func (d *Dispatcher) run(work context.Context, lane chan Item) {
	for it := range lane {
		batch := take(lane, it)
		changes := make([]event.Change, len(batch))
		for n := range batch {
			changes[n] = batch[n].Change
		}
		failpoint.Here(failpoint.SlackReceived)
		results := d.handle(work, changes)
		failpoint.Here(failpoint.SlackWritten)
		for n, r := range results {
			err := r.Err
			if err == nil && d.now().Sub(batch[n].Arrived) > Limit {
				err = ErrLate
			}
			batch[n].Done(err)
		}
	}
}

// take adds to the first item what is already waiting.
func take(lane chan Item, first Item) []Item {
	batch := []Item{first}
	for len(batch) < atOnce {
		select {
		case it, ok := <-lane:
			if !ok {
				return batch
			}
			batch = append(batch, it)
		default:
			return batch
		}
	}
	return batch
}
