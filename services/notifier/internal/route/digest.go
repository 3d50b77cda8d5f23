package route

import (
	"context"
	"fmt"
	"strings"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// parcel is a digest in hand: made, and not yet known to stand.
type parcel struct {
	note     *feedbackv1.Notification
	items    []*item
	count    int // events, copies included
	card     card.Card
	doubtful bool // it may have been posted
}

func (p *parcel) id() string { return p.note.GetDigestId() }

// makeDigest puts what waits into a digest and posts it.
func (a *active) makeDigest(ctx context.Context) {
	for _, it := range a.waiting {
		if a.inDoubt(it.id()) {
			a.resolve(ctx, it) // one a turn; it may stand as a card already
			return
		}
	}
	for _, it := range a.waiting {
		if _, ok := a.standing(it); ok {
			a.leave(it)
			a.readmit(it.all())
			return
		}
	}
	if !a.Digest {
		a.burst, a.burstNext = true, time.Now().Add(min(BurstPause, a.Interval))
	}
	a.digest = a.pack(a.waiting)
	a.waiting = nil
	a.postDigest(ctx)
}

// pack makes the digest of items. Its record names first those that it shows.
func (a *active) pack(waiting []*item) *parcel {
	ranked := make([]card.Item, 0, len(waiting))
	since := waiting[0].since
	p := &parcel{items: waiting}
	var at []position
	for _, it := range waiting {
		ranked = append(ranked, card.Item{Event: it.event, Count: it.count()})
		p.count += it.count()
		if it.since.Before(since) {
			since = it.since
		}
		a.unkey(it)
		for _, i := range it.all() {
			i.held = true
			at = append(at, i.at...)
		}
	}
	card.Rank(ranked, a.bestFirst())
	start := windowStart(since, a.Interval)
	p.note = &feedbackv1.Notification{Route: a.Name, DigestId: a.digestID(start), Count: uint32(p.count), Ranges: ranges(at)}
	for _, r := range ranked {
		p.note.EventIds = append(p.note.EventIds, r.Event.GetEvent().GetId())
	}
	for _, it := range waiting {
		for _, c := range it.copies {
			p.note.EventIds = append(p.note.EventIds, c.id())
		}
	}
	d := card.Digest{
		Route: a.Name, Items: ranked, Count: p.count, Since: since, Until: time.Now(),
		Burst: !a.Digest, BestFirst: a.bestFirst(), Keywords: a.Match.Keywords,
	}
	if a.Digest {
		d.Since = start
	}
	p.card = d.Build()
	return p
}

// digestID is the id of the window's digest: its start, and a number for a further one in
// the same window. One that was certainly not posted is used again.
func (a *active) digestID(start time.Time) string {
	id := fmt.Sprintf("digest:%s:%d", a.Name, start.Unix())
	if reuse := a.reuse; reuse != "" {
		a.reuse = ""
		if strings.HasPrefix(reuse, id) {
			return reuse
		}
	}
	free := id
	for n := 1; ; n++ {
		if _, used := a.mem.Digest(free); !used {
			return free
		}
		free = fmt.Sprintf("%s-%d", id, n)
	}
}

// postDigest posts the digest in hand: intent with its events, post, outcome of all.
func (a *active) postDigest(ctx context.Context) {
	p := a.digest
	if p.doubtful {
		found, err := a.lookup(ctx, p.note.GetObservedAt().AsTime().Add(-skew))
		if err != nil {
			a.failed(err)
			return
		}
		if own := found[p.id()]; len(own) > 0 {
			a.removeAll(own[1:])
			a.digested(sink.Place{Channel: p.note.GetPlace().GetChannelId(), Name: p.note.GetPlace().GetChannelName(), TS: own[0].TS})
			return
		}
		p.doubtful = false
	}
	at, turn, err := a.enter()
	if err != nil {
		a.digestNotPosted(err)
		return
	}
	if !turn || !a.awake(ctx) {
		return
	}
	failpoint.Here(failpoint.DigestMade)
	p.note.Place = place(at)
	until := a.lend(p.note)
	a.record(p.note)
	if a.flush() != nil {
		return
	}
	failpoint.Here(failpoint.DigestIntent)
	if time.Until(until) < postTimeout {
		return
	}
	failpoint.Here(failpoint.DigestBeforePost)
	typ, payload := a.digestPayload(p.id(), p.count)
	stands, err := a.post(at, sink.Message{Card: p.card, Type: typ, Payload: payload, About: a.traces(p.items...)}, until)
	if err != nil {
		a.digestNotPosted(err)
		return
	}
	failpoint.Here(failpoint.DigestPosted)
	if !a.inTime(ctx, p.id(), stands, until) {
		p.doubtful = true
		return
	}
	a.digested(stands)
}

// digestNotPosted keeps a digest in hand that may stand; one that does not is unpacked, so
// that what its events become meanwhile still counts.
func (a *active) digestNotPosted(err error) {
	p := a.digest
	problem := slackapi.Explain(err)
	switch {
	case problem.Unknown:
		p.doubtful = true
		a.suspect(p.id(), time.Now())
		a.failed(err)
		return
	case problem.Reason == "MessageRefused" && len(p.card.Blocks) > 0:
		p.card.Blocks = nil // told in short at the next turn
		return
	case problem.Reason == "MessageRefused":
		a.digest = nil
		for _, it := range p.items {
			a.giveUp(it, err)
		}
		return
	}
	a.digest, a.reuse = nil, p.id()
	a.waiting = append(p.items, a.waiting...)
	for _, it := range p.items {
		a.enkey(it)
		a.unpack(it)
	}
	a.failed(err)
}

// unpack lets an item wait again, with the revisions that came meanwhile.
func (a *active) unpack(it *item) {
	all := it.all()
	for _, i := range all {
		i.held = false
	}
	for _, i := range all {
		if later := i.later; later != nil {
			i.later = nil
			a.supersede(i, later)
		}
	}
}

// digested writes that the digest in hand stands, and that it tells its events.
func (a *active) digested(at sink.Place) {
	p := a.digest
	a.digest = nil
	for _, it := range p.items {
		a.leave(it)
		if !a.Digest { // a window's length would say nothing
			a.clock(it)
		}
		for _, i := range it.all() {
			n := a.note(i, feedbackv1.Notification_STATE_DIGESTED)
			n.DigestId, n.Place, n.Count = p.id(), place(at), uint32(i.count())
			if i != it {
				n.CollapsedInto = it.id()
			}
			a.record(n, i.at...)
		}
	}
	a.record(posted(p.note, at))
	a.succeeded()
	for _, it := range p.items {
		a.readLater(it)
	}
}
