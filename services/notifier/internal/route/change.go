package route

import (
	"context"
	"maps"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
)

// change is all that is to be shown anew in one message that stands, a card or a digest: one
// update shows the newest state of it, however many revisions it took.
type change struct {
	id        string          // of the card's event or of the digest
	revisions []*item         // the newest of each event, oldest first
	counts    map[string]bool // events of which it shows an old count
	since     time.Time       // when the first of the revisions came
	counted   time.Time       // when the first of the counts changed
	apart     bool            // refused as a whole: its revisions are shown one by one
}

// message gives the id of the message that tells an event: its card, or its digest. shown is
// false where that is a digest that only counts the event.
func (a *active) message(id string, told memory.Told) (message string, shown bool) {
	if told.Digest == "" {
		return id, true
	}
	d, ok := a.mem.Digest(told.Digest)
	return told.Digest, ok && slices.Contains(d.Shown, id)
}

func (a *active) changeOf(message string) *change {
	c := a.changes[message]
	if c == nil {
		c = &change{id: message, counts: map[string]bool{}}
		a.changes[message] = c
	}
	return c
}

// amend has a revision of a told event shown. What its digest only counts is recorded at
// once: nothing is to be shown.
func (a *active) amend(it *item, told memory.Told) {
	message, shown := a.message(it.id(), told)
	if !shown {
		a.revised(it, told, !a.wanted(it.event), "")
		return
	}
	c := a.changeOf(message)
	if len(c.revisions) == 0 {
		c.since = time.Now()
		a.revisions = append(a.revisions, c)
	}
	c.revisions = append(c.revisions, it)
	a.revising[it.id()] = it
}

// dirty notes that a card, or the part of a digest that shows an event, shows an old count.
// A count that no message shows is recorded after a while.
func (a *active) dirty(id string) {
	told, ok := a.mem.Get(id)
	if !ok || (told.State != feedbackv1.Notification_STATE_POSTED && told.State != feedbackv1.Notification_STATE_DIGESTED) {
		return
	}
	message, shown := a.message(id, told)
	if !shown {
		if _, ok := a.uncounted[id]; !ok {
			a.uncounted[id] = time.Now()
		}
		return
	}
	c := a.changeOf(message)
	if len(c.counts) == 0 {
		c.counted = time.Now()
		a.recounts = append(a.recounts, c)
	}
	c.counts[id] = true
}

// countQuietly records the counts that no message shows.
func (a *active) countQuietly(now time.Time) {
	for id, since := range a.uncounted {
		if now.Sub(since) < countLate {
			continue
		}
		delete(a.uncounted, id)
		if told, ok := a.mem.Get(id); ok && told.Shown != a.mem.Count(id) {
			a.record(a.renote(id, told, a.mem.Count(id)))
		}
	}
}

// nextCount chooses a message whose counts are to be shown: when nothing else waits, or when
// they have waited for long.
func (a *active) nextCount(now time.Time) func(context.Context) {
	for len(a.recounts) > 0 {
		c := a.recounts[0]
		maps.DeleteFunc(c.counts, func(id string, _ bool) bool {
			told, ok := a.mem.Get(id)
			return !ok || told.Shown == a.mem.Count(id)
		})
		if len(c.counts) == 0 {
			a.settled(c)
			continue
		}
		waited := now.Sub(c.counted)
		if waited < countSoon || (len(a.waiting) > 0 && !a.Digest && waited < countLate) {
			return nil
		}
		return func(context.Context) { a.show(c) }
	}
	return nil
}

// settled takes a change out of the queues in which it has nothing left to wait for.
func (a *active) settled(c *change) {
	same := func(other *change) bool { return other == c }
	if len(c.revisions) == 0 {
		c.apart = false
		a.revisions = slices.DeleteFunc(a.revisions, same)
	}
	if len(c.counts) == 0 {
		a.recounts = slices.DeleteFunc(a.recounts, same)
	}
	if len(c.revisions) == 0 && len(c.counts) == 0 {
		delete(a.changes, c.id)
	}
}
