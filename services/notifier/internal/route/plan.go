package route

import (
	"fmt"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
)

// plan decides what a record of `scored` asks for. It does nothing itself: it queues what
// is to be told or shown, and records what needs neither.
func (a *active) plan(r kafka.Record) {
	pos := position{r.Partition, r.Offset}
	a.track.take(pos)
	s, err := feedback.DecodeScored(r)
	if n := len(s.GetEvent().GetId()); err == nil && n > maxID {
		err = fmt.Errorf("the event's id has %d bytes, at most %d are taken", n, maxID)
	}
	if err != nil {
		if a.Buried.claim(pos, a.Name) {
			a.bury(r, malformed, err, 1)
		}
		a.done([]position{pos})
		return
	}
	if s.Sentiment == nil {
		s.Sentiment = &feedbackv1.Sentiment{} // not scored, and no reason given
	}
	now := time.Now()
	a.Health.Event(now)
	since := now
	if t := s.GetScoredAt(); t.IsValid() && t.GetSeconds() > 0 && t.AsTime().Before(now) {
		since = t.AsTime()
	}
	a.admit(&item{event: s, at: []position{pos}, since: since, size: len(r.Value), trace: a.Traces.Of(r)})
}

// admit finds what is known of the event and sends the item on by that.
func (a *active) admit(it *item) {
	id := it.id()
	if old := a.byID[id]; old != nil {
		a.supersede(old, it)
		return
	}
	if old := a.revising[id]; old != nil {
		if it.revision() > old.revision() {
			old.event, old.keys, old.trace, old.plain = it.event, it.keys, it.trace, false
		}
		old.at = append(old.at, it.at...)
		return
	}
	told, known := a.mem.Get(id)
	switch {
	case !known, told.State == feedbackv1.Notification_STATE_INTENT:
		a.admitUntold(it)
	case it.revision() <= told.Revision:
		a.done(it.at)
	case told.State == feedbackv1.Notification_STATE_SKIPPED, told.State == feedbackv1.Notification_STATE_UNSPECIFIED:
		a.admitUntold(it)
	case told.Into != "":
		a.recount(it, told)
	default:
		a.amend(it, told)
	}
}

// supersede puts a newer revision in the place of one that was not told yet. If that one
// may have been told, the newer waits until this is known.
func (a *active) supersede(old, it *item) {
	if it.revision() <= old.newest() {
		a.done(it.at)
		return
	}
	if old.held || a.inDoubt(old.id()) {
		if old.later != nil {
			it.at = append(it.at, old.later.at...)
		}
		old.later = it
		return
	}
	a.leave(old)
	a.done(old.at)
	a.admit(it)
	a.readmit(old.copies)
}

// admitUntold handles an event that was never told.
func (a *active) admitUntold(it *item) {
	e := it.event.GetEvent()
	switch {
	case !a.wanted(it.event):
		a.unwanted(it)
	case a.tooOld(e):
		n := a.note(it, feedbackv1.Notification_STATE_SKIPPED)
		n.Reason = fmt.Sprintf("older than %s when it came", a.MaxAge)
		if e.GetCreatedAt() == nil {
			n.Reason = "it does not say when it was said"
		}
		delete(a.doubts, it.id())
		a.record(n, it.at...)
	case !a.collapse(it):
		a.queue(it)
	}
}

func (a *active) wanted(s *feedbackv1.ScoredEvent) bool {
	return !s.GetEvent().GetDeleted() && a.Match.Scored(s)
}

func (a *active) tooOld(e *feedbackv1.Event) bool {
	said := e.GetCreatedAt().AsTime()
	if r := e.GetRevisedAt(); r.IsValid() && r.AsTime().After(said) {
		said = r.AsTime()
	}
	return time.Since(said) > a.ageLimit()
}

// unwanted closes an event that is not to be told. Of most nothing is written.
func (a *active) unwanted(it *item) {
	if old, ok := a.mem.Get(it.id()); ok && old.State == feedbackv1.Notification_STATE_INTENT {
		n := a.note(it, feedbackv1.Notification_STATE_SKIPPED)
		n.Reason = card.Reason(it.event.GetEvent()) + ", before it was told"
		delete(a.doubts, it.id())
		a.record(n, it.at...)
		return
	}
	if it.revision() > 0 {
		a.mem.Seen(it.id(), it.revision(), time.Now())
	}
	a.done(it.at)
}

// collapse counts an event by the card of an equal one that stands, if there is one.
func (a *active) collapse(it *item) bool {
	if a.inDoubt(it.id()) {
		return false
	}
	into, ok := a.standing(it)
	if !ok {
		return false
	}
	n := a.note(it, feedbackv1.Notification_STATE_COLLAPSED)
	n.CollapsedInto = into
	a.record(n, it.at...)
	a.dirty(into)
	return true
}

// standing finds the told event that an event repeats.
func (a *active) standing(it *item) (string, bool) {
	e := it.event.GetEvent()
	for _, k := range it.collapseKeys() {
		id, ok := a.mem.Standing(k)
		if !ok {
			id = k // a repost of what was told
		}
		told, known := a.mem.Get(id)
		if told.Into != "" {
			id = told.Into
			told, known = a.mem.Get(id)
		}
		if !known || id == e.GetId() || told.Into != "" {
			continue
		}
		apart := e.GetCreatedAt().AsTime().Sub(time.UnixMicro(told.Said)).Abs()
		if (told.State == feedbackv1.Notification_STATE_POSTED || told.State == feedbackv1.Notification_STATE_DIGESTED) && apart <= collapseWindow {
			return id, true
		}
	}
	return "", false
}

// queue lets an event wait for its turn, or with an equal one that waits already.
func (a *active) queue(it *item) {
	a.byID[it.id()] = it
	a.bytes += it.size
	keys := it.collapseKeys()
	if !a.inDoubt(it.id()) {
		for _, k := range keys {
			if twin := a.byKey[k]; twin != nil {
				it.of = twin
				twin.copies = append(twin.copies, it)
				return
			}
		}
	}
	a.waiting = append(a.waiting, it)
	a.enkey(it)
}

// enkey lets copies of an item join it.
func (a *active) enkey(it *item) {
	for _, k := range it.collapseKeys() {
		if a.byKey[k] == nil {
			a.byKey[k] = it
		}
	}
}

// leave takes an item out of the queue, with its copies, which the caller must see to.
func (a *active) leave(it *item) {
	delete(a.byID, it.id())
	a.bytes -= it.size
	if it.of != nil {
		it.of.copies = slices.DeleteFunc(it.of.copies, func(c *item) bool { return c == it })
		it.of = nil
		return
	}
	for _, c := range it.copies {
		delete(a.byID, c.id())
		a.bytes -= c.size
		c.of = nil
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(w *item) bool { return w == it })
	a.unkey(it)
}

// unkey lets no further copies join an item.
func (a *active) unkey(it *item) {
	for _, k := range it.collapseKeys() {
		if a.byKey[k] == it {
			delete(a.byKey, k)
		}
	}
}

// readmit decides anew on items whose fate has changed.
func (a *active) readmit(items []*item) {
	for _, it := range items {
		it.of, it.held, it.copies = nil, false, nil
		later := it.later
		it.later = nil
		a.admit(it)
		if later != nil {
			a.admit(later)
		}
	}
}

// recount follows a change of an event that another one's card counts.
func (a *active) recount(it *item, told memory.Told) {
	state := feedbackv1.Notification_STATE_COLLAPSED
	if told.Digest != "" {
		state = feedbackv1.Notification_STATE_DIGESTED
	}
	n := a.note(it, state)
	n.CollapsedInto, n.DigestId, n.CollapseKey = told.Into, told.Digest, told.Key
	if !a.wanted(it.event) {
		n.State = feedbackv1.Notification_STATE_WITHDRAWN
		n.Reason = card.Reason(it.event.GetEvent())
	}
	a.record(n, it.at...)
	a.dirty(told.Into)
}

func (a *active) inDoubt(id string) bool {
	_, ok := a.doubts[id]
	return ok
}

// windowStart is the beginning of the window in which t lies.
func windowStart(t time.Time, window time.Duration) time.Time {
	if window <= 0 {
		return t
	}
	return time.Unix(0, t.UnixNano()/int64(window)*int64(window)).UTC()
}
