package route

import (
	"context"
	"errors"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// tell tells the oldest waiting event by a card of its own: intent, post, outcome. A crash
// at any point leaves the event untold or in doubt, and both come again.
func (a *active) tell(ctx context.Context) {
	it := a.waiting[0]
	if a.inDoubt(it.id()) && !a.resolve(ctx, it) {
		return
	}
	if _, ok := a.standing(it); ok { // an equal one was told while it waited
		a.leave(it)
		a.readmit(it.all())
		return
	}
	at, turn, err := a.enter()
	if err != nil {
		a.failed(err)
		return
	}
	if !turn || !a.awake(ctx) {
		return
	}
	failpoint.Here(failpoint.CardChosen)
	intent := a.note(it, feedbackv1.Notification_STATE_INTENT)
	intent.Place = place(at)
	intent.Count = uint32(it.count())
	until := a.lend(intent)
	a.record(intent)
	if a.flush() != nil {
		return
	}
	failpoint.Here(failpoint.CardIntent)
	if time.Until(until) < postTimeout {
		return // too late to post on this lease: the next turn takes a new one
	}
	failpoint.Here(failpoint.CardBeforePost)
	stands, err := a.post(at, a.cardOf(it), until)
	if err != nil {
		a.notPosted(it, until, err)
		return
	}
	failpoint.Here(failpoint.CardPosted)
	if !a.inTime(ctx, it.id(), stands, until) {
		a.doubts[it.id()] = until.Add(-lease)
		return
	}
	a.told(it, intent, stands)
	a.succeeded()
}

func (a *active) cardOf(it *item) sink.Message {
	typ, payload := a.cardPayload(it.id(), it.revision())
	o := card.Options{Route: a.Name, Keywords: a.Match.Keywords, Count: it.count()}
	c := card.Build(it.event, o)
	if it.plain {
		c = card.Plain(it.event, o)
	}
	return sink.Message{Card: c, Type: typ, Payload: payload, About: a.traces(it)}
}

// open finds the channel. Once its id is known, the turns are those of all routes that name
// it, by name or by id.
func (a *active) open() (sink.Place, error) {
	ctx, cancel := context.WithTimeout(a.hand, callTimeout)
	defer cancel()
	at, err := a.Sink.Open(ctx)
	if err == nil {
		a.pacer = a.Pace(at.Channel)
	}
	return at, err
}

// enter opens the channel for a post. It reports false where the channel turned out to be
// another one than the turn was for, and that one's turn has not come.
func (a *active) enter() (at sink.Place, turn bool, err error) {
	old := a.pacer
	at, err = a.open()
	return at, a.pacer == old || a.pacer.Take(time.Now()) == 0, err
}

// post posts within postTimeout and the lease: one that was stopped meanwhile sends nothing.
func (a *active) post(at sink.Place, m sink.Message, until time.Time) (sink.Place, error) {
	lent, end := context.WithDeadline(a.hand, until)
	defer end()
	ctx, cancel := context.WithTimeout(lent, postTimeout)
	defer cancel()
	return a.Sink.Post(ctx, at, m)
}

// told writes the outcome of a card, and that it counts the copies that waited with it.
func (a *active) told(it *item, intent *feedbackv1.Notification, at sink.Place) {
	a.leave(it)
	a.record(posted(intent, at), it.at...)
	for _, c := range it.copies {
		n := a.note(c, feedbackv1.Notification_STATE_COLLAPSED)
		n.CollapsedInto = it.id()
		a.record(n, c.at...)
	}
	a.clock(it)
	a.readLater(it)
}

// clock notes how long a live event took from when it was said until it was told.
func (a *active) clock(it *item) {
	if e := it.event.GetEvent(); !e.GetBackfilled() && e.GetCreatedAt().IsValid() {
		a.Metrics.latency.WithLabelValues(a.Name).Observe(max(0, time.Since(e.GetCreatedAt().AsTime()).Seconds()))
	}
}

// readLater takes up the revisions that waited for what became of an item and its copies.
func (a *active) readLater(it *item) {
	for _, i := range it.all() {
		if i.later != nil {
			later := i.later
			i.later = nil
			a.admit(later)
		}
	}
}

// notPosted says what becomes of a card that Slack did not take, or perhaps did.
func (a *active) notPosted(it *item, until time.Time, err error) {
	p := slackapi.Explain(err)
	switch {
	case p.Unknown:
		a.doubts[it.id()] = until.Add(-lease)
		a.suspect(it.id(), until.Add(-lease))
		a.failed(err)
	case p.Reason != "MessageRefused":
		a.failed(err)
	case !it.plain:
		it.plain = true
		a.Log.Warn("card refused, telling it in short", "event", it.id(), "error", p.Message)
	default:
		a.giveUp(it, err)
	}
}

// giveUp keeps an event that Slack will never take among the dead letters.
func (a *active) giveUp(it *item, err error) {
	a.leave(it)
	n := a.note(it, feedbackv1.Notification_STATE_SKIPPED)
	n.Reason = "Slack refuses it: " + slackapi.Explain(err).Message
	r, encodeErr := feedback.ScoredRecord(a.Topics.Scored, a.Format, it.event)
	r.Partition, r.Offset = it.at[0].partition, it.at[0].offset
	a.bury(r, sinkRefused, errors.Join(err, encodeErr), 2)
	a.record(n, it.at...)
	a.readmit(it.copies)
	a.readLater(&item{event: it.event, later: it.later})
}

// inTime tells whether a post that was answered counts. One that was answered after its
// lease may have been told by another owner: then the oldest message stays. That is seen to
// after the generation's end as well: a later owner knows of no doubt.
func (a *active) inTime(ctx context.Context, id string, at sink.Place, until time.Time) bool {
	if time.Now().Before(until) {
		return true
	}
	a.suspect(id, until.Add(-lease))
	a.still = time.Now().Add(settle) // another owner may be at work: it alone then removes what is surplus
	found, err := a.lookup(a.hand, until.Add(-lease-skew))
	if err != nil {
		return false
	}
	own := found[id]
	if len(own) > 1 && own[0].TS != at.TS {
		a.remove(sink.Place{Channel: at.Channel, TS: at.TS})
		return false
	}
	return len(own) <= 1 && ctx.Err() == nil
}
