package backfill

import (
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
)

// changes is the suffix of the scope that says until when edits and replies to older
// messages of a channel have been looked for.
const changes = "/changes"

// state is the checkpoint: a low watermark with its open gaps for each channel. Only what
// was read from history raises it; live events never do, for a live event says nothing
// of what a dead connection swallowed before it.
type state struct {
	mu sync.Mutex
	s  *feedbackv1.SourceState
}

func newState(source string, saved *feedbackv1.SourceState) *state {
	s := &feedbackv1.SourceState{}
	if saved != nil {
		s = proto.CloneOf(saved)
	}
	s.Source = source
	return &state{s: s}
}

// snapshot is the checkpoint as it is now, without channels that were last read before oldest.
func (st *state) snapshot(now time.Time, oldest string) *feedbackv1.SourceState {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Windows = slices.DeleteFunc(st.s.Windows, func(w *feedbackv1.Window) bool {
		return w.GetNewest() != "" && before(w.GetNewest(), oldest) && len(w.GetGaps()) == 0
	})
	s := proto.CloneOf(st.s)
	s.ObservedAt = timestamppb.New(now)
	return s
}

// newest is a scope's watermark; empty if it has none.
func (st *state) newest(scope string) string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.window(scope).GetNewest()
}

// raise sets a scope's watermark if it is above what it was.
func (st *state) raise(scope, ts string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.raiseLocked(st.window(scope), ts)
}

func (st *state) raiseLocked(w *feedbackv1.Window, ts string) {
	if ts != "" && (w.GetNewest() == "" || before(w.GetNewest(), ts)) {
		w.Newest, w.NewestAt = ts, timestamppb.New(event.Time(ts))
	}
}

// gap is the newest open gap of a scope; nil if there is none.
func (st *state) gap(scope string) *feedbackv1.Gap {
	st.mu.Lock()
	defer st.mu.Unlock()
	gaps := st.window(scope).GetGaps()
	if len(gaps) == 0 {
		return nil
	}
	return gaps[len(gaps)-1]
}

// open raises the watermark to top and notes that what lies between after and until is
// still to be read. Both happen at once, so that no checkpoint has the one without the other.
func (st *state) open(scope, after, until, top string) *feedbackv1.Gap {
	st.mu.Lock()
	defer st.mu.Unlock()
	w := st.window(scope)
	st.raiseLocked(w, top)
	g := &feedbackv1.Gap{After: after, Until: until}
	w.Gaps = append(w.Gaps, g)
	return g
}

// lower notes that all of the gap above until has been written.
func (st *state) lower(g *feedbackv1.Gap, until string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	g.Until = until
}

// shut takes the gap away: all of it has been written.
func (st *state) shut(scope string, g *feedbackv1.Gap) {
	st.mu.Lock()
	defer st.mu.Unlock()
	w := st.window(scope)
	w.Gaps = slices.DeleteFunc(w.Gaps, func(other *feedbackv1.Gap) bool { return other == g })
}

func (st *state) window(scope string) *feedbackv1.Window {
	for _, w := range st.s.GetWindows() {
		if w.GetScope() == scope {
			return w
		}
	}
	w := &feedbackv1.Window{Scope: scope}
	st.s.Windows = append(st.s.Windows, w)
	return w
}

// before tells whether a is earlier than b; what is no ts is earliest.
func before(a, b string) bool {
	x, _ := event.Micros(a)
	y, _ := event.Micros(b)
	return x < y
}

// later is the later of two.
func later(a, b string) string {
	if before(a, b) {
		return b
	}
	return a
}

// earlier is ts less d; empty stays empty.
func earlier(ts string, d time.Duration) string {
	n, err := event.Micros(ts)
	if err != nil || n < uint64(d.Microseconds()) {
		return ""
	}
	return event.TS(n - uint64(d.Microseconds()))
}

func ts(t time.Time) string { return event.TS(uint64(max(t.UnixMicro(), 0))) }
