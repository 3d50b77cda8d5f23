package audit

import (
	"maps"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// judge counts, hop by hop, what became of what was said.
func judge(m *manifest, w *world) Ledger {
	l := Ledger{Healed: w.healed, Findings: w.findings}
	w.judgeIngest(&l)
	w.judgeStrangers(&l)
	w.judgeScorer(&l)
	w.judgeUnreadable(&l)
	w.judgeRoutes(m, &l)
	w.judgeCards(m, &l)
	w.judgeDuplicates(&l)
	l.sortFindings()
	return l
}

// judgeIngest holds the feedback topic against what was offered.
func (w *world) judgeIngest(l *Ledger) {
	deletions := 0
	for _, id := range slices.Sorted(maps.Keys(w.offered)) {
		o := w.offered[id]
		l.Sent++
		asked := o.asked(w.offered[o.root], w.offered[o.repeats])
		if !w.ingested(id) {
			if asked == must && o.byEditAlone(w.offered[o.root]) {
				l.Filtered++
				l.find(Note, id, "", "a source asks for it since it was edited, and it is not in the feedback topic: Slack does not tell again of an edited reply")
				continue
			}
			if asked == must {
				l.LostIngest++
				l.find(Lost, id, "", "a source asks for it, and it is not in the feedback topic")
				continue
			}
			l.Filtered++
			continue
		}
		l.Ingested++
		e := w.events[id]
		if asked == never {
			l.find(Unasked, id, "", "it is in the feedback topic, and no revision of it matches a source")
		}
		if e == nil {
			continue
		}
		w.judgeRevision(l, id, o, asked)
		if o.deleted && e.top <= e.said {
			deletions++
		}
	}
	if deletions > 0 {
		l.find(Note, "deletions", "", "%d deletions are not in the feedback topic: what was deleted while nobody listened, and X's, cannot be told again", deletions)
	}
}

// judgeRevision holds the revision that was ingested against the last one.
func (w *world) judgeRevision(l *Ledger, id string, o *offered, asked ask) {
	e := w.events[id]
	const slack = time.Second // X tells the time of an edit in whole seconds
	edited := !o.edited.IsZero() && !o.deleted && asked == must && !w.deadKeys[id]
	if edited && e.said < uint64(o.edited.Add(-slack).UnixMicro()) {
		kind := Stale
		if o.root != "" {
			kind = Note // Slack does not tell again of replies under older roots
		}
		l.find(kind, id, "", "it was edited at %s, and the feedback topic ends at revision %d", o.edited.UTC().Format(time.RFC3339), e.said)
	}
	const long, kept = 200, 0.8
	if o.repeats == "" && e.bears && e.said == 0 && o.letters > long && float64(e.letters) < kept*float64(o.letters) {
		l.find(Mangled, id, "", "%d letters were said, %d are in the feedback topic", o.letters, e.letters)
	}
}

// ingested is true if the event came as far as Kafka: to the feedback topic, or to the dead letters
// instead of it.
func (w *world) ingested(id string) bool {
	if w.events[id] != nil {
		return true
	}
	return w.deadKeys[id]
}

// judgeStrangers finds events that nobody said, and tells of those that the fallback scored.
func (w *world) judgeStrangers(l *Ledger) {
	for _, id := range slices.Sorted(maps.Keys(w.events)) {
		if w.offered[id] == nil {
			l.find(Unasked, id, "", "it is in the feedback topic, and no person said it")
		}
	}
	spare := 0
	for _, id := range slices.Sorted(maps.Keys(w.scored)) {
		if w.scored[id].spare {
			spare++
		}
		if w.events[id] == nil {
			l.find(Unasked, id, "", "it is in the scored topic and not in the feedback topic")
		}
	}
	if spare > 0 {
		l.find(Note, "fallback", "", "%d events were scored by the fallback, as the scorer's backend did not answer; each says so", spare)
	}
}

// judgeScorer holds the scored topic against the feedback topic.
func (w *world) judgeScorer(l *Ledger) {
	for _, id := range slices.Sorted(maps.Keys(w.offered)) {
		e, v := w.events[id], w.scored[id]
		switch {
		case !w.ingested(id):
			continue
		case e == nil:
			l.DeadLettered++
			continue
		case v != nil && v.bears == e.bears && (!e.bears || v.said >= e.said):
			if v.score {
				l.Scored++
			} else {
				l.Unscored++
			}
		case w.isDead(id, e.places...):
			l.DeadLettered++
			continue
		default:
			l.LostScore++
			l.find(Lost, id, "", "its revision %d stands at %s, and is neither scored nor a dead letter", e.said, e.places[0])
			continue
		}
		if v.top < e.top && e.top > e.said {
			l.find(Stale, id, "", "its deletion (revision %d) is not in the scored topic", e.top)
		}
	}
}

// isDead is true if a record of the event at one of the places is a dead letter.
func (w *world) isDead(id string, places ...place) bool {
	return slices.ContainsFunc(places, func(p place) bool { return w.dead[origin{p, id}] })
}

// judgeUnreadable asks for a dead letter for every record that cannot be decoded.
func (w *world) judgeUnreadable(l *Ledger) {
	for _, p := range w.unreadable {
		if !w.dead[p] {
			l.find(Lost, p.String(), "", "the record cannot be decoded and is not a dead letter")
		}
	}
}

// judgeRoutes asks of every event and route that its last revision matches what became of it.
func (w *world) judgeRoutes(m *manifest, l *Ledger) {
	for _, id := range slices.Sorted(maps.Keys(w.scored)) {
		v := w.scored[id]
		if w.offered[id] == nil || w.events[id] == nil {
			continue // found by judgeStrangers
		}
		for i, r := range m.Spec.Routes {
			p := pair{id, r.Name}
			if v.routes&(1<<i) == 0 || v.unsure&(1<<i) != 0 && w.untold(p, i, v) {
				continue
			}
			l.Routed++
			w.judgePair(l, p, i, v)
		}
	}
}

// untold is true if nothing was ever told of the pair, and nothing will be.
func (w *world) untold(p pair, route int, v *verdict) bool {
	return w.cardCount[p] == 0 && w.pairs[p] == nil && !w.ahead(route, v)
}

// judgePair says what became of one pair. What stands in the channel counts first.
func (w *world) judgePair(l *Ledger, p pair, route int, v *verdict) {
	n := w.pairs[p]
	if n == nil {
		n = &outcome{}
	}
	switch {
	case w.cardCount[p] > 0:
		l.Posted++
		if n.state == feedbackv1.Notification_STATE_WITHDRAWN && v.unsure&(1<<route) == 0 && !w.ahead(route, v) {
			l.find(Stale, p.id, p.route, "its card says that it no longer matches, and its revision %d does", v.top)
		}
	case w.digested(p, n):
		l.Digested++
	case n.state == feedbackv1.Notification_STATE_COLLAPSED && w.told(pair{n.master, p.route}, 0):
		l.Collapsed++
	case n.state == feedbackv1.Notification_STATE_SKIPPED && n.reason != "", w.isDead(p.id, v.at):
		l.Skipped++
	case n.state == feedbackv1.Notification_STATE_INTENT || w.ahead(route, v):
		l.Pending++
	default:
		l.LostRoute++
		l.find(Lost, p.id, p.route, "%s", w.whyLost(p, n, v))
	}
}

// ahead is true if the route's group has not committed past the event's last revision.
func (w *world) ahead(route int, v *verdict) bool {
	committed, ok := w.committed[route][v.at.partition]
	return !ok || v.at.offset >= committed
}

// digested is true if a digest that stands tells the pair.
func (w *world) digested(p pair, n *outcome) bool {
	return n.state == feedbackv1.Notification_STATE_DIGESTED && w.tells(pair{n.digest, p.route}, p.id)
}

// tells is true if a digest stands and, by its own record, tells the event.
func (w *world) tells(digest pair, id string) bool {
	events, recorded := w.digests[digest]
	return w.digestMsg[digest] > 0 && (!recorded || events[id])
}

// maxChain is how far a chain of collapsed events is followed.
const maxChain = 8

// told is true if a card or a digest that stands tells the pair, or another that it collapsed into. What was withdrawn
// since, from a card as from a digest, still stands where it was told and counts the others.
func (w *world) told(p pair, depth int) bool {
	if w.cardCount[p] > 0 {
		return true
	}
	n := w.pairs[p]
	if n == nil || depth == maxChain {
		return false
	}
	withdrawn := n.state == feedbackv1.Notification_STATE_WITHDRAWN && w.tells(pair{n.digest, p.route}, p.id)
	return withdrawn || w.digested(p, n) || n.state == feedbackv1.Notification_STATE_COLLAPSED && w.told(pair{n.master, p.route}, depth+1)
}

// whyLost says what is known of a pair that is lost.
func (w *world) whyLost(p pair, n *outcome, v *verdict) string {
	why := "its group committed past " + v.at.String() + ", and "
	switch n.state {
	case feedbackv1.Notification_STATE_UNSPECIFIED:
		return why + "there is no notification of it"
	case feedbackv1.Notification_STATE_POSTED:
		return why + "no card of it stands, though the notification says that it was posted"
	case feedbackv1.Notification_STATE_DIGESTED:
		if w.digestMsg[pair{n.digest, p.route}] > 0 {
			return why + "the digest " + n.digest + " that should tell it does not"
		}
		return why + "the digest " + n.digest + " that should tell it does not stand"
	case feedbackv1.Notification_STATE_COLLAPSED:
		return why + "the event that it was collapsed into, " + n.master + ", is not told"
	case feedbackv1.Notification_STATE_SKIPPED:
		return why + "it was skipped without a reason"
	case feedbackv1.Notification_STATE_WITHDRAWN:
		return why + "it was withdrawn, though its last revision matches"
	}
	return why + "it was left as " + n.state.String()
}
