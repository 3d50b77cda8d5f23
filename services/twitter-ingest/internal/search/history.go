package search

import (
	"context"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/window"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

// idAt is an exclusive lower bound for posts made at t or later.
func idAt(t time.Time) snowflake.ID { return snowflake.At(t) }

// expire gives up the gaps that X no longer tells of, and says so.
func (e *Engine) expire(work context.Context) error {
	var old bool
	horizon := time.Now().Add(-xapi.History)
	e.o.Progress.View(func(w *window.Window) {
		for _, g := range w.Gaps {
			old = old || !g.Until.Time().IsZero() && g.Until.Time().Before(horizon)
		}
	})
	if !old {
		return nil
	}
	var lost []window.Gap
	err := e.o.Progress.Update(work, func(w *window.Window) { lost = w.Expire(horizon) })
	e.o.Lost(lost)
	return err
}

// tooOld answers X's refusal of a position: it goes on from the oldest time that X tells
// of, or, where the whole span is older, gives it up. It returns the span to ask for and
// whether there is one.
func (e *Engine) tooOld(work context.Context, g window.Gap, p *xapi.Problem) (window.Gap, bool, error) {
	if p.Param == "until_id" {
		err := e.o.Progress.Update(work, func(w *window.Window) { w.Drop(g) })
		e.o.Lost([]window.Gap{g})
		return g, false, err
	}
	e.wide = true
	raised := window.Gap{From: e.horizon(), Until: g.Until}
	e.o.Log.Warn("X no longer tells of the position where reading stopped: reading goes on from the oldest that it tells of",
		"parameter", p.Param, "position", g.After.String(), "from", raised.From)
	err := e.o.Progress.Update(work, func(w *window.Window) { w.Replace(g, raised) })
	return raised, true, err
}

func (e *Engine) lastSearch() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.searched
}

func (e *Engine) resumes() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.resume
}

// Lag is how far reading is behind: the age of the oldest post that may be unread, zero if
// the latest search read all there was.
func (e *Engine) Lag(now time.Time) time.Duration {
	e.mu.Lock()
	complete := e.complete
	e.mu.Unlock()
	since := complete
	e.o.Progress.View(func(w *window.Window) {
		switch {
		case len(w.Gaps) > 0:
			g := w.Gaps[0]
			since = g.After.Time()
			if g.From.After(since) {
				since = g.From
			}
		case complete.IsZero():
			since = w.NewestAt
		}
	})
	if since.IsZero() {
		return 0
	}
	return max(now.Sub(since), 0)
}
