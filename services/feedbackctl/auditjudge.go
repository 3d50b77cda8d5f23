package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// hopRow counts what became of the events of a source that were taken in in an hour:
// ingested = scored + unscored + deadLettered + pending + missing + unjudged.
type hopRow struct {
	Source       string    `json:"source,omitempty"`
	Hour         time.Time `json:"hour,omitzero"`
	Ingested     int       `json:"ingested"`
	Scored       int       `json:"scored"`
	Unscored     int       `json:"unscored"`
	DeadLettered int       `json:"deadLettered"`
	Pending      int       `json:"pending"`
	Missing      int       `json:"missing"`
	// Unjudged stood in scored before retention took what was there, or never did.
	Unjudged int `json:"unjudged"`
}

// routeRow counts what became of them on a route:
// routed = told + collapsed + skipped + withdrawn + deadLettered + pending + missing.
type routeRow struct {
	Route  string    `json:"route,omitempty"`
	Source string    `json:"source,omitempty"`
	Hour   time.Time `json:"hour,omitzero"`
	Routed int       `json:"routed"`
	// Told by a card or by a digest; Digested are those of a digest.
	Told         int `json:"told"`
	Digested     int `json:"digested"`
	Collapsed    int `json:"collapsed"`
	Skipped      int `json:"skipped"`
	Withdrawn    int `json:"withdrawn"`
	DeadLettered int `json:"deadLettered"`
	Pending      int `json:"pending"`
	Missing      int `json:"missing"`
	Doubled      int `json:"doubled"`
}

// finding is one event that is missing or doubled.
type finding struct {
	Kind   string    `json:"kind"` // missing or doubled
	ID     string    `json:"id"`
	Route  string    `json:"route,omitempty"`
	Source string    `json:"source"`
	Hour   time.Time `json:"hour"`
	Why    string    `json:"why"`
}

// auditReport is what an audit says.
type auditReport struct {
	Prefix   string     `json:"prefix"`
	Since    time.Time  `json:"since,omitzero"`
	Hops     []hopRow   `json:"hops"`
	Routes   []routeRow `json:"routes"`
	HopTotal hopRow     `json:"hopTotal"`
	// RouteTotal counts pairs of an event and a route.
	RouteTotal routeRow  `json:"routeTotal"`
	Findings   []finding `json:"findings"`
	Notes      []string  `json:"notes"`
}

// rowKey is a row of either table; route is -1 in the first.
type rowKey struct {
	route  int
	source string
	hour   int64
}

// judgement counts.
type judgement struct {
	*auditWorld
	hops     map[rowKey]*hopRow
	rows     map[rowKey]*routeRow
	findings []finding
}

// judge says what became of everything.
func (w *auditWorld) judge() auditReport {
	j := &judgement{auditWorld: w, hops: map[rowKey]*hopRow{}, rows: map[rowKey]*routeRow{}}
	w.placeDigests()
	for id, ev := range w.events {
		j.judgeEvent(id, ev)
		j.judgeRoutes(id, ev)
	}
	for key, hour := range w.unreadable {
		j.judgeUnreadable(key, hour)
	}
	for key, ev := range w.unborn {
		if w.events[key] == nil {
			hop := j.hop(ev.source, ev.hour)
			hop.Ingested++
			hop.DeadLettered++
		}
	}
	return j.report()
}

// placeDigests adds the messages of digests to the events that they tell.
func (w *auditWorld) placeDigests() {
	for key, d := range w.digests {
		if !stands(d.GetState()) {
			continue
		}
		for _, id := range d.GetEventIds() {
			if p := w.pairs[pairKey{id, key.route}]; p != nil {
				p.add(d.GetPlace())
			}
		}
	}
}

func hourTime(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

func (j *judgement) hop(source string, hour int64) *hopRow {
	key := rowKey{-1, source, hour}
	if j.hops[key] == nil {
		j.hops[key] = &hopRow{Source: source, Hour: hourTime(hour)}
	}
	return j.hops[key]
}

func (j *judgement) row(route int, ev *audited) *routeRow {
	key := rowKey{route, ev.source, ev.hour}
	if j.rows[key] == nil {
		j.rows[key] = &routeRow{Route: j.routes[route].name, Source: ev.source, Hour: hourTime(ev.hour)}
	}
	return j.rows[key]
}

// judgeEvent says what the scorer made of an event.
func (j *judgement) judgeEvent(id string, ev *audited) {
	hop := j.hop(ev.source, ev.hour)
	hop.Ingested++
	feedbackTopic := j.names["feedback"]
	switch {
	case ev.scored && (ev.at.offset < 0 || ev.scoredTop >= ev.top) && ev.hasScore:
		hop.Scored++
	case ev.scored && (ev.at.offset < 0 || ev.scoredTop >= ev.top):
		hop.Unscored++
	case j.dead[deadKey{feedbackTopic, ev.at, id}]:
		hop.DeadLettered++
	case ev.at.offset >= j.scorer[ev.at.partition]:
		hop.Pending++
	case ev.saidAt.Before(j.horizon):
		hop.Unjudged++
	default:
		hop.Missing++
		j.find("missing", id, -1, ev, fmt.Sprintf("revision %d stands at %s[%d]@%d, the scorer has committed %d, and neither scored nor the dead letters have it",
			ev.top, feedbackTopic, ev.at.partition, ev.at.offset, j.scorer[ev.at.partition]))
	}
}

// judgeUnreadable says what became of a record of feedback that holds no event.
func (j *judgement) judgeUnreadable(key deadKey, hour int64) {
	hop := j.hop("?", hour)
	hop.Ingested++
	switch {
	case j.dead[key]:
		hop.DeadLettered++
	case key.at.offset >= j.scorer[key.at.partition]:
		hop.Pending++
	default:
		hop.Missing++
		j.find("missing", key.key, -1, &audited{source: "?", hour: hour}, fmt.Sprintf("the record at %s[%d]@%d cannot be decoded, and is no dead letter", key.topic, key.at.partition, key.at.offset))
	}
}

// judgeRoutes says what became of an event on the routes that it has to do with.
func (j *judgement) judgeRoutes(id string, ev *audited) {
	for i := range j.routes {
		matches := slices.Contains(ev.matches, i)
		p := j.pairs[pairKey{id, i}]
		if p == nil && !matches {
			continue
		}
		row := j.row(i, ev)
		row.Routed++
		if p == nil {
			j.judgeUntold(id, i, ev, row)
			continue
		}
		switch p.state {
		case feedbackv1.Notification_STATE_POSTED:
			row.Told++
		case feedbackv1.Notification_STATE_DIGESTED:
			row.Told++
			row.Digested++
		case feedbackv1.Notification_STATE_COLLAPSED:
			row.Collapsed++
		case feedbackv1.Notification_STATE_SKIPPED:
			row.Skipped++
		case feedbackv1.Notification_STATE_WITHDRAWN:
			row.Withdrawn++
		default: // an intent
			row.Pending++
		}
		if len(p.places) > 1 {
			row.Doubled++
			j.find("doubled", id, i, ev, fmt.Sprintf("%d messages tell it: %v; look which of them stand, the notifier removes what a crash left over", len(p.places), p.places))
		}
	}
}

// judgeUntold says what became of an event that a route matches and that has no notification.
func (j *judgement) judgeUntold(id string, i int, ev *audited, row *routeRow) {
	scoredTopic, reached := j.names["scored"], j.reached[i][ev.scoredAt.partition]
	switch {
	case j.dead[deadKey{scoredTopic, ev.scoredAt, id}]:
		row.DeadLettered++
	case ev.scoredAt.offset >= reached:
		row.Pending++
	default:
		row.Missing++
		j.find("missing", id, i, ev, fmt.Sprintf("it matches, stands at %s[%d]@%d, the route has committed %d, and there is no notification of it",
			scoredTopic, ev.scoredAt.partition, ev.scoredAt.offset, reached))
	}
}

func (j *judgement) find(kind, id string, route int, ev *audited, why string) {
	f := finding{Kind: kind, ID: id, Source: ev.source, Hour: hourTime(ev.hour), Why: why}
	if route >= 0 {
		f.Route = j.routes[route].name
	}
	j.findings = append(j.findings, f)
}

// report puts the rows in order and sums them up.
func (j *judgement) report() auditReport {
	out := auditReport{Prefix: j.conn.prefix, Since: j.since, Hops: []hopRow{}, Routes: []routeRow{}, Findings: []finding{}, Notes: j.notes()}
	byRow := func(a, b rowKey) int {
		return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.source, b.source), cmp.Compare(a.hour, b.hour))
	}
	for _, key := range slices.SortedFunc(maps.Keys(j.hops), byRow) {
		h := *j.hops[key]
		out.Hops = append(out.Hops, h)
		out.HopTotal.add(h)
	}
	for _, key := range slices.SortedFunc(maps.Keys(j.rows), byRow) {
		r := *j.rows[key]
		out.Routes = append(out.Routes, r)
		out.RouteTotal.add(r)
	}
	slices.SortFunc(j.findings, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Hour.Compare(b.Hour), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Route, b.Route))
	})
	out.Findings = append(out.Findings, j.findings...)
	return out
}

func (h *hopRow) add(o hopRow) {
	h.Ingested, h.Scored, h.Unscored, h.DeadLettered = h.Ingested+o.Ingested, h.Scored+o.Scored, h.Unscored+o.Unscored, h.DeadLettered+o.DeadLettered
	h.Pending, h.Missing, h.Unjudged = h.Pending+o.Pending, h.Missing+o.Missing, h.Unjudged+o.Unjudged
}

func (r *routeRow) add(o routeRow) {
	r.Routed, r.Told, r.Digested, r.Collapsed = r.Routed+o.Routed, r.Told+o.Told, r.Digested+o.Digested, r.Collapsed+o.Collapsed
	r.Skipped, r.Withdrawn, r.DeadLettered = r.Skipped+o.Skipped, r.Withdrawn+o.Withdrawn, r.DeadLettered+o.DeadLettered
	r.Pending, r.Missing, r.Doubled = r.Pending+o.Pending, r.Missing+o.Missing, r.Doubled+o.Doubled
}

// notes say what an audit could not see.
func (w *auditWorld) notes() []string {
	out := []string{}
	if !w.asked {
		out = append(out, "the routes are those that have groups or notifications, and what they should have told is not known: give --manifest to see what they did not tell")
	}
	if !w.horizon.IsZero() {
		out = append(out, fmt.Sprintf("retention has taken what %s held before %s: older events that are not in it are not judged", w.names["scored"], w.horizon.UTC().Format(time.RFC3339)))
	}
	never := func(reached map[int]int64) bool {
		for _, offset := range reached {
			if offset >= 0 {
				return false
			}
		}
		return true
	}
	if never(w.scorer) {
		out = append(out, fmt.Sprintf("group %s.sentiment-scorer has committed nothing: check --prefix, unless the scorer has never run", w.conn.prefix))
	}
	for i, r := range w.routes {
		if never(w.reached[i]) {
			out = append(out, fmt.Sprintf("group %s.notifier.%s has committed nothing: check --prefix and the route's name, unless it has never run", w.conn.prefix, r.name))
		}
	}
	return out
}
