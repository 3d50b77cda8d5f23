package sink

import (
	"sync"
	"time"
)

// What Slack allows a token in a minute, over all channels: chat.update is of tier 3, 50 and
// more; of chat.postMessage "several hundred" are taken. Both budgets keep below that within
// any minute: the burst and what a minute gives back. Source: docs.slack.dev, rate limits.
const (
	updatesAMinute, updatesAtOnce = 40, 10
	postsAMinute, postsAtOnce     = 240, 60
)

// Budget keeps the calls of one method with one token below Slack's limit, whichever routes
// make them. It is safe for concurrent use.
type Budget struct {
	mu    sync.Mutex
	step  time.Duration // in which one call is given back
	depth time.Duration // step for each call that may be made at once
	full  time.Time     // when all is given back
	held  time.Time
}

// NewBudget returns a budget that gives back so many calls a minute, evenly, and of which
// atOnce calls may be made without a pause.
func NewBudget(aMinute, atOnce int) *Budget {
	step := time.Minute / time.Duration(aMinute)
	return &Budget{step: step, depth: step * time.Duration(atOnce)}
}

// Take asks for a call. It returns 0 and takes it, or how long to wait before asking again.
func (b *Budget) Take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.wait(now); d > 0 {
		return d
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(b.step)
	return 0
}

// Wait is how long it takes until a call may be made; it takes nothing.
func (b *Budget) Wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait(now)
}

func (b *Budget) wait(now time.Time) time.Duration {
	return max(0, b.held.Sub(now), b.full.Add(b.step-b.depth).Sub(now))
}

// Hold makes no call before the time given, as Slack's Retry-After asks. Then the calls come
// one by one: somebody else uses the token too, or Slack allows less.
func (b *Budget) Hold(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.held) {
		b.held = until
	}
	if empty := until.Add(b.depth - b.step); empty.After(b.full) {
		b.full = empty
	}
}

// Quota is what the routes of one token share: a budget for each method that Slack counts by
// token. Posts wait for nothing that changes what stands, and the other way round.
type Quota struct {
	Posts, Updates *Budget
}

// NewQuota returns the quota of a token of which nothing is used.
func NewQuota() *Quota {
	return &Quota{Posts: NewBudget(postsAMinute, postsAtOnce), Updates: NewBudget(updatesAMinute, updatesAtOnce)}
}
