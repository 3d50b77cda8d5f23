// Package progress is what the source remembers over restarts, in one checkpoint: how far
// its query has been read and what was read of today's budget.
//
// It guarantees one writer: checkpoints are written one after the other and each holds all
// that was noted before it, so that a later one never undoes an earlier one.
package progress

import (
	"context"
	"fmt"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/window"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Save writes a checkpoint and returns when it is acknowledged.
type Save func(ctx context.Context, s *feedbackv1.SourceState) error

// Progress is the source's memory. It is safe for concurrent use.
type Progress struct {
	source string
	save   Save
	budget *budget.Budget
	saving chan struct{} // holds one while a checkpoint is written

	mu     sync.Mutex
	window *window.Window
}

// Open goes on from saved, which may be nil. A query that saved does not know begins
// backfill before now, and what was open of another query is forgotten with it.
func Open(source, query string, saved *feedbackv1.SourceState, limit uint64, backfill time.Duration, save Save) *Progress {
	scope := window.Scope(query)
	p := &Progress{source: source, save: save, saving: make(chan struct{}, 1), budget: budget.New(limit, saved.GetBudget())}
	for _, w := range saved.GetWindows() {
		if w.GetScope() == scope {
			p.window = window.FromProto(w)
		}
	}
	if p.window == nil {
		p.window = window.New(scope, time.Now().Add(-max(backfill, window.Overlap)))
	}
	return p
}

// View calls f with the window, which f only reads.
func (p *Progress) View(f func(w *window.Window)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.window)
}

// Update lets f change the window and saves the checkpoint. An error means that the change
// holds in memory alone, and is saved with the next one.
func (p *Progress) Update(ctx context.Context, f func(w *window.Window)) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case p.saving <- struct{}{}:
		defer func() { <-p.saving }()
	}
	if err := p.save(ctx, p.change(f)); err != nil {
		return fmt.Errorf("save checkpoint of %s: %w", p.source, err)
	}
	return nil
}

// change lets f change the window and returns the checkpoint.
func (p *Progress) change(f func(w *window.Window)) *feedbackv1.SourceState {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.window)
	now := time.Now()
	return &feedbackv1.SourceState{
		Source:     p.source,
		Windows:    []*feedbackv1.Window{p.window.Proto()},
		Budget:     p.budget.Proto(now),
		ObservedAt: timestamppb.New(now),
	}
}

// Reserve counts up to want posts, no fewer than least, ahead of a request and saves that.
// It returns a *budget.SpentError if today's budget does not allow it.
func (p *Progress) Reserve(ctx context.Context, want, least int) (budget.Reservation, error) {
	r, err := p.budget.Reserve(time.Now(), want, least)
	if err != nil {
		return r, err
	}
	return r, p.Update(ctx, func(*window.Window) {})
}

// Settle replaces r by what came. It is saved with the next checkpoint; until then the
// checkpoint errs on the safe side.
func (p *Progress) Settle(r budget.Reservation, posts []snowflake.ID, bad int) {
	p.budget.Settle(time.Now(), r, posts, bad)
}

// Spent returns a *budget.SpentError if the rest of today's budget is less than least, else nil.
func (p *Progress) Spent(least int) error { return p.budget.Spent(time.Now(), least) }

// Seen tells whether the post was read on today's UTC day, so that X bills it no more.
func (p *Progress) Seen(id snowflake.ID) bool { return p.budget.Seen(time.Now(), id) }

// Budget is today's count and limit.
func (p *Progress) Budget() *feedbackv1.Budget { return p.budget.Proto(time.Now()) }
