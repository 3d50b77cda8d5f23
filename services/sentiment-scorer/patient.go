package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
)

// patient is a backend that the loop asks. It tells of the first failure, which the loop does only after some, and waits
// where nothing but time helps: while a budget is spent or a rate limit holds, the loop would take batches apart in search
// of a record that is to blame, and find one as soon as another passes.
type patient struct {
	sentiment.Backend
	health  *health.Reporter
	quiet   bool // the condition backend is told by another: a fallback, which knows better what it means
	sleep   func(ctx context.Context, d time.Duration) error
	waiting atomic.Bool
	since   atomic.Int64 // when it failed first, in nanoseconds of the Unix epoch; 0 while it answers or nobody asks
	failed  int          // how often in a row; the loop asks one after the other
}

// newPatient returns a patient backend; quiet says that b tells the condition backend by itself.
func newPatient(b sentiment.Backend, h *health.Reporter, quiet bool) *patient {
	return &patient{Backend: b, health: h, quiet: quiet, sleep: run.Sleep}
}

// Score implements sentiment.Backend.
func (p *patient) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	for {
		sentiments, err := p.Backend.Score(ctx, documents)
		var spent *llm.SpentError
		var throttled *llm.ThrottledError
		if err != nil && ctx.Err() == nil {
			p.since.CompareAndSwap(0, time.Now().UnixNano())
		}
		switch {
		case ctx.Err() != nil:
			p.idle()
			return sentiments, err
		case err == nil:
			p.good()
			return sentiments, nil
		case errors.As(err, &spent):
			p.health.Failed("budget", "BudgetSpent", err.Error())
			err = p.wait(ctx, time.Until(spent.Until)+time.Second)
		case errors.As(err, &throttled):
			p.bad("BackendThrottles", err)
			err = p.wait(ctx, max(time.Until(throttled.Until), leastPatience))
		default:
			p.bad("BackendFailed", err)
			return nil, err
		}
		if err != nil {
			p.idle()
			return nil, err
		}
	}
}

// leastPatience is how long a backend that throttles is left alone, beyond what its client has waited already.
const leastPatience = 5 * time.Second

func (p *patient) wait(ctx context.Context, d time.Duration) error {
	p.waiting.Store(true)
	defer p.waiting.Store(false)
	return p.sleep(ctx, d)
}

func (p *patient) good() { p.forget(p.health.Good) }

// idle forgets what failed when nobody waits for it any longer: its records are another's now, or come again, and who has
// none to score asks nothing by which it would hear that the backend answers again.
func (p *patient) idle() { p.forget(p.health.Drop) }

// forget forgets what failed, and says of the backend, unless another one tells of its health, what say does.
func (p *patient) forget(say func(condition string)) {
	p.failed = 0
	p.since.Store(0)
	p.health.Drop("budget")
	if !p.quiet {
		say("backend")
	}
}

// silent is for how long the backend has not answered, or its budget was spent; 0 while it answers, and once nobody waits for it.
func (p *patient) silent() time.Duration {
	if since := p.since.Load(); since != 0 {
		return time.Since(time.Unix(0, since))
	}
	return 0
}

// bad tells of a failure; one alone may pass.
func (p *patient) bad(reason string, err error) {
	if p.quiet {
		return
	}
	p.failed++
	message := "nothing is scored: " + err.Error() + "; it is tried again, and lag grows meanwhile"
	if p.failed == 1 {
		p.health.Degraded("backend", reason, message)
		return
	}
	p.health.Failed("backend", reason, message)
}

// still is what tells of a group that does not go on; that it waits is told by the conditions budget and backend.
func (p *patient) still(f func() (time.Duration, int, int64)) func() (time.Duration, int, int64) {
	return func() (time.Duration, int, int64) {
		if p.waiting.Load() {
			return 0, 0, 0
		}
		return f()
	}
}
