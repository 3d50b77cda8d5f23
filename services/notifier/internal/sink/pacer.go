package sink

import (
	"sync"
	"time"
)

// Interval is the least time between two messages in a channel: Slack allows one a second.
const Interval = time.Second

// Pacer keeps what is written to one channel apart, whichever routes write it. It is safe
// for concurrent use.
type Pacer struct {
	mu   sync.Mutex
	next time.Time
}

// Take asks for the turn. It returns 0 and takes it, or how long to wait before asking
// again.
func (p *Pacer) Take(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.next.Sub(now); d > 0 {
		return d
	}
	p.next = now.Add(Interval)
	return 0
}

// Wait is how long it takes until the next turn; it takes nothing.
func (p *Pacer) Wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.next.Sub(now))
}

// Done says that what the turn was for has been answered: the next one comes an interval
// after that, so that two that were delayed unequally do not arrive close together.
func (p *Pacer) Done(now time.Time) { p.Hold(now.Add(Interval)) }

// Hold gives no turn before the time given, as Slack's Retry-After asks.
func (p *Pacer) Hold(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.next) {
		p.next = until
	}
}

// Pacers hands out one pacer for each channel of a workspace.
type Pacers struct {
	mu sync.Mutex
	by map[string]*Pacer
}

// For returns the pacer of the key; routes that write to one channel must use one key.
func (p *Pacers) For(key string) *Pacer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = map[string]*Pacer{}
	}
	if p.by[key] == nil {
		p.by[key] = &Pacer{}
	}
	return p.by[key]
}
