package audit

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// mutant is a way to break a pipeline, and what the auditor has to say of it.
type mutant struct {
	name             string
	mutate           func(t *testing.T, s *stage)
	lost, duplicated int
	kind             Kind
	id, why          string
}

var mutants = []mutant{
	{"drop one at ingest", func(t *testing.T, s *stage) {
		s.drop(t, topicFeedback, s6)
		s.drop(t, topicScored, s6)
	}, 1, 0, Lost, s6, "not in the feedback topic"},
	{"drop one at the scorer", func(t *testing.T, s *stage) { s.drop(t, topicScored, s9) },
		1, 0, Lost, s9, "neither scored nor a dead letter"},
	{"drop a dead letter", func(t *testing.T, s *stage) { s.drop(t, topicDeadLetters, s10) },
		1, 0, Lost, s10, "neither scored nor a dead letter"},
	{"commit early", func(t *testing.T, s *stage) { delete(s.held, "negative") },
		1, 0, Lost, s11, "committed past default.azure.scored[0]@14, and there is no notification"},
	{"post nothing and say so", func(t *testing.T, s *stage) { s.unpost(t, "outages", s5) },
		1, 0, Lost, s5, "no card of it stands"},
	{"skip without a reason", func(t *testing.T, s *stage) {
		s.notify(&feedbackv1.Notification{EventId: x3, Route: "negative", State: feedbackv1.Notification_STATE_SKIPPED})
	}, 1, 0, Lost, x3, "skipped without a reason"},
	{"collapse into nothing", func(t *testing.T, s *stage) {
		s.notify(&feedbackv1.Notification{EventId: x2, Route: "negative", State: feedbackv1.Notification_STATE_COLLAPSED, CollapsedInto: s3})
	}, 1, 0, Lost, x2, "is not told"},
	{"a digest that does not stand", func(t *testing.T, s *stage) { s.unpost(t, "positive-feedback", "digest:positive:1") },
		1, 0, Lost, s2, "does not stand"},
	{"a digest that leaves one out", func(_ *testing.T, s *stage) {
		s.notify(&feedbackv1.Notification{Route: "positive", DigestId: "digest:positive:1", State: feedbackv1.Notification_STATE_DIGESTED, EventIds: []string{s1}})
	}, 1, 0, Lost, s2, "should tell it does not"},
	{"double a card", func(t *testing.T, s *stage) { s.card("negative-feedback", "negative", s1, 0) },
		0, 1, Duplicated, s1, "2 cards"},
	{"double a digest", func(t *testing.T, s *stage) {
		m := *s.unpost(t, "positive-feedback", "digest:positive:1")
		s.channels["positive-feedback"] = append(s.channels["positive-feedback"], &m, &m)
	}, 0, 1, Duplicated, s2, "2 digests"},
	{"card and digest", func(_ *testing.T, s *stage) { s.card("positive-feedback", "positive", s2, 0) },
		0, 1, Duplicated, s2, "1 cards of it and 1 digests"},
	{"two digests", func(_ *testing.T, s *stage) { s.digest("positive-feedback", "positive", "digest:positive:2", s2) },
		0, 1, Duplicated, s2, "2 digests"},
	{"a card in another channel", func(_ *testing.T, s *stage) { s.card("outages", "negative", s1, 0) },
		0, 0, Misrouted, s1, "stands in #outages and not in #negative-feedback"},
	{"a digest in another channel", func(t *testing.T, s *stage) {
		s.channels["outages"] = append(s.channels["outages"], s.unpost(t, "positive-feedback", "digest:positive:1"))
	}, 1, 0, Lost, s2, "does not stand"},
	{"misroute one", func(_ *testing.T, s *stage) { s.card("negative-feedback", "negative", s6, 0) },
		0, 0, Misrouted, s6, "it does not match"},
	{"a card of nothing", func(_ *testing.T, s *stage) { s.card("negative-feedback", "negative", s3, 0) },
		0, 0, Misrouted, s3, "never scored"},
	{"a deletion that the card does not follow", func(t *testing.T, s *stage) {
		s.drop(t, topicNotifications, s8)
	}, 0, 0, Misrouted, s8, "does not match any more"},
	{"an edit undone by a lower revision", func(t *testing.T, s *stage) {
		s.unpost(t, "negative-feedback", s7)
		s.card("negative-feedback", "negative", s7, 0)
	}, 0, 0, Stale, s7, "shows revision 0"},
	{"withdraw what matches", func(_ *testing.T, s *stage) { s.withdraw(s1, 0) },
		0, 0, Stale, s1, "no longer matches"},
	{"an edit that is not ingested", func(t *testing.T, s *stage) {
		s.post(slackID("feedback", "20"), "feedback", "azure?", "azure!")
		s.score(slackID("feedback", "20"), 0, "azure?", proto.Float64(0.5))
	}, 0, 0, Stale, slackID("feedback", "20"), "it was edited at"},
	{"an edit that is not scored", func(_ *testing.T, s *stage) { s.ingest(s1, revisionAt(1), "Azure is great") },
		1, 0, Lost, s1, "its revision 1750000060000000 stands at"},
	{"a deletion that is not scored", func(_ *testing.T, s *stage) {
		s.topics[topicScored] = slices.DeleteFunc(s.topics[topicScored], func(e *entry) bool {
			return e.id == s8 && e.value.(*feedbackv1.ScoredEvent).GetEvent().GetDeleted()
		})
	}, 0, 0, Stale, s8, "its deletion"},
	{"ingest what nobody asked for", func(_ *testing.T, s *stage) { s.score(s3, 0, "lunch?", proto.Float64(0.5)) },
		0, 0, Unasked, s3, "no revision of it matches"},
	{"ingest a bot", func(_ *testing.T, s *stage) { s.score(s13, 0, "azure build failed", proto.Float64(0.5)) },
		0, 0, Unasked, s13, "no revision of it matches"},
	{"ingest what nobody said", func(_ *testing.T, s *stage) { s.score(slackID("feedback", "99"), 0, "azure", proto.Float64(0.5)) },
		0, 0, Unasked, slackID("feedback", "99"), "no person said it"},
	{"score what was not ingested", func(t *testing.T, s *stage) {
		s.score(s4, 0, "azure is fine", proto.Float64(0.5))
		s.drop(t, topicFeedback, s4)
	}, 0, 0, Unasked, s4, "not in the feedback topic"},
	{"an unreadable record", func(_ *testing.T, s *stage) {
		s.topics[topicScored] = append(s.topics[topicScored], &entry{key: "?", raw: []byte{0xff}})
	}, 0, 0, Lost, "default.azure.scored[0]@15", "cannot be decoded"},
	{"a wrong key", func(_ *testing.T, s *stage) { s.topics[topicFeedback][0].key = "another" },
		0, 0, Mangled, s1, "key \"another\""},
	{"a score out of range", func(_ *testing.T, s *stage) { s.score(s6, 0, "same here", proto.Float64(1.5)) },
		0, 0, Mangled, s6, "its score is 1.5"},
	{"unscored without a reason", func(_ *testing.T, s *stage) {
		for _, e := range s.topics[topicScored] {
			if e.id == s9 {
				e.value.(*feedbackv1.ScoredEvent).Sentiment.UnscoredReason = 0
			}
		}
	}, 0, 0, Mangled, s9, "no reason"},
	{"a text cut short", func(_ *testing.T, s *stage) {
		long := slackID("feedback", "30")
		text := "azure " + string(slices.Repeat([]byte("word "), 400))
		s.post(long, "feedback", text)
		s.score(long, 0, text[:800], proto.Float64(0.5))
	}, 0, 0, Mangled, slackID("feedback", "30"), "1605 letters were said"},
}
