// Package tokens keeps what all replicas of a scorer use of a language model, in tokens, under one limit for each UTC day.
//
// It guarantees that the replicas together never set aside more than the limit, whatever crashes, starts or rebalances:
// each takes a portion of the day's tokens by writing its sum into the state topic, reads all replicas' sums after the
// write is acknowledged, and uses the portion only if they are within the limit together. Of two that write at the same
// time at least one sees both. What a replica had taken and not used when it was killed is not used on that day.
//
// It does not know what a provider bills: that is what the answers say, or the bound by which a request was reserved.
package tokens

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
)

// portions is how many portions a day's tokens make: what a crash costs, and how often the topic is read and written.
const portions = 50

// attempts is how often a portion is asked for while others ask for theirs.
const attempts = 5

// Entry is what one replica has taken.
type Entry struct {
	Day  string // 2006-01-02 in UTC
	Used int64
}

// Store is where replicas see each other's entries.
type Store interface {
	// Write replaces this replica's entry and returns when that is acknowledged.
	Write(ctx context.Context, e Entry, limit int64) error
	// Read returns all replicas' entries by their instance, those that were acknowledged before the call included.
	Read(ctx context.Context) (map[string]Entry, error)
}

// Ledger is one replica's part of the budget. It is safe for concurrent use.
type Ledger struct {
	// Setting is where the limit stands in the manifest, for errors; default spec.scorer.llm.
	Setting string

	instance string
	limit    int64
	store    Store
	now      func() time.Time

	taking chan struct{} // holds one while tokens are reserved

	mu     sync.Mutex
	loaded bool // what this instance had taken before this process began is known
	day    string
	taken  int64 // what this replica may use: its entry in the store is that much at least
	used   int64 // of it, what requests have used or reserved
	others int64 // what the others had taken when that was last read
	spent  bool
	open   int           // reservations that are not settled
	change chan struct{} // is closed when one is
}

var _ llm.Budget = (*Ledger)(nil)

// New returns the ledger of one replica of several that share a limit of tokens a UTC day. It does no I/O.
func New(instance string, limit int64, store Store, now func() time.Time) *Ledger {
	return &Ledger{instance: instance, limit: limit, store: store, now: now, taking: make(chan struct{}, 1), change: make(chan struct{})}
}

// Reserve takes n tokens of today, which may first take a portion of the day's from the store. Where the day's rest is less
// it waits for what this replica has reserved to be settled, since requests take less than was reserved for them; its error
// is a *llm.SpentError where nothing is left to wait for, and then for any n until the day ends, a *llm.BooksError where the
// store fails, and llm.ErrContended where others took at the same time, again and again.
func (l *Ledger) Reserve(ctx context.Context, n int64) (llm.Reservation, error) {
	if n > l.limit {
		return llm.Reservation{}, fmt.Errorf("one request may take %d tokens, and the budget is %d a day: raise %s.tokensPerDay, or lower maxDocuments", n, l.limit, cmp.Or(l.Setting, llm.DefaultSetting))
	}
	select {
	case <-ctx.Done():
		return llm.Reservation{}, fmt.Errorf("the budget of tokens was waited for in vain: %w", ctx.Err())
	case l.taking <- struct{}{}:
		defer func() { <-l.taking }()
	}
	for attempt := 0; attempt < attempts; attempt++ {
		r, ok, err := l.fromTaken(n)
		if err != nil || ok {
			return r, err
		}
		settled, err := l.take(ctx, n)
		if err != nil {
			return llm.Reservation{}, err
		}
		if settled == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return llm.Reservation{}, &llm.ThrottledError{Err: errors.New("the rest of the budget of tokens is set aside for requests that are under way")}
		case <-settled:
			attempt = 0
		}
	}
	return llm.Reservation{}, llm.ErrContended
}

// fromTaken takes n of what this replica has taken; not ok where that is not enough.
func (l *Ledger) fromTaken(n int64) (r llm.Reservation, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	switch {
	case l.spent:
		return llm.Reservation{}, false, l.error()
	case !l.loaded, l.used+n > l.taken:
		return llm.Reservation{}, false, nil
	}
	l.used += n
	l.open++
	return llm.Reservation{Tokens: n, Day: l.day}, true, nil
}

// take takes a portion from the store, so much at least that n can be reserved. Others that take at the same time may leave
// it with less. It takes nothing where enough has been settled meanwhile.
// Where there is not so much left, but reservations that are not settled, it takes nothing, and settled is closed when the
// next one is.
func (l *Ledger) take(ctx context.Context, n int64) (settled <-chan struct{}, err error) {
	others, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	day, before := l.day, l.taken
	rest, need := l.limit-others-before, l.used+n-before
	if need <= 0 {
		l.mu.Unlock()
		return nil, nil
	}
	if rest < need {
		defer l.mu.Unlock()
		if l.open > 0 {
			return l.change, nil
		}
		l.spent = true
		return nil, l.error()
	}
	l.mu.Unlock()
	sum := before + min(rest, max(need, l.limit/portions))
	// Until all has been read again the store may hold more than this replica uses, never less.
	if err := l.write(ctx, day, sum); err != nil {
		return nil, err
	}
	if others, err = l.read(ctx); err != nil {
		return nil, err
	}
	if over := others + sum - l.limit; over > 0 {
		sum = max(before, sum-over)
		if err := l.write(ctx, day, sum); err != nil {
			return nil, err
		}
		if err := run.Sleep(ctx, 20*time.Millisecond+rand.N(100*time.Millisecond)); err != nil { // who was in the way does the same
			return nil, fmt.Errorf("the budget of tokens was waited for in vain: %w", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.day == day {
		l.taken = sum
	}
	return nil, nil
}

// read returns what the other replicas have taken today. What this instance had taken when it ran before is used.
func (l *Ledger) read(ctx context.Context) (others int64, err error) {
	entries, err := l.store.Read(ctx)
	if err != nil {
		return 0, &llm.BooksError{Err: fmt.Errorf("what was used of the budget of tokens cannot be read: %w; nothing is asked without", err)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	for instance, e := range entries {
		switch {
		case e.Day != l.day:
		case instance != l.instance:
			others += e.Used
		case !l.loaded:
			l.taken, l.used = e.Used, l.used+e.Used
		}
	}
	l.loaded, l.others = true, others
	return others, nil
}

func (l *Ledger) write(ctx context.Context, day string, sum int64) error {
	if err := l.store.Write(ctx, Entry{day, sum}, l.limit); err != nil {
		return &llm.BooksError{Err: fmt.Errorf("what is used of the budget of tokens cannot be written: %w; nothing is asked without", err)}
	}
	return nil
}

// Settle has to be called once for each reservation. It puts what was used in the place of what was reserved. If the day has turned meanwhile it is open on which the
// provider counts, and it counts on both.
func (l *Ledger) Settle(r llm.Reservation, used int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	if r.Day == l.day {
		used -= r.Tokens
	}
	l.used = max(0, l.used+used)
	l.open--
	close(l.change)
	l.change = make(chan struct{})
}

// Close gives back what was taken and not used, so that a restart costs nothing.
func (l *Ledger) Close(ctx context.Context) error {
	l.mu.Lock()
	l.turn()
	day, used, taken := l.day, l.used, l.taken
	l.taken = min(taken, used)
	l.mu.Unlock()
	if used >= taken {
		return nil
	}
	return l.write(ctx, day, used)
}

// Used is what all replicas have used or taken today, as far as this one knows, and the limit.
func (l *Ledger) Used() (used, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	return l.others + l.used, l.limit
}

// error is the error of a budget that is spent; l.mu is held.
func (l *Ledger) error() *llm.SpentError {
	return &llm.SpentError{Setting: l.Setting, Used: l.others + l.used, Limit: l.limit, Until: l.now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)}
}

// turn begins a new day; l.mu is held. A clock that was set back stays on the later day.
func (l *Ledger) turn() {
	if day := l.now().UTC().Format(time.DateOnly); day > l.day {
		l.day, l.taken, l.used, l.others, l.spent = day, 0, 0, 0, false
	}
}
