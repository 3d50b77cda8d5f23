package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// fates are what can become of a post, with the ledger that one such post makes in a pipeline that
// keeps its word.
var fates = []struct {
	name string
	make func(s *stage, id string)
	want Ledger
}{
	{"filtered", func(s *stage, id string) { s.post(id, "feedback", "lunch") },
		Ledger{Sent: 1, Filtered: 1}},
	{"neutral", func(s *stage, id string) {
		s.post(id, "feedback", "azure")
		s.score(id, 0, "azure", proto.Float64(0.5))
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1}},
	{"unscored outage", func(s *stage, id string) {
		s.post(id, "feedback", "azure 503")
		s.score(id, 0, "azure 503", nil)
		s.card("outages", "outages", id, 0)
	}, Ledger{Sent: 1, Ingested: 1, Unscored: 1, Routed: 1, Posted: 1}},
	{"negative", func(s *stage, id string) {
		s.post(id, "feedback", "azure hurts")
		s.score(id, 0, "azure hurts", proto.Float64(0.1))
		s.card("negative-feedback", "negative", id, 0)
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1, Routed: 1, Posted: 1}},
	{"positive", func(s *stage, id string) {
		s.post(id, "feedback", "azure shines")
		s.score(id, 0, "azure shines", proto.Float64(0.99))
		s.digest("positive-feedback", "positive", "digest:positive:"+id, id)
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1, Routed: 1, Digested: 1}},
	{"edited out", func(s *stage, id string) {
		s.post(id, "feedback", "azure hurts", "forget it")
		s.score(id, 0, "azure hurts", proto.Float64(0.1))
		s.score(id, revisionAt(1), "forget it", proto.Float64(0.5))
		s.card("negative-feedback", "negative", id, 0)
		s.withdraw(id, revisionAt(1))
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1}},
	{"deleted", func(s *stage, id string) {
		p := s.post(id, "feedback", "azure hurts")
		s.score(id, 0, "azure hurts", proto.Float64(0.1))
		s.remove(p, revisionAt(1))
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1}},
	{"dead", func(s *stage, id string) {
		s.post(id, "feedback", "azure")
		s.dead(s.ingest(id, 0, "azure"), topicFeedback)
	}, Ledger{Sent: 1, Ingested: 1, DeadLettered: 1}},
	{"too old", func(s *stage, id string) {
		s.post(id, "feedback", "azure hurts")
		s.score(id, 0, "azure hurts", proto.Float64(0.1))
		s.notify(&feedbackv1.Notification{EventId: id, Route: "negative", State: feedbackv1.Notification_STATE_SKIPPED, Reason: "too old"})
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1, Routed: 1, Skipped: 1}},
	{"about to be posted", func(s *stage, id string) {
		s.post(id, "feedback", "azure hurts")
		s.score(id, 0, "azure hurts", proto.Float64(0.1))
		s.notify(&feedbackv1.Notification{EventId: id, Route: "negative", State: feedbackv1.Notification_STATE_INTENT})
	}, Ledger{Sent: 1, Ingested: 1, Scored: 1, Routed: 1, Pending: 1}},
}

// add sums the figures that fates have.
func (l *Ledger) add(o Ledger) {
	for _, f := range []struct {
		sum *int
		n   int
	}{
		{&l.Sent, o.Sent}, {&l.Filtered, o.Filtered}, {&l.Ingested, o.Ingested}, {&l.Scored, o.Scored},
		{&l.Unscored, o.Unscored}, {&l.DeadLettered, o.DeadLettered}, {&l.Routed, o.Routed}, {&l.Posted, o.Posted},
		{&l.Digested, o.Digested}, {&l.Skipped, o.Skipped}, {&l.Pending, o.Pending},
	} {
		*f.sum += f.n
	}
}

// randomStage is a world of random fates and the ledger that it should have.
func randomStage(r *rand.Rand) (*stage, Ledger) {
	s, want := newStage(manifestYAML), Ledger{}
	s.partitions, s.json = 1+r.Int32N(4), r.IntN(2) == 0
	for _, channel := range []string{"negative-feedback", "positive-feedback", "outages"} {
		s.channels[channel] = nil
	}
	for i := range 50 + r.IntN(100) {
		fate := fates[r.IntN(len(fates))]
		fate.make(s, slackID("feedback", fmt.Sprint(1000+i)))
		want.add(fate.want)
	}
	return s, want
}

// TestRandomWorlds sums up worlds whose ledger is known.
func TestRandomWorlds(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s, want := randomStage(rand.New(rand.NewPCG(seed, 1)))
			l := s.play(t)
			if l.String() != want.String() || !l.OK() {
				t.Errorf("ledger\n got %s\nwant %s\nfindings %v", l, want, l.Explain(5))
			}
			checkEquations(t, l)
		})
	}
}

// TestRandomDamage takes records and messages out of random worlds and puts others in twice: the
// equations hold whatever is missing, and nothing that is missing goes unseen.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			s, want := randomStage(r)
			for _, topic := range []string{topicFeedback, topicScored, topicNotifications, topicDeadLetters} {
				s.topics[topic] = slices.DeleteFunc(s.topics[topic], func(*entry) bool { return r.IntN(10) == 0 })
			}
			for name, messages := range s.channels {
				messages = slices.DeleteFunc(messages, func(*message) bool { return r.IntN(10) == 0 })
				if len(messages) > 0 {
					messages = append(messages, messages[r.IntN(len(messages))])
				}
				s.channels[name] = messages
			}
			l := s.play(t)
			checkEquations(t, l)
			if l.Sent != want.Sent {
				t.Errorf("sent = %d, want %d", l.Sent, want.Sent)
			}
			if l.OK() {
				t.Errorf("OK = true after damage: %s", l)
			}
		})
	}
}
