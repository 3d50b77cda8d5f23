package slack

import (
	"sync"
	"time"
)

const (
	// postEvery is how often one channel takes a message.
	postEvery = time.Second
	// postSlack is by how much a message may come too early, for the sake of clients that
	// keep exactly to the second.
	postSlack = 100 * time.Millisecond
)

// limits counts calls. What is refused does not count.
type limits struct {
	now     func() time.Time
	noTiers bool

	mu      sync.Mutex
	posting map[string]time.Time // channel: when the next message is due
	calls   map[string]time.Time // method: when the allowance will be whole again
}

func newLimits(now func() time.Time, noTiers bool) *limits {
	return &limits{now: now, noTiers: noTiers, posting: map[string]time.Time{}, calls: map[string]time.Time{}}
}

// post tells how long to wait before the channel takes a message; 0 means now.
func (l *limits) post(channel string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	due := l.posting[channel]
	if wait := due.Sub(now); wait > postSlack {
		return wait
	}
	if due.Before(now) {
		due = now
	}
	l.posting[channel] = due.Add(postEvery)
	return 0
}

// method tells how long to wait before the method may be called again; 0 means now. A
// method has its allowance of a minute at once and gets it back evenly.
func (l *limits) method(name string, perMinute int) time.Duration {
	if l.noTiers {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	step := time.Minute / time.Duration(perMinute)
	full := l.calls[name]
	if full.Before(now) {
		full = now
	}
	full = full.Add(step)
	if wait := full.Sub(now) - time.Minute; wait > 0 {
		return wait
	}
	l.calls[name] = full
	return 0
}
