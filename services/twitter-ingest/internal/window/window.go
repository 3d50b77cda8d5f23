// Package window is the arithmetic of how far a query has been read: a low watermark and
// the gaps below it. It is pure.
//
// X pages newest first, so the newest post of a search is known, and published, long before
// its oldest. Window guarantees that whatever was saved after any page, and wherever reading
// stopped, all posts that are not yet published lie above Newest or in one of the Gaps.
package window

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Overlap is how far a search reaches back behind what was read before: X's index is not
// in order, a post may be found up to this much later than a younger one.
const Overlap = time.Minute

// maxGaps bounds the checkpoint; beyond it the two oldest gaps are joined.
const maxGaps = 100

// Gap is a span of ids that is still to be read.
type Gap struct {
	// After is the exclusive lower bound; zero: From says it.
	After snowflake.ID
	// From is the lower bound in time, where After is zero.
	From time.Time
	// Until is the exclusive upper bound; zero: now.
	Until snowflake.ID
}

// Window is how far one query has been read.
type Window struct {
	// Scope names the query, by its hash.
	Scope string
	// Newest is the highest id such that all below it, but for Gaps, has been published.
	// Zero before the first post.
	Newest snowflake.ID
	// NewestAt is when that post was made; before the first post, where reading begins.
	NewestAt time.Time
	// Gaps, oldest first.
	Gaps []Gap
}

// Scope names a query in a checkpoint: another query has another window.
func Scope(query string) string {
	sum := sha256.Sum256([]byte(query))
	return hex.EncodeToString(sum[:8])
}

// New is the window of a query that was never read: it begins at from.
func New(scope string, from time.Time) *Window {
	return &Window{Scope: scope, NewestAt: from}
}

// Head is the span above what was read: from Newest, less the overlap, to now.
//
// searched is when, by X's clock, the head was last searched to its end, zero if it was not
// since the start. A post that was made Overlap before that search was in the index by
// then, so only what is younger is asked for again: a quiet query re-reads nothing.
func (w *Window) Head(searched time.Time) Gap {
	if w.Newest == 0 {
		return Gap{From: w.NewestAt}
	}
	after := w.Newest.Before(Overlap)
	if settled := snowflake.At(searched.Add(-Overlap)); !searched.IsZero() && settled > after {
		after = min(settled, w.Newest)
	}
	return Gap{After: after}
}

// Read notes that the page at the upper end of g, with ids from oldest to newest, has been
// published; more tells that g goes on below it. It returns what is left of g and whether
// anything is. A page without ids leaves all as it was, but for a gap that it ends.
func (w *Window) Read(g Gap, newest, oldest snowflake.ID, more bool) (Gap, bool) {
	i := slices.Index(w.Gaps, g)
	if g.Until == 0 && newest > w.Newest {
		w.Newest, w.NewestAt = newest, newest.Time()
	}
	rest := g
	if oldest != 0 && (g.Until == 0 || oldest < g.Until) {
		rest.Until = oldest
	}
	switch {
	case !more && i >= 0:
		w.Gaps = slices.Delete(w.Gaps, i, i+1)
	case !more || rest.Until == 0: // a head without a single id yet is no gap: it is asked for again
	case i >= 0:
		w.Gaps[i] = rest
	default:
		w.Gaps = append(w.Gaps, rest)
		w.join()
	}
	return rest, more
}

// join keeps the number of gaps bounded. Joining two re-reads what lies between them and
// loses nothing.
func (w *Window) join() {
	for len(w.Gaps) > maxGaps {
		older, newer := w.Gaps[0], w.Gaps[1]
		older.Until = max(older.Until, newer.Until)
		w.Gaps = append([]Gap{older}, w.Gaps[2:]...)
	}
}

// Expire drops the gaps that lie wholly before horizon, the oldest time that X still tells
// of, and returns them: what was in there is lost.
func (w *Window) Expire(horizon time.Time) (lost []Gap) {
	w.Gaps = slices.DeleteFunc(w.Gaps, func(g Gap) bool {
		at := g.Until.Time()
		if at.IsZero() || !at.Before(horizon) {
			return false
		}
		lost = append(lost, g)
		return true
	})
	return lost
}

// Drop removes g.
func (w *Window) Drop(g Gap) {
	w.Gaps = slices.DeleteFunc(w.Gaps, func(o Gap) bool { return o == g })
}

// Replace puts with in the place of g, if g is one of the gaps.
func (w *Window) Replace(g, with Gap) {
	if i := slices.Index(w.Gaps, g); i >= 0 {
		w.Gaps[i] = with
	}
}

// FromProto reads a window from a checkpoint; ids that are none count as absent.
func FromProto(p *feedbackv1.Window) *Window {
	w := &Window{Scope: p.GetScope(), Newest: id(p.GetNewest())}
	if p.GetNewestAt().IsValid() {
		w.NewestAt = p.GetNewestAt().AsTime()
	}
	for _, g := range p.GetGaps() {
		gap := Gap{After: id(g.GetAfter()), Until: id(g.GetUntil())}
		if g.GetAfterTime().IsValid() {
			gap.From = g.GetAfterTime().AsTime()
		}
		w.Gaps = append(w.Gaps, gap)
	}
	return w
}

// Proto is the window as a checkpoint holds it.
func (w *Window) Proto() *feedbackv1.Window {
	p := &feedbackv1.Window{Scope: w.Scope, Newest: w.Newest.String()}
	if !w.NewestAt.IsZero() {
		p.NewestAt = timestamppb.New(w.NewestAt)
	}
	for _, g := range w.Gaps {
		gap := &feedbackv1.Gap{After: g.After.String(), Until: g.Until.String()}
		if !g.From.IsZero() {
			gap.AfterTime = timestamppb.New(g.From)
		}
		p.Gaps = append(p.Gaps, gap)
	}
	return p
}

func id(s string) snowflake.ID {
	n, err := snowflake.Parse(s)
	if err != nil {
		return 0
	}
	return n
}
