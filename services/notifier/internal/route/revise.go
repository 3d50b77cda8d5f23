package route

import (
	"context"
	"slices"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// revise shows the newest revision of a told event in the message that stands. Changing a
// message twice is harmless, so that it needs no intent: a crash makes it come again.
func (a *active) revise(context.Context) {
	it := a.revisions[0]
	told, _ := a.mem.Get(it.id())
	withdrawn := !a.wanted(it.event)
	failpoint.Here(failpoint.RevisionChosen)
	err := a.show(it, told, withdrawn)
	failpoint.Here(failpoint.RevisionShown)
	reason := ""
	if err != nil {
		p := slackapi.Explain(err)
		switch {
		case p.Kind != slackapi.Permanent:
			a.failed(err)
			return
		case p.Reason == "MessageRefused" && !it.plain:
			it.plain = true
			return
		}
		reason = p.Message // the message was removed by somebody, or never takes this text
	} else {
		a.succeeded()
	}
	a.revisions = a.revisions[1:]
	delete(a.revising, it.id())
	a.revised(it, told, withdrawn, reason)
}

// show changes the card, or the part of the digest that shows the event.
func (a *active) show(it *item, told memory.Told, withdrawn bool) error {
	ctx, cancel := context.WithTimeout(a.hand, callTimeout)
	defer cancel()
	at := sink.Place{Channel: told.Channel, TS: told.TS}
	o := card.Options{Route: a.Name, Keywords: a.Match.Keywords, Count: a.mem.Count(it.id()), Edited: true}
	if told.Digest != "" {
		d, ok := a.mem.Digest(told.Digest)
		if !ok || !slices.Contains(d.Shown, it.id()) {
			return nil
		}
		at = sink.Place{Channel: d.Channel, TS: d.TS}
		return a.change(ctx, at, func(b []slack.Block) ([]slack.Block, bool) { return card.WithItem(b, it.event, o, withdrawn) })
	}
	typ, payload := a.cardPayload(it.id(), it.revision())
	c := card.Build(it.event, o)
	switch {
	case withdrawn:
		c = card.Withdrawn(it.event, o)
	case it.plain:
		c = card.Plain(it.event, o)
	}
	return a.Sink.Update(ctx, at, sink.Message{Card: c, Type: typ, Payload: payload})
}

// change reads a message that stands and puts it back with other blocks. One that is gone,
// or does not show what would change, is left.
func (a *active) change(ctx context.Context, at sink.Place, f func([]slack.Block) ([]slack.Block, bool)) error {
	m, ok, err := a.Sink.Read(ctx, at)
	if err != nil || !ok {
		return err
	}
	blocks, changed := f(m.Card.Blocks)
	if !changed {
		return nil
	}
	m.Card.Blocks = blocks
	return a.Sink.Update(ctx, at, m)
}

// revised writes what the message shows now.
func (a *active) revised(it *item, told memory.Told, withdrawn bool, reason string) {
	n := a.note(it, feedbackv1.Notification_STATE_POSTED)
	n.Place = &feedbackv1.Place{ChannelId: told.Channel, Ts: told.TS}
	n.Count = uint32(a.mem.Count(it.id()))
	n.Reason = reason
	if told.Digest != "" {
		n.State, n.DigestId = feedbackv1.Notification_STATE_DIGESTED, told.Digest
	}
	if withdrawn {
		n.State, n.Reason = feedbackv1.Notification_STATE_WITHDRAWN, card.Reason(it.event.GetEvent())
	}
	a.record(n, it.at...)
}

// nextCount chooses a card whose count is to be shown: when nothing else waits, or when it
// has waited for long.
func (a *active) nextCount(now time.Time) func(context.Context) {
	for id, since := range a.counts {
		waited := now.Sub(since)
		if waited < countSoon || (len(a.waiting) > 0 && !a.Digest && waited < countLate) {
			continue
		}
		return func(context.Context) { a.showCount(id) }
	}
	return nil
}

// showCount shows how many events a card, or an item of a digest, stands for by now.
func (a *active) showCount(id string) {
	told, ok := a.mem.Get(id)
	count := a.mem.Count(id)
	posted := told.State == feedbackv1.Notification_STATE_POSTED
	if !ok || told.Shown == count || (!posted && told.State != feedbackv1.Notification_STATE_DIGESTED) {
		delete(a.counts, id)
		return
	}
	ctx, cancel := context.WithTimeout(a.hand, callTimeout)
	defer cancel()
	at := sink.Place{Channel: told.Channel, TS: told.TS}
	failpoint.Here(failpoint.CountChosen)
	err := a.change(ctx, at, func(b []slack.Block) ([]slack.Block, bool) { return card.WithCount(b, id, count) })
	if err != nil {
		p := slackapi.Explain(err)
		if p.Kind == slackapi.Transient || p.Kind == slackapi.RateLimited || p.Kind == slackapi.Refused {
			a.failed(err)
			return
		}
		a.Log.Warn("cannot show the count in a card", "event", id, "error", p.Message)
	} else {
		a.succeeded()
	}
	failpoint.Here(failpoint.CountShown)
	delete(a.counts, id)
	a.record(a.renote(id, told, count))
}

// renote is the record of a told event with another count.
func (a *active) renote(id string, told memory.Told, count int) *feedbackv1.Notification {
	it := &item{event: &feedbackv1.ScoredEvent{Event: &feedbackv1.Event{Id: id, Revision: told.Revision}}}
	n := a.note(it, told.State)
	n.Place = &feedbackv1.Place{ChannelId: told.Channel, Ts: told.TS}
	n.DigestId, n.CollapseKey, n.Count = told.Digest, told.Key, uint32(count)
	n.CreatedAt = micro(told.Said)
	return n
}
