package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// The sides of a comparison.
const (
	scorerSide = iota
	shadowSide
)

// eventKey stands for an event's id: half of its SHA-256, so that an event takes the same memory whatever its id.
type eventKey [16]byte

func keyOf(id string) eventKey {
	sum := sha256.Sum256([]byte(id))
	return eventKey(sum[:16])
}

// errTooManyEvents ends a comparison of more events than are to be held.
var errTooManyEvents = errors.New("too many events")

// opinion is what one side says of an event, by the highest revision that it has scored.
type opinion struct {
	revision uint64
	told     uint64 // a bit for each route that would tell it
	score    float64
	at       int64 // when the event came in, in Unix milliseconds
	language uint16
	label    int8 // 0 negative to 2 positive, unlabelled without a score
	reason   int8 // why there is no score
	known    bool
	deleted  bool
	fallback bool // it was scored while the scorer's own backend was away
}

// unlabelled is the label of what has no score: the last row and column of a confusion.
const unlabelled = 3

// compared is an event and what the two sides say of it.
type compared struct {
	side      [2]opinion
	partition int32
}

// reach is from when to when one side has events of a partition, in Unix milliseconds.
type reach struct{ first, last int64 }

// comparison gathers what both sides say, a fixed number of bytes an event.
type comparison struct {
	since   time.Time
	routes  []route
	limit   int
	aligned bool // an event lies in the same partition of both topics

	events    map[eventKey]*compared
	reaches   [2]map[int32]reach
	models    [2]map[string]int
	languages []string
	known     map[string]uint16 // indexes of languages
}

func newComparison(since time.Time, routes []route, limit int, aligned bool) *comparison {
	return &comparison{
		since: since, routes: routes, limit: limit, aligned: aligned,
		events: map[eventKey]*compared{}, known: map[string]uint16{},
		reaches: [2]map[int32]reach{{}, {}}, models: [2]map[string]int{{}, {}},
	}
}

// take returns what takes the records of one side.
func (c *comparison) take(side int) func(kafka.Record) error {
	return func(r kafka.Record) error {
		s, err := feedback.DecodeScored(r)
		if err != nil {
			return nil //nolint:nilerr // what cannot be read no route tells; the dead letters say so
		}
		at := cameIn(s.GetEvent(), r)
		if at.Before(c.since) {
			return nil
		}
		partition := int32(0)
		if c.aligned {
			partition = int32(r.Partition) //nolint:gosec // Kafka's partitions are int32
		}
		c.extend(side, partition, at.UnixMilli())
		return c.enter(side, partition, at, s)
	}
}

// cameIn is when the event was taken in, which both sides say alike.
func cameIn(e *feedbackv1.Event, r kafka.Record) time.Time {
	for _, t := range []interface {
		IsValid() bool
		GetSeconds() int64
		AsTime() time.Time
	}{e.GetIngestedAt(), e.GetRevisedAt(), e.GetCreatedAt()} {
		if t.IsValid() && t.GetSeconds() > 0 {
			return t.AsTime()
		}
	}
	return r.Time
}

func (c *comparison) extend(side int, partition int32, at int64) {
	r, ok := c.reaches[side][partition]
	if !ok {
		r = reach{at, at}
	}
	c.reaches[side][partition] = reach{min(r.first, at), max(r.last, at)}
}

// enter notes what a side says of an event, unless it has said something of a later revision. What is said again of the
// same revision takes the place of what was said before.
func (c *comparison) enter(side int, partition int32, at time.Time, s *feedbackv1.ScoredEvent) error {
	e, v := s.GetEvent(), s.GetSentiment()
	key := keyOf(e.GetId())
	event := c.events[key]
	if event == nil {
		if len(c.events) == c.limit {
			return errTooManyEvents
		}
		event = &compared{partition: partition}
		c.events[key] = event
	}
	j := &event.side[side]
	if j.known && e.GetRevision() < j.revision {
		return nil
	}
	*j = opinion{
		known: true, revision: e.GetRevision(), deleted: e.GetDeleted(), at: at.UnixMilli(),
		label: unlabelled, reason: int8(v.GetUnscoredReason()), language: c.language(v.GetLanguage().GetTag()), //nolint:gosec // an enum of five
	}
	if v != nil && v.Score != nil {
		j.score, j.label = v.GetScore(), labelOf(v)
		j.fallback = v.GetFallback() != nil
		c.models[side][v.GetModel()]++
	}
	for i, r := range c.routes {
		if !e.GetDeleted() && r.match.Scored(s) {
			j.told |= 1 << i
		}
	}
	return nil
}

// labelOf is the label of what has a score: 0 negative to 2 positive. A server may leave it out; then it is that which the
// service that gives scores alone has for it (docs/backends.md).
func labelOf(s *feedbackv1.Sentiment) int8 {
	switch label := s.GetLabel(); {
	case label >= feedbackv1.Label_LABEL_NEGATIVE && label <= feedbackv1.Label_LABEL_POSITIVE:
		return int8(label - feedbackv1.Label_LABEL_NEGATIVE) //nolint:gosec // one of three
	case s.GetScore() < 0.4:
		return 0
	case s.GetScore() > 0.6:
		return 2
	}
	return 1
}

// language is the index of a language without its region.
func (c *comparison) language(tag string) uint16 {
	base := sentiment.Base(tag)
	i, ok := c.known[base]
	if !ok {
		if len(c.languages) == math.MaxUint16 {
			return 0
		}
		i = uint16(len(c.languages)) //nolint:gosec // less than its maximum, as was just seen
		c.known[base], c.languages = i, append(c.languages, base)
	}
	return i
}

// whereabouts is why an event that one side has is not the other's.
type whereabouts int

const (
	missing whereabouts = iota
	before              // it came before the other side began
	pending             // the other side has not come so far yet
)

// whereabouts of an event that only side has.
func (c *comparison) whereabouts(e *compared, side int) whereabouts {
	r, ok := c.reaches[1-side][e.partition]
	at := e.side[side].at
	switch {
	case !ok, at > r.last:
		return pending
	case at < r.first:
		return before
	}
	return missing
}

// apart is how far the scores of the two lie apart; -1 where one has none.
func (e *compared) apart() float64 {
	if e.side[scorerSide].label == unlabelled || e.side[shadowSide].label == unlabelled {
		return -1
	}
	return math.Abs(e.side[scorerSide].score - e.side[shadowSide].score)
}

// top keeps the n events whose scores lie furthest apart, the furthest first.
type top struct {
	n    int
	keys []eventKey
	by   []float64
}

func (t *top) offer(key eventKey, apart float64) {
	i := len(t.keys)
	for i > 0 && (t.by[i-1] < apart || t.by[i-1] == apart && bytes.Compare(t.keys[i-1][:], key[:]) > 0) {
		i--
	}
	if i >= t.n {
		return
	}
	t.keys = append(t.keys[:i], append([]eventKey{key}, t.keys[i:]...)...)
	t.by = append(t.by[:i], append([]float64{apart}, t.by[i:]...)...)
	t.keys, t.by = t.keys[:min(t.n, len(t.keys))], t.by[:min(t.n, len(t.by))]
}
