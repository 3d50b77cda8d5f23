package route

import (
	"context"
	"maps"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// revise shows the revisions that have waited longest, with all that waits for the same
// message.
func (a *active) revise(context.Context) { a.show(a.revisions[0]) }

// show shows a change by one update. Changing a message twice is harmless, so that it needs
// no intent: the offsets of its revisions are done when their outcomes are written, and a
// crash before makes them come again.
func (a *active) show(c *change) {
	part := c.revisions
	if c.apart && len(part) > 1 {
		part = part[:1]
	}
	chosen, shown := failpoint.RevisionChosen, failpoint.RevisionShown
	if len(part) == 0 {
		chosen, shown = failpoint.CountChosen, failpoint.CountShown
	}
	failpoint.Here(chosen)
	err, reason := a.update(c, part), ""
	failpoint.Here(shown)
	if err == nil {
		a.succeeded()
	} else if reason = a.notShown(c, part, err); reason == "" {
		return // tried again, with what comes meanwhile
	}
	for _, it := range part {
		delete(a.revising, it.id())
		delete(c.counts, it.id())
		a.revised(it, a.toldOf(it), !a.wanted(it.event), reason)
	}
	c.revisions = c.revisions[len(part):]
	if len(c.revisions) == 0 {
		for id := range c.counts {
			if told, ok := a.mem.Get(id); ok {
				a.record(a.renote(id, told, a.mem.Count(id)))
			}
		}
		clear(c.counts)
	}
	a.settled(c)
}

func (a *active) toldOf(it *item) memory.Told {
	told, _ := a.mem.Get(it.id())
	return told
}

// notShown says what becomes of a change that Slack did not take: a reason where it never
// will, since the message was removed by somebody or never takes this text, and else none.
func (a *active) notShown(c *change, part []*item, err error) string {
	p := slackapi.Explain(err)
	switch {
	case p.Kind == slackapi.RateLimited: // of changes alone: what is new is told meanwhile
		a.Metrics.limited.WithLabelValues(a.Name).Inc()
		a.Quota.Updates.Hold(time.Now().Add(p.RetryAfter))
	case p.Kind == slackapi.Transient:
		a.failed(err)
		a.rest, a.trouble.until = a.trouble.until, time.Time{} // of changes alone, too
	case p.Kind == slackapi.Refused, p.Kind == slackapi.Missing && len(part) > 0:
		a.failed(err)
	case p.Reason == "MessageRefused" && len(part) > 1:
		c.apart = true
	case p.Reason == "MessageRefused" && len(part) == 1 && !part[0].plain:
		part[0].plain = true
	default:
		if len(part) == 0 {
			a.Log.Warn("cannot show the count in a message", "message", c.id, "error", p.Message)
		}
		return p.Message
	}
	return ""
}

// update shows revisions, and the counts of the same message.
func (a *active) update(c *change, part []*item) error {
	ctx, cancel := a.prompt()
	defer cancel()
	at, ok := a.placeOf(c)
	if !ok {
		return nil // so old that it is forgotten
	}
	if len(part) == 1 && part[0].id() == c.id {
		return a.Sink.Update(ctx, at, a.revisedCard(part[0]))
	}
	m, ok, err := a.Sink.Read(ctx, at)
	if err != nil || !ok {
		return err
	}
	blocks, changed := a.apply(m.Card.Blocks, part, c.counts)
	if !changed {
		return nil // it shows that already, or none of the events
	}
	m.Card.Blocks, m.About = blocks, a.traces(part...)
	return a.Sink.Update(ctx, at, m)
}

// prompt is the time for changing a message, from when the loop was last seen running. It is
// less than the group waits for a member, so that an owner that was stopped does not put an
// older text in the place of what its successor shows.
func (a *active) prompt() (context.Context, context.CancelFunc) {
	return context.WithDeadline(a.hand, a.alive.Add(postTimeout))
}

// placeOf is where the message of a change stands; false where nothing is known of it.
func (a *active) placeOf(c *change) (sink.Place, bool) {
	if d, ok := a.mem.Digest(c.id); ok {
		return sink.Place{Channel: d.Channel, TS: d.TS}, true
	}
	told, ok := a.mem.Get(c.id)
	return sink.Place{Channel: told.Channel, TS: told.TS}, ok && told.TS != ""
}

// revisedCard is the card of a told event at another revision.
func (a *active) revisedCard(it *item) sink.Message {
	o := a.options(it)
	c := card.Build(it.event, o)
	switch {
	case !a.wanted(it.event):
		c = card.Withdrawn(it.event, o)
	case it.plain:
		c = card.Plain(it.event, o)
	}
	typ, payload := a.cardPayload(it.id(), it.revision())
	return sink.Message{Card: c, Type: typ, Payload: payload, About: a.traces(it)}
}

func (a *active) options(it *item) card.Options {
	return card.Options{Route: a.Name, Keywords: a.Match.Keywords, Count: a.mem.Count(it.id()), Edited: true}
}

// apply changes the blocks of a standing message: revisions, which bring their counts with
// them, and counts. It reports false where nothing changes.
func (a *active) apply(blocks []slack.Block, part []*item, counts map[string]bool) ([]slack.Block, bool) {
	changed := false
	rest := maps.Clone(counts)
	for _, it := range part {
		delete(rest, it.id())
		b, ok := card.WithItem(blocks, it.event, a.options(it), !a.wanted(it.event))
		blocks, changed = b, changed || ok
	}
	for id := range rest {
		b, ok := card.WithCount(blocks, id, a.mem.Count(id))
		blocks, changed = b, changed || ok
	}
	return blocks, changed
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

// renote is the record of a told event with another count.
func (a *active) renote(id string, told memory.Told, count int) *feedbackv1.Notification {
	it := &item{event: &feedbackv1.ScoredEvent{Event: &feedbackv1.Event{Id: id, Revision: told.Revision}}}
	n := a.note(it, told.State)
	n.Place = &feedbackv1.Place{ChannelId: told.Channel, Ts: told.TS}
	n.DigestId, n.CollapseKey, n.Count = told.Digest, told.Key, uint32(count)
	n.CreatedAt = micro(told.Said)
	return n
}
