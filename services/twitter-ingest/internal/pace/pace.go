// Package pace says how long to wait after a request that X did not serve, so that no
// trouble becomes a hot loop and X's own word on when to come back is kept.
package pace

import (
	"math/rand/v2"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

const (
	// longest is the most that a word of X makes us wait without asking again.
	longest = time.Hour

	limitedFirst, limitedMax = time.Minute, 15 * time.Minute // 429 that does not say until when
	mended                   = 30 * time.Second              // what only a person can mend, a token or the usage cap: who mends it waits for the result
)

// Backoff is how long to wait after the n-th failure in a row, n from 1.
type Backoff func(n int) time.Duration

// Exponential doubles from first to limit.
func Exponential(first, limit time.Duration) Backoff {
	return func(n int) time.Duration {
		d := first
		for range n - 1 {
			if d >= limit {
				break
			}
			d *= 2
		}
		return min(d, limit)
	}
}

// Linear adds step each time up to limit.
func Linear(step, limit time.Duration) Backoff {
	return func(n int) time.Duration { return min(time.Duration(n)*step, limit) }
}

// Pace counts failures in a row. Network holds where there was no answer, HTTP where it was
// a 5xx. It is not safe for concurrent use.
type Pace struct {
	Network, HTTP Backoff

	kind     xapi.Kind
	failures int
}

// Reset notes a success.
func (p *Pace) Reset() { p.failures = 0 }

// Failures is how many failures of the latest kind came in a row.
func (p *Pace) Failures() int { return p.failures }

// Wait notes a failure and returns how long to wait before the next request: what X asks
// for, else a back-off of the problem's kind with up to half of it taken off by chance.
func (p *Pace) Wait(problem *xapi.Problem) time.Duration {
	if p.kind != problem.Kind {
		p.kind, p.failures = problem.Kind, 0
	}
	p.failures++
	if problem.Wait > 0 {
		return min(problem.Wait, longest) + rand.N(time.Second)
	}
	d := p.backoff(problem)(p.failures)
	return d - rand.N(d/2+1)
}

func (p *Pace) backoff(problem *xapi.Problem) Backoff {
	switch {
	case problem.Kind == xapi.RateLimited:
		return Exponential(limitedFirst, limitedMax)
	case problem.Kind != xapi.Transient:
		return Linear(mended, mended)
	case problem.Status == 0:
		return p.Network
	}
	return p.HTTP
}
