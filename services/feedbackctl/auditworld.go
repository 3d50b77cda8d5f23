package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// auditSkew is how far the clocks of a pipeline's services may differ: by so much earlier the
// later hops are read.
const auditSkew = 5 * time.Minute

// audited is what the topics say of one event.
type audited struct {
	source string
	hour   int64 // in which it was taken in, in hours since the Unix epoch
	// In feedback: the highest revision and where it stands first. Absent (at.offset -1) where
	// retention has taken it and scored still has it.
	top uint64
	at  spot
	// saidAt is when that record was written.
	saidAt time.Time
	// In scored: the highest revision, where it stands first, and which routes match it.
	scored    bool
	scoredTop uint64
	scoredAt  spot
	matches   []int
	// hasScore tells whether the highest revision that is no deletion has a score.
	hasScore bool
	texted   uint64
}

// told is what the notifications say of an event on a route.
type told struct {
	state  feedbackv1.Notification_State
	places []string // different messages that tell it
}

// pairKey is an event or digest on a route.
type pairKey struct {
	id    string
	route int
}

// deadKey is a record that is a dead letter. Its key is part of it: what a service could not
// even write to its topic has a place there that is another record's.
type deadKey struct {
	topic string
	at    spot
	key   string
}

// auditWorld is what an audit has read.
type auditWorld struct {
	app    *app
	conn   *connection
	client *kafka.Client
	since  time.Time
	names  map[string]string // of the topics, by their short names

	routes  []route
	asked   bool // the routes are those that somebody named, with what they match
	scorer  map[int]int64
	reached []map[int]int64 // by route

	events     map[string]*audited
	unreadable map[deadKey]int64 // records of feedback without an event, and their hour
	dead       map[deadKey]bool
	unborn     map[string]audited // dead letters of what never came into feedback, by key
	pairs      map[pairKey]*told
	digests    map[pairKey]*feedbackv1.Notification
	horizon    time.Time // scored holds nothing older, where retention has taken something
	sources    map[string]string
}

// gather reads all, in an order in which a running pipeline cannot seem to have lost
// something: what is below an offset that was committed before the reading began has left
// its trace in topics that are read after it.
func (w *auditWorld) gather(ctx context.Context) error {
	w.events, w.unreadable, w.dead, w.unborn = map[string]*audited{}, map[deadKey]int64{}, map[deadKey]bool{}, map[string]audited{}
	w.pairs, w.digests, w.sources = map[pairKey]*told{}, map[pairKey]*feedbackv1.Notification{}, map[string]string{}
	if err := w.readOffsets(ctx); err != nil {
		return err
	}
	if err := w.findHorizon(ctx); err != nil {
		return err
	}
	later := w.since
	if !later.IsZero() {
		later = later.Add(-auditSkew)
	}
	for _, step := range []struct {
		short string
		from  time.Time
		take  func(kafka.Record)
	}{
		{"feedback", w.since, w.takeEvent}, {"dead-letters", later, w.takeLetter},
		{"scored", later, w.takeScored}, {"notifications", later, w.takeNotification},
	} {
		err := w.client.ScanFrom(ctx, w.names[step.short], step.from, func(r kafka.Record) error {
			step.take(r)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read topic %s: %w", w.names[step.short], err)
		}
	}
	return nil
}

// readOffsets reads how far the scorer and the routes are.
func (w *auditWorld) readOffsets(ctx context.Context) error {
	var err error
	if w.scorer, err = w.offsets(ctx, w.conn.prefix+".sentiment-scorer", "feedback"); err != nil {
		return err
	}
	prefix := w.conn.prefix + ".notifier."
	groups, err := w.client.Groups(ctx, prefix)
	if err != nil {
		return fmt.Errorf("list consumer groups: %w", err)
	}
	for _, g := range groups {
		if name := strings.TrimPrefix(g, prefix); !w.asked && w.route(name) < 0 {
			w.routes = append(w.routes, route{name: name})
		}
	}
	for _, r := range w.routes {
		reached, err := w.offsets(ctx, prefix+r.name, "scored")
		if err != nil {
			return err
		}
		w.reached = append(w.reached, reached)
	}
	return nil
}

func (w *auditWorld) offsets(ctx context.Context, group, short string) (map[int]int64, error) {
	lags, err := w.client.Lag(ctx, group, w.names[short])
	if err != nil {
		return nil, fmt.Errorf("read how far group %s is: %w", group, err)
	}
	out := map[int]int64{}
	for _, l := range lags {
		out[l.Partition] = l.Committed
	}
	return out, nil
}

// findHorizon finds since when scored is complete.
func (w *auditWorld) findHorizon(ctx context.Context) error {
	infos, err := w.client.Topics(ctx, w.names["scored"])
	if err != nil {
		return err
	}
	for _, p := range infos[0].Partitions {
		if p.First == 0 {
			continue
		}
		at := w.app.now()
		if p.First < p.End {
			oldest, err := w.client.Read(ctx, w.names["scored"], p.ID, p.First)
			if err != nil {
				return err
			}
			at = oldest.Time
		}
		if at.After(w.horizon) {
			w.horizon = at
		}
	}
	return nil
}

// route is the index of a route, -1 if there is none of that name.
func (w *auditWorld) route(name string) int {
	return slices.IndexFunc(w.routes, func(r route) bool { return r.name == name })
}

// intern keeps one copy of a source's name.
func (w *auditWorld) intern(source string) string {
	source = or(source, "?")
	if s, ok := w.sources[source]; ok {
		return s
	}
	source = strings.Clone(source)
	w.sources[source] = source
	return source
}

func (w *auditWorld) takeEvent(r kafka.Record) {
	if r.Time.Before(w.since) {
		return
	}
	at := spot{r.Partition, r.Offset}
	e, err := feedback.DecodeEvent(r)
	if err != nil {
		w.unreadable[deadKey{w.names["feedback"], at, string(r.Key)}] = hourOf(r.Time)
		return
	}
	ev := w.events[e.GetId()]
	if ev == nil {
		ev = &audited{source: w.intern(e.GetSource()), hour: hourOf(ingested(e, r)), at: spot{-1, -1}}
		w.events[e.GetId()] = ev
	}
	if ev.at.offset < 0 || e.GetRevision() > ev.top {
		ev.top, ev.at, ev.saidAt = e.GetRevision(), at, r.Time
	}
}

func (w *auditWorld) takeLetter(r kafka.Record) {
	if feedback.Header(r, headerHandled) != "" {
		return
	}
	l := w.app.newLetter(w.conn, r)
	w.dead[deadKey{l.topic, l.from, l.key}] = true
	if l.topic != w.names["feedback"] || r.Time.Before(w.since) || w.events[l.key] != nil {
		return
	}
	// What ingest could not write has no place in its topic: none, or the zero one.
	if l.from.partition < 0 || l.from == (spot{}) {
		w.unborn[l.key] = audited{source: w.intern(l.source), hour: hourOf(r.Time)}
	}
}

func (w *auditWorld) takeScored(r kafka.Record) {
	s, err := feedback.DecodeScored(r)
	if err != nil {
		return // its event is pending, dead or missing on the routes
	}
	e := s.GetEvent()
	ev := w.events[e.GetId()]
	if ev == nil {
		at := ingested(e, r)
		if at.Before(w.since) {
			return
		}
		ev = &audited{source: w.intern(e.GetSource()), hour: hourOf(at), at: spot{-1, -1}}
		w.events[e.GetId()] = ev
	}
	if !e.GetDeleted() && (ev.texted == 0 || e.GetRevision()+1 > ev.texted) {
		ev.texted, ev.hasScore = e.GetRevision()+1, s.GetSentiment() != nil && s.GetSentiment().Score != nil
	}
	if ev.scored && e.GetRevision() <= ev.scoredTop {
		return
	}
	ev.scored, ev.scoredTop, ev.scoredAt, ev.matches = true, e.GetRevision(), spot{r.Partition, r.Offset}, nil
	if !w.asked || e.GetDeleted() {
		return
	}
	if s.Sentiment == nil {
		s.Sentiment = &feedbackv1.Sentiment{}
	}
	for i, rt := range w.routes {
		if rt.match.Scored(s) {
			ev.matches = append(ev.matches, i)
		}
	}
}

func (w *auditWorld) takeNotification(r kafka.Record) {
	n, err := feedback.DecodeNotification(r)
	if err != nil {
		return // a deleted key, or what the notifier itself passes over
	}
	i := w.route(n.GetRoute())
	if i < 0 && w.asked {
		return
	}
	if i < 0 {
		i = len(w.routes)
		w.routes = append(w.routes, route{name: n.GetRoute()})
		w.reached = append(w.reached, map[int]int64{})
	}
	if n.GetEventId() == "" {
		w.digests[pairKey{n.GetDigestId(), i}] = n
		return
	}
	if w.events[n.GetEventId()] == nil {
		return
	}
	key := pairKey{n.GetEventId(), i}
	p := w.pairs[key]
	if p == nil {
		p = &told{}
		w.pairs[key] = p
	}
	p.state = n.GetState()
	if stands(n.GetState()) {
		p.add(n.GetPlace())
	}
}

// add notes a message that tells the event.
func (p *told) add(at *feedbackv1.Place) {
	if at.GetTs() == "" {
		return
	}
	place := "#" + or(at.GetChannelName(), at.GetChannelId()) + " " + at.GetTs()
	if !slices.ContainsFunc(p.places, func(have string) bool { return strings.HasSuffix(have, " "+at.GetTs()) }) {
		p.places = append(p.places, place)
	}
}

// stands tells whether the event has a message in the channel.
func stands(s feedbackv1.Notification_State) bool {
	switch s {
	case feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_DIGESTED, feedbackv1.Notification_STATE_WITHDRAWN:
		return true
	}
	return false
}

// ingested is when the event was taken in.
func ingested(e *feedbackv1.Event, r kafka.Record) time.Time {
	if t := e.GetIngestedAt(); t.IsValid() && t.GetSeconds() > 0 {
		return t.AsTime()
	}
	return r.Time
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }
