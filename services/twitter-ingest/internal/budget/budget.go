// Package budget keeps what X bills, posts read, under a limit for each UTC day.
//
// It guarantees that the limit is never exceeded: posts are counted before they are asked
// for, the count is part of the checkpoint and saved before the request goes out, so that
// neither a crash nor a restart forgets what may have been billed.
package budget

import (
	"fmt"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

// maxSeen bounds the memory of today's posts; beyond it a post that is read again counts
// again, which errs on the safe side.
const maxSeen = 200_000

// SpentError says that today's budget does not allow another request.
type SpentError struct {
	Used, Limit uint64
	// Until is when the next UTC day begins and the budget is whole again.
	Until time.Time
}

// Error tells how much was read and when reading goes on.
func (e *SpentError) Error() string {
	return fmt.Sprintf("the daily budget of %d posts is spent (%d read); reading goes on at %s", e.Limit, e.Used, e.Until.Format(time.RFC3339))
}

// Reservation is a number of posts that a request may bring.
type Reservation struct {
	N   int
	day string
}

// Budget counts posts read. It is safe for concurrent use.
type Budget struct {
	limit uint64

	mu   sync.Mutex
	day  string
	used uint64
	seen map[snowflake.ID]struct{} // posts read today: X bills each once a UTC day
}

// New returns a budget of limit posts a UTC day that goes on from saved, which may be nil.
func New(limit uint64, saved *feedbackv1.Budget) *Budget {
	return &Budget{limit: limit, day: saved.GetDay(), used: saved.GetUsed(), seen: map[snowflake.ID]struct{}{}}
}

// Reserve counts up to want posts, and no fewer than least, ahead of a request at now. It
// returns a *SpentError if today's rest is less than least. The caller saves Proto before
// the request goes out.
func (b *Budget) Reserve(now time.Time, want, least int) (Reservation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	rest := 0
	if b.used < b.limit {
		rest = int(min(b.limit-b.used, uint64(want)))
	}
	if rest < least {
		return Reservation{}, b.spent(now)
	}
	b.used += uint64(rest)
	return Reservation{N: rest, day: b.day}, nil
}

// Spent returns a *SpentError if the rest of now's UTC day is less than least, else nil.
func (b *Budget) Spent(now time.Time, least int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	if b.limit >= b.used+uint64(least) {
		return nil
	}
	return b.spent(now)
}

// spent is the error of a budget that is; b.mu is held.
func (b *Budget) spent(now time.Time) *SpentError {
	return &SpentError{Used: b.used, Limit: b.limit, Until: now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)}
}

// Settle replaces a reservation by what its request brought: the posts that were not read
// before on this UTC day, and bad elements, of which nothing is known. If the day has
// turned meanwhile it is open on which day X bills, and they count on both.
func (b *Budget) Settle(now time.Time, r Reservation, posts []snowflake.ID, bad int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	fresh := uint64(bad)
	for _, id := range posts {
		if _, again := b.seen[id]; again {
			continue
		}
		fresh++
		if len(b.seen) < maxSeen {
			b.seen[id] = struct{}{}
		}
	}
	if r.day == b.day {
		b.used -= min(b.used, uint64(r.N))
	}
	b.used += fresh
}

// Seen tells whether the post was read, and so paid for, on now's UTC day.
func (b *Budget) Seen(now time.Time, id snowflake.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	_, ok := b.seen[id]
	return ok
}

// Turned tells whether r was made on another UTC day than now's.
func (r Reservation) Turned(now time.Time) bool { return r.day != dayOf(now) }

// Proto is the budget at now as a checkpoint holds it.
func (b *Budget) Proto(now time.Time) *feedbackv1.Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	return &feedbackv1.Budget{Day: b.day, Used: b.used, Limit: b.limit}
}

// turn begins a new day. A clock that was set back stays on the later day.
func (b *Budget) turn(now time.Time) {
	if day := dayOf(now); day > b.day {
		b.day, b.used = day, 0
		clear(b.seen)
	}
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }
