package audit

import (
	"mime"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// record is a record as the client gives it.
type record = *kgo.Record

// header is the value of a record's header, empty if it has none of that name.
func header(r record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// decode reads a record's value in the format that its content-type names, Protobuf without one.
func decode(r record, into proto.Message) error {
	if t, _, err := mime.ParseMediaType(header(r, "content-type")); err == nil && t == "application/json" {
		return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(r.Value, into)
	}
	return proto.Unmarshal(r.Value, into)
}

func originOf(r record) origin { return origin{placeOf(r), string(r.Key)} }

func placeOf(r record) place { return place{r.Topic, r.Partition, r.Offset} }

// takeEvent takes a record of the feedback topic.
func (w *world) takeEvent(r record) {
	e := &feedbackv1.Event{}
	if err := decode(r, e); err != nil || e.GetId() == "" {
		w.unreadable = append(w.unreadable, originOf(r))
		return
	}
	if string(r.Key) != e.GetId() {
		w.find(Mangled, e.GetId(), "", "its record %s has the key %q: its revisions are in no order", placeOf(r), r.Key)
	}
	ev := w.events[e.GetId()]
	if ev == nil {
		ev = &event{}
		w.events[e.GetId()] = ev
	}
	ev.top = max(ev.top, e.GetRevision())
	if !e.GetDeleted() && ev.bears && e.GetRevision() == ev.said || e.GetDeleted() && !ev.bears {
		ev.places = append(ev.places, placeOf(r))
	}
	if !e.GetDeleted() && (!ev.bears || e.GetRevision() > ev.said) {
		ev.bears, ev.said, ev.letters = true, e.GetRevision(), letters(e.GetText())
		ev.places = append(ev.places[:0], placeOf(r))
	}
}

// takeScored takes a record of the scored topic.
func (w *world) takeScored(m *manifest, r record) {
	s := &feedbackv1.ScoredEvent{}
	if err := decode(r, s); err != nil || s.GetEvent().GetId() == "" {
		w.unreadable = append(w.unreadable, originOf(r))
		return
	}
	w.checkScore(s)
	e := s.GetEvent()
	v := w.scored[e.GetId()]
	first := v == nil
	if first {
		v = &verdict{}
		w.scored[e.GetId()] = v
	}
	var routes, unsure uint64
	if !e.GetDeleted() {
		routes, unsure = m.asks(scoredSaid(s))
	}
	v.ever |= routes
	if first || e.GetRevision() > v.top {
		v.top, v.deleted, v.at, v.routes, v.unsure = e.GetRevision(), e.GetDeleted(), placeOf(r), routes, unsure
	}
	if !e.GetDeleted() {
		v.texts = append(v.texts, textOf{e.GetRevision(), hash(e.GetText())})
		if !v.bears || e.GetRevision() > v.said {
			v.bears, v.said, v.score = true, e.GetRevision(), s.GetSentiment() != nil && s.GetSentiment().Score != nil
			v.spare = s.GetSentiment().GetFallback() != nil
		}
	}
}

// checkScore holds a score against its contract.
func (w *world) checkScore(s *feedbackv1.ScoredEvent) {
	id, t := s.GetEvent().GetId(), s.GetSentiment()
	switch {
	case t == nil:
		w.find(Mangled, id, "", "it has neither a score nor a reason for having none")
	case t.Score == nil && t.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED:
		w.find(Mangled, id, "", "it has no score and no reason for having none")
	case t.Score != nil && !(t.GetScore() >= 0 && t.GetScore() <= 1):
		w.find(Mangled, id, "", "its score is %v, which is not between 0 and 1", t.GetScore())
	}
}

// takeNotification takes a record of the notifications topic; the newest of a key holds.
func (w *world) takeNotification(r record) {
	n := &feedbackv1.Notification{}
	if len(r.Value) == 0 {
		return // a tombstone: retention of what is too old to matter
	}
	if err := decode(r, n); err != nil {
		w.find(Mangled, placeOf(r).String(), "", "the notification cannot be decoded: %v", err)
		return
	}
	if n.GetEventId() == "" {
		told := make(map[string]bool, len(n.GetEventIds()))
		for _, id := range n.GetEventIds() {
			told[id] = true
		}
		w.digests[pair{n.GetDigestId(), n.GetRoute()}] = told
		return
	}
	w.pairs[pair{n.GetEventId(), n.GetRoute()}] = &outcome{
		state: n.GetState(), revision: n.GetRevision(), reason: n.GetReason(), digest: n.GetDigestId(), master: n.GetCollapsedInto(),
	}
}

// takeDeadLetter takes a record of the dead letters.
func (w *world) takeDeadLetter(r record) {
	if header(r, "dead-letter-reason") == "" {
		w.find(Mangled, placeOf(r).String(), "", "the dead letter gives no reason")
	}
	w.deadKeys[string(r.Key)] = true
	partition, err := strconv.ParseInt(header(r, "dead-letter-partition"), 10, 32)
	if err != nil {
		return // it was never in a topic
	}
	offset, err := strconv.ParseInt(header(r, "dead-letter-offset"), 10, 64)
	if err != nil {
		return
	}
	w.dead[origin{place{header(r, "dead-letter-topic"), int32(partition), offset}, string(r.Key)}] = true
}
