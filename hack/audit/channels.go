package audit

import (
	"cmp"
	"maps"
	"slices"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// judgeCards asks of every card whether it belongs where it stands and shows the last revision.
func (w *world) judgeCards(m *manifest, l *Ledger) {
	for _, c := range w.cards {
		i := m.route(c.route)
		v := w.scored[c.id]
		switch {
		case i < 0:
			l.find(Note, c.id, c.route, "its card stands in #%s, and the manifest has no such route", c.channel)
		case c.channel != w.home(m, c.route):
			l.find(Misrouted, c.id, c.route, "its card stands in #%s and not in #%s", c.channel, w.home(m, c.route))
		case v == nil:
			l.find(Misrouted, c.id, c.route, "its card stands in #%s, and it was never scored", c.channel)
		case w.ahead(i, v):
			// the notifier has not come to its last revision
		case v.unsure&(1<<i) != 0 && (v.routes&(1<<i) == 0 || w.withdrawn(c.pair)):
			// an earlier manifest wanted it, or wanted it no more
		case v.routes&(1<<i) != 0:
			w.judgeShown(l, c, v)
		case w.withdrawn(c.pair):
			// the card says so
		case v.ever&(1<<i) != 0:
			l.find(Misrouted, c.id, c.route, "its card stands in #%s unmarked, and its revision %d does not match any more", c.channel, v.top)
		default:
			l.find(Misrouted, c.id, c.route, "its card stands in #%s, and it does not match", c.channel)
		}
	}
}

// withdrawn is true if the notifications say that the pair's card says that it no longer matches.
func (w *world) withdrawn(p pair) bool {
	return w.pairs[p] != nil && w.pairs[p].state == feedbackv1.Notification_STATE_WITHDRAWN
}

// judgeShown asks whether a card shows the text of the last revision.
func (w *world) judgeShown(l *Ledger, c card, v *verdict) {
	shown := c.revision.number
	if !c.revision.known {
		n := w.pairs[c.pair]
		if n == nil {
			return
		}
		shown = n.revision
	}
	if shown != v.top && v.text(shown) != v.text(v.top) {
		l.find(Stale, c.id, c.route, "its card in #%s shows revision %d, and the last is %d", c.channel, shown, v.top)
	}
}

// text is the hash of a revision's text, 0 if the revision is not known.
func (v *verdict) text(revision uint64) uint64 {
	for _, t := range v.texts {
		if t.revision == revision {
			return t.hash
		}
	}
	return 0
}

// judgeDuplicates counts how often each pair is shown: by cards, and by digests that stand.
func (w *world) judgeDuplicates(l *Ledger) {
	digests := map[pair]int{}
	for told := range w.toldByDigests() {
		digests[told.pair] += w.digestMsg[pair{told.digest, told.route}]
	}
	shown := maps.Clone(w.cardCount)
	for p, n := range digests {
		shown[p] += n
	}
	for _, p := range slices.SortedFunc(maps.Keys(shown), comparePairs) {
		if shown[p] > 1 {
			l.Duplicated++
			l.find(Duplicated, p.id, p.route, "its channel shows %d cards of it and %d digests that tell it", w.cardCount[p], digests[p])
		}
	}
}

// telling is a pair and a digest that tells it.
type telling struct {
	pair
	digest string
}

// toldByDigests are the pairs that digests tell, by the digests' own records or by the pairs'.
func (w *world) toldByDigests() map[telling]bool {
	all := map[telling]bool{}
	for digest, ids := range w.digests {
		for id := range ids {
			all[telling{pair{id, digest.route}, digest.id}] = true
		}
	}
	for p, n := range w.pairs {
		if n.state == feedbackv1.Notification_STATE_DIGESTED {
			all[telling{p, n.digest}] = true
		}
	}
	return all
}

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.route, b.route))
}
