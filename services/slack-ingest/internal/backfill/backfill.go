// Package backfill reads channels' history back: after a start, after each connection
// and in a periodic sweep.
//
// It guarantees that every message younger than the backfill is published at least once,
// whatever the connection lost and wherever a crash fell, with its edits and with the
// replies below it. What Slack cannot tell again is lost: replies below messages older
// than the backfill, edits of replies in threads without a newer one, and deletions.
package backfill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/ingest"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

const (
	// first is how long the first pass waits for the connection, after which it has to be made anyway.
	first = 5 * time.Second
	// spacing keeps a flapping connection from reading without end.
	spacing = 2 * time.Second
	// again is when a pass that failed is made again.
	again = 30 * time.Second
	// peekEvery is how often the news of some channels are read between two sweeps, peekMost of how
	// many: what a connection swallows must be noticed in less than 45 s, and Slack allows 50 calls
	// a minute. More channels are peeked at in turn.
	peekEvery = 20 * time.Second
	peekMost  = 6
)

// Options are what a Reader works with; all are required.
type Options struct {
	Source string
	// Requests asks for a pass over all channels soon.
	Requests <-chan struct{}
	// History reads up to limit messages after oldest and before latest, newest first, and
	// tells whether there are more.
	History func(ctx context.Context, channel, oldest, latest string, limit int) ([]slack.Message, bool, error)
	// Replies reads a page of a thread's messages after oldest (empty: all) and the next page's cursor.
	Replies func(ctx context.Context, channel, root, oldest, cursor string) ([]slack.Message, string, error)
	// Handle publishes; see ingest.Ingester.
	Handle func(context.Context, []event.Change) []ingest.Result
	// ThreadHandled tells whether all count replies below root, the newest of them latest, were
	// handled already, so that they need not be read.
	ThreadHandled func(channel, root, latest string, count int) bool
	// Save writes the checkpoint and returns after the broker has acknowledged. Like Handle it tells
	// itself how the broker is.
	Save func(context.Context, *feedbackv1.SourceState) error
	// Channels are the ids to read.
	Channels func() []string
	// Found is told of a message that a periodic sweep published and nobody before.
	Found func(channel string, c event.Change)
	// Readable is told how reading a channel went; err is never Kafka's.
	Readable func(channel string, err error)
	// Backfill is how far back is read, Interval how often the sweep is made.
	Backfill, Interval time.Duration
	Metrics            *metrics.Metrics
	Log                *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Reader reads history.
type Reader struct {
	o     Options
	state *state
	// threads are those whose replies were read, and what their roots said of them then.
	threads map[string]string
	saving  sync.Mutex
	peeked  int // channels, in all
}

// New makes a reader that goes on from a checkpoint; nil: from none.
func New(o Options, saved *feedbackv1.SourceState) *Reader {
	return &Reader{o: o, state: newState(o.Source, saved), threads: map[string]string{}}
}

// Run reads the news at the start, at each request and every interval, until ctx ends. After
// each reading it looks for changes, beside the next readings: Slack allows few calls for
// threads, and the news must not wait for them.
func (r *Reader) Run(ctx context.Context) {
	looks := make(chan bool, 1)
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { r.runChanges(ctx, looks) })
	pause, sweep := first, false
	peek := time.NewTicker(peekEvery)
	defer peek.Stop()
	for due := time.After(pause); ; due = time.After(pause) {
		asked, ok := r.idle(ctx, due, peek.C)
		if !ok {
			return
		}
		sweep = sweep && !asked
		was := sweep
		pause, sweep = r.o.Interval, r.each(ctx, r.news, was)
		if !sweep {
			pause = min(again, pause)
		}
		select {
		case looks <- was:
		default: // one is waiting
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(spacing):
		}
	}
}

// idle peeks until the next pass: until due, or until one is asked for, which it tells. ok is
// false if ctx ended.
func (r *Reader) idle(ctx context.Context, due, peek <-chan time.Time) (asked, ok bool) {
	for {
		select {
		case <-ctx.Done():
			return false, false
		case <-r.o.Requests:
			return true, true
		case <-due:
			return false, true
		case <-peek:
			r.peek(ctx)
		}
	}
}

// peek reads the news of the next few channels, as a sweep does that expects none.
func (r *Reader) peek(ctx context.Context) {
	all := r.o.Channels()
	var some []string
	for range min(len(all), peekMost) {
		some = append(some, all[r.peeked%len(all)])
		r.peeked++
	}
	r.these(ctx, some, r.news, true)
}

func (r *Reader) runChanges(ctx context.Context, looks <-chan bool) {
	var retry <-chan time.Time
	for {
		sweep := false
		select {
		case <-ctx.Done():
			return
		case sweep = <-looks:
		case <-retry:
		}
		retry = nil
		if !r.each(ctx, r.changes, sweep) {
			retry = time.After(again)
		}
	}
}

// Pass reads every channel once, the news of all and then the changes, and tells whether all
// could be read to the end. sweep is a pass that expects to find nothing.
func (r *Reader) Pass(ctx context.Context, sweep bool) bool {
	news := r.each(ctx, r.news, sweep)
	return r.each(ctx, r.changes, sweep) && news
}

// each takes a step for every channel; one that fails does not hold back the others.
func (r *Reader) each(ctx context.Context, step func(context.Context, string, bool) error, sweep bool) bool {
	return r.these(ctx, r.o.Channels(), step, sweep)
}

// these takes a step for some channels.
func (r *Reader) these(ctx context.Context, some []string, step func(context.Context, string, bool) error, sweep bool) bool {
	ok := true
	for _, channel := range some {
		err := step(ctx, channel, sweep)
		if ctx.Err() != nil {
			return false
		}
		if err != nil {
			ok = false
			r.o.Log.Warn("cannot read a channel's history to the end; tried again", "channel", channel, "error", err)
		}
		if !errors.As(err, &publishError{}) {
			r.o.Readable(channel, err)
		}
	}
	return ok
}

// Save writes the checkpoint as it is now.
func (r *Reader) Save(ctx context.Context) error { return r.save(ctx) }

func (r *Reader) save(ctx context.Context) error {
	r.saving.Lock() // a checkpoint that is older must not be written last
	defer r.saving.Unlock()
	now := r.o.Now()
	if err := r.o.Save(ctx, r.state.snapshot(now, ts(now.Add(-r.o.Backfill)))); err != nil {
		return publishError{fmt.Errorf("save the checkpoint: %w", err)}
	}
	return nil
}
