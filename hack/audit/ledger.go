package audit

import (
	"fmt"
	"sort"
)

// Ledger is the auditor's word on a pipeline: what people said, and what became of it. Its figures
// keep three equations, whatever the pipeline did:
//
//	Sent     = Filtered + Ingested + LostIngest
//	Ingested = Scored + Unscored + DeadLettered + LostScore
//	Routed   = Posted + Digested + Collapsed + Skipped + Pending + LostRoute
type Ledger struct {
	// Sent is how many posts people offered. An edit or a deletion is a revision and not a post.
	Sent int
	// Filtered posts match no source of the manifest and were not ingested.
	Filtered int
	// Ingested posts stand in the feedback topic (or, refused by the broker, in the dead letters).
	Ingested int
	// Scored, Unscored and DeadLettered tell what became of an ingested event, by its highest
	// revision that is not a deletion.
	Scored, Unscored, DeadLettered int
	// Routed counts pairs of an event and a route that its last revision matches.
	Routed int
	// Posted pairs have a card in the route's channel, Digested ones a digest that stands there.
	Posted, Digested int
	// Collapsed pairs are counted by the card of another event that stands.
	Collapsed int
	// Skipped pairs will not be told, and the notifications say why.
	Skipped int
	// Pending pairs have not been told yet, and their group has not committed past them.
	Pending int
	// LostIngest are posts, LostScore events and LostRoute pairs of which there is no trace where
	// there should be one.
	LostIngest, LostScore, LostRoute int
	// Duplicated counts pairs that a channel shows more than once.
	Duplicated int
	// Healed counts surplus messages of the app that were removed again.
	Healed int
	// Findings says what exactly is wrong, or worth knowing, in a stable order.
	Findings []Finding
}

// Lost is all that was lost, on every hop together.
func (l Ledger) Lost() int { return l.LostIngest + l.LostScore + l.LostRoute }

// OK is true if nothing was lost or duplicated and no finding is grave.
func (l Ledger) OK() bool {
	if l.Lost() > 0 || l.Duplicated > 0 {
		return false
	}
	for _, f := range l.Findings {
		if f.Grave() {
			return false
		}
	}
	return true
}

// String is the ledger as one line.
func (l Ledger) String() string {
	return fmt.Sprintf("ledger: sent %d filtered %d ingested %d scored %d unscored %d routed %d posted %d digested %d collapsed %d skipped %d dead-lettered %d pending %d lost %d duplicated %d healed %d",
		l.Sent, l.Filtered, l.Ingested, l.Scored, l.Unscored, l.Routed, l.Posted, l.Digested, l.Collapsed, l.Skipped, l.DeadLettered, l.Pending, l.Lost(), l.Duplicated, l.Healed)
}

// Explain is the findings as lines for a person, the grave ones first, at most limit of them and
// then how many more there are. Empty if there are none.
func (l Ledger) Explain(limit int) []string {
	var lines []string
	for i, f := range l.Findings {
		if i == limit {
			return append(lines, fmt.Sprintf("and %d more", len(l.Findings)-limit))
		}
		lines = append(lines, f.String())
	}
	return lines
}

// find adds a finding.
func (l *Ledger) find(kind Kind, id, route, why string, args ...any) {
	l.Findings = append(l.Findings, Finding{Kind: kind, ID: id, Route: route, Why: fmt.Sprintf(why, args...)})
}

// sortFindings puts the grave ones first and keeps the order of the hops and ids within.
func (l *Ledger) sortFindings() {
	sort.SliceStable(l.Findings, func(i, j int) bool {
		a, b := l.Findings[i], l.Findings[j]
		if a.Grave() != b.Grave() {
			return a.Grave()
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		if a.ID != b.ID {
			return a.ID < b.ID
		}
		return a.Route < b.Route
	})
}

// Finding is one thing that the auditor found.
type Finding struct {
	Kind Kind
	// ID is the event's id, the digest's, or a record's place (`topic[partition]@offset`).
	ID string
	// Route is the route's name; empty where none is concerned.
	Route string
	// Why is a sentence for a person.
	Why string
}

// Grave is true if the finding means that the pipeline broke its word. Others are worth knowing only.
func (f Finding) Grave() bool { return f.Kind < Note }

// String is the finding as one line.
func (f Finding) String() string {
	if f.Route == "" {
		return fmt.Sprintf("%s: %s: %s", f.Kind, f.ID, f.Why)
	}
	return fmt.Sprintf("%s: %s on route %s: %s", f.Kind, f.ID, f.Route, f.Why)
}

// Kind is the kind of a finding.
type Kind int

// The kinds of findings; all but Note are grave.
const (
	// Lost is a post, an event or a pair that left no trace.
	Lost Kind = iota
	// Duplicated is a pair that a channel shows more than once.
	Duplicated
	// Misrouted is a card where it does not belong.
	Misrouted
	// Stale is a card or an event that does not show the last revision.
	Stale
	// Unasked is an event in the feedback topic that no source asks for.
	Unasked
	// Mangled is a record or text that cannot be read as what was said.
	Mangled
	// Note is worth knowing and breaks no promise.
	Note
)

var kindNames = [...]string{"lost", "duplicated", "misrouted", "stale", "not asked for", "mangled", "note"}

// String is the kind in words.
func (k Kind) String() string { return kindNames[k] }
