// Package gate watches the broker and closes intake while it is away.
//
// It guarantees that after 30 s without an acknowledgement intake is closed, so that
// Slack keeps what it would otherwise hand to somebody who cannot store it, and that
// everything that failed meanwhile is announced once the broker is back. An outage that writes
// found ends by a write: a broker that answers may still refuse records.
package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

const (
	// Patience is how long the broker may be away before intake is closed.
	Patience = 30 * time.Second
	// interval is how often the broker is probed while all is well.
	interval = 5 * time.Second
	// retry is how often it is probed while something is wrong.
	retry = time.Second
	// probeTimeout bounds one probe.
	probeTimeout = 5 * time.Second
	// trial is for how long after intake was opened again writes may fail; if none did, and none
	// went either, there was nothing to write.
	trial = 20 * time.Second
)

// Report is told when the state changes: err nil is good; closed is whether intake is closed.
type Report func(err error, closed bool)

// Gate is open while the broker takes what is written.
type Gate struct {
	write  func(context.Context, ...kafka.Record) error
	probe  func(context.Context) error
	report Report
	back   func()
	now    func() time.Time

	telling sync.Mutex // held over a change and its report, so that what is told last holds
	mu      sync.Mutex
	since   time.Time       // of the first failure; zero while all is well
	byWrite bool            // what failed was a write, so that a probe alone proves nothing
	gone    bool            // a probe failed as well: the broker was away, and did not refuse
	missed  bool            // a write failed: something has to be read back
	topics  map[string]bool // that could not be written to
	last    error           // of the writes
	trial   time.Time       // when intake was opened again to see whether writes go; zero: it was not
	closed  bool
	opened  chan struct{} // closed while the gate is open
	closing chan struct{} // closed while the gate is closed
	kick    chan struct{}
}

// New makes an open gate. write writes records; probe tells whether the broker is there and
// takes records; report is told of each change; back is called when the broker is back after
// writes failed or intake was closed. report and back must not block.
func New(write func(context.Context, ...kafka.Record) error, probe func(context.Context) error, report Report, back func()) *Gate {
	g := &Gate{
		write: write, probe: probe, report: report, back: back, now: time.Now,
		topics: map[string]bool{}, opened: make(chan struct{}), closing: make(chan struct{}), kick: make(chan struct{}, 1),
	}
	close(g.opened)
	return g
}

// Write writes records and learns from the outcome.
func (g *Gate) Write(ctx context.Context, recs ...kafka.Record) error {
	began := g.now()
	err := g.write(ctx, recs...)
	switch {
	case err == nil:
		g.wrote(recs)
	case errors.Is(err, kafka.ErrTooLarge):
	default:
		g.bad(err, began, recs...)
	}
	return err
}

// Opened waits until the gate is open or ctx ends.
func (g *Gate) Opened(ctx context.Context) error {
	for {
		g.mu.Lock()
		opened, closed := g.opened, g.closed
		g.mu.Unlock()
		if !closed {
			return ctx.Err()
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// While is a context that ends with ctx or when the gate closes.
func (g *Gate) While(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	g.mu.Lock()
	closing := g.closing
	g.mu.Unlock()
	go func() {
		select {
		case <-closing:
			cancel(errors.New("the broker is away"))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Closed tells whether intake is closed.
func (g *Gate) Closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Well tells whether nothing has failed since the last success.
func (g *Gate) Well() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since.IsZero()
}

// Run probes the broker until ctx ends.
func (g *Gate) Run(ctx context.Context) {
	for {
		began := g.now()
		probe, cancel := context.WithTimeout(ctx, g.patience(probeTimeout))
		err := g.probe(probe)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			g.good(true)
		default:
			g.bad(err, began)
		}
		g.overdue(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(g.patience(g.pause())):
		case <-g.kick:
		}
	}
}

func (g *Gate) pause() time.Duration {
	if g.Well() {
		return interval
	}
	return retry
}

// patience shortens d to what is left until intake has to be closed.
func (g *Gate) patience(d time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() || g.closed {
		return d
	}
	return min(d, max(Patience-g.now().Sub(g.since), 100*time.Millisecond))
}

// bad notes a failure of a probe, or of writing recs.
func (g *Gate) bad(err error, began time.Time, recs ...kafka.Record) {
	write := len(recs) > 0
	g.telling.Lock()
	defer g.telling.Unlock()
	g.mu.Lock()
	first := g.since.IsZero()
	if first {
		g.since = began
	}
	g.byWrite = g.byWrite || write
	g.missed = g.missed || write
	g.gone = g.gone || !write
	if write {
		g.last, g.trial = err, time.Time{}
		for _, r := range recs {
			g.topics[r.Topic] = true
		}
	}
	closed := g.closed
	g.mu.Unlock()
	if first {
		g.report(err, closed)
		select {
		case g.kick <- struct{}{}: // probe more often from now on
		default:
		}
	}
}

// wrote ends an outage, unless it was of other topics.
func (g *Gate) wrote(recs []kafka.Record) {
	g.mu.Lock()
	other := g.byWrite && !slices.ContainsFunc(recs, func(r kafka.Record) bool { return g.topics[r.Topic] })
	g.mu.Unlock()
	if !other {
		g.good(false)
	}
}

// good ends an outage. A probe ends one that writes found only after the gate was closed: until
// then writes go on and know better. If the broker was there all the while, and refused records
// alone, the gate is opened again for writes, and they have to prove it.
func (g *Gate) good(probe bool) {
	g.telling.Lock()
	defer g.telling.Unlock()
	g.mu.Lock()
	proved := !g.trial.IsZero() && g.now().Sub(g.trial) >= trial
	if g.since.IsZero() || probe && g.byWrite && !g.closed && !proved {
		g.mu.Unlock()
		return
	}
	announce := g.missed || g.closed
	try := probe && g.byWrite && g.closed && !g.gone
	if g.closed {
		close(g.opened)
		g.closing = make(chan struct{})
	}
	g.missed, g.closed = false, false
	if try {
		g.since, g.trial = g.now(), g.now()
		last := g.last
		g.mu.Unlock()
		g.report(fmt.Errorf("it is there, and it is tried whether it takes records again: %w", last), false)
		g.back()
		return
	}
	g.since, g.trial, g.byWrite, g.gone, g.last = time.Time{}, time.Time{}, false, false, nil
	clear(g.topics)
	g.mu.Unlock()
	g.report(nil, false)
	if announce {
		g.back()
	}
}

func (g *Gate) overdue(err error) {
	g.telling.Lock()
	defer g.telling.Unlock()
	g.mu.Lock()
	if g.since.IsZero() || g.closed || g.now().Sub(g.since) < Patience {
		g.mu.Unlock()
		return
	}
	g.closed = true
	g.opened = make(chan struct{})
	close(g.closing)
	since := g.since
	g.mu.Unlock()
	if err == nil {
		err = errors.New("writes are not acknowledged")
	}
	g.report(fmt.Errorf("away since %s: %w", since.UTC().Format(time.RFC3339), err), true)
}
