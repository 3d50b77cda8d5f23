package audit

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const manifestYAML = `
apiVersion: v1
kind: Secret
metadata: {name: slack}
---
apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {name: azure}
spec:
  kafka: {bootstrapServers: [localhost:9092]}
  sources:
  - {name: community, slack: {channels: ["#feedback"], match: {keywords: [AZURE]}}}
  - {name: mentions, twitter: {query: "azure lang:en -from:azurebot"}}
  routes:
  - {name: negative, match: {scoreBelow: 0.3}, slack: {channel: negative-feedback}}
  - {name: positive, match: {scoreAbove: 0.9}, slack: {channel: Cpositive-feedback}}
  - {name: outages, match: {keywords: ["503"]}, slack: {channel: "#outages"}}
`

// slackID is the id of a message in #feedback or another channel.
func slackID(channel, n string) string { return "slack:T1:C" + channel + ":" + n }

var (
	s1, s2, s3, s4 = slackID("feedback", "1"), slackID("feedback", "2"), slackID("feedback", "3"), slackID("random", "4")
	s5, s6, s7, s8 = slackID("feedback", "5"), slackID("feedback", "6"), slackID("feedback", "7"), slackID("feedback", "8")
	s9, s10, s11   = slackID("feedback", "9"), slackID("feedback", "10"), slackID("feedback", "11")
	s12, s13       = slackID("feedback", "12"), slackID("feedback", "13")
	x1, x2, x3, x4 = "x:1", "x:2", "x:3", "x:4"
)

// clean is a world in which everything can be seen once, and all is as it should be.
func clean() *stage {
	s := newStage(manifestYAML)
	for _, channel := range []string{"feedback", "random", "negative-feedback", "positive-feedback", "outages"} {
		s.channels[channel] = nil
	}
	s.post(s1, "feedback", "Azure is terrible") // negative: a card
	s.score(s1, 0, "Azure is terrible", proto.Float64(0.1))
	healed := *s.card("negative-feedback", "negative", s1, 0)
	healed.Deleted = true // a surplus one that was removed again
	s.channels["negative-feedback"] = append(s.channels["negative-feedback"], &healed)

	s.post(s2, "feedback", "azure is wonderful") // positive: a digest
	s.score(s2, 0, "azure is wonderful", proto.Float64(0.95))
	s.digest("positive-feedback", "positive", "digest:positive:1", s2)

	s.post(s3, "feedback", "lunch?")        // no keyword
	s.post(s4, "random", "azure is fine")   // another channel
	s.post(s5, "feedback", "azure 503s :(") // on two routes
	s.score(s5, 0, "azure 503s :(", proto.Float64(0.2))
	s.card("negative-feedback", "negative", s5, 0)
	s.card("outages", "outages", s5, 0)

	s.post(s6, "feedback", "same here").ThreadTS = "1" // followed in the thread of s1
	s.score(s6, 0, "same here", proto.Float64(0.5))

	s.post(s7, "feedback", "azure meh", "azure is awful") // edited into the range
	s.score(s7, 0, "azure meh", proto.Float64(0.5))
	s.score(s7, revisionAt(1), "azure is awful", proto.Float64(0.05))
	s.card("negative-feedback", "negative", s7, revisionAt(1))

	gone := s.post(s8, "feedback", "azure stinks") // told, then deleted
	s.score(s8, 0, "azure stinks", proto.Float64(0.1))
	s.card("negative-feedback", "negative", s8, 0)
	s.remove(gone, revisionAt(1))
	s.withdraw(s8, revisionAt(1))

	s.post(s9, "feedback", "azure とても遅い") // unscored
	s.score(s9, 0, "azure とても遅い", nil)

	s.post(s10, "feedback", "azure boom") // a dead letter of the scorer
	s.dead(s.ingest(s10, 0, "azure boom"), topicFeedback)

	s.post(s12, "feedback", "azure grr", "never mind") // told, then edited out of the range
	s.score(s12, 0, "azure grr", proto.Float64(0.1))
	s.card("negative-feedback", "negative", s12, 0)
	s.score(s12, revisionAt(1), "never mind", proto.Float64(0.5))
	s.withdraw(s12, revisionAt(1))

	s.post(s13, "feedback", "azure build failed").Bot = true // a bot
	s.post(x1, "ann", "I hate #Azure")
	s.score(x1, 0, "I hate #Azure", proto.Float64(0.1))
	s.card("negative-feedback", "negative", x1, 0)
	s.post(x2, "bob", "RT @ann: I hate #Azure").RetweetOf = "x:1" // collapsed
	s.score(x2, 0, "I hate #Azure", proto.Float64(0.1))
	s.notify(&feedbackv1.Notification{EventId: x2, Route: "negative", State: feedbackv1.Notification_STATE_COLLAPSED, CollapsedInto: x1})
	s.post(x3, "ann", "old azure horror") // too old
	s.score(x3, 0, "old azure horror", proto.Float64(0.1))
	s.notify(&feedbackv1.Notification{EventId: x3, Route: "negative", State: feedbackv1.Notification_STATE_SKIPPED, Reason: "older than 24h"})
	s.post(x4, "azurebot", "azure news") // excluded by the query

	s.post(s11, "feedback", "azure is broken") // pending
	s.score(s11, 0, "azure is broken", proto.Float64(0.1))
	s.held["negative"] = s11
	return s
}

// withdraw marks an event's card on the negative route.
func (s *stage) withdraw(id string, revision uint64) {
	s.notify(&feedbackv1.Notification{EventId: id, Route: "negative", Revision: revision, State: feedbackv1.Notification_STATE_WITHDRAWN, Reason: "edited"})
}

// TestRouteThatNeverRan: what no group has committed past is pending, and nothing is wrong.
func TestRouteThatNeverRan(t *testing.T) {
	s := clean()
	s.absent = "outages"
	s.drop(t, topicNotifications, s5)
	s.unpost(t, "outages", s5)
	l := s.play(t)
	if !l.OK() || l.Pending != 2 || l.Posted != 4 {
		t.Errorf("OK = %v, pending %d, posted %d, want true, 2, 4: %v", l.OK(), l.Pending, l.Posted, l.Explain(5))
	}
}

// TestLettersThatIngestWrote: what a broker never took has no place, and is ingested all the same.
func TestLettersThatIngestWrote(t *testing.T) {
	s := clean()
	s.post(slackID("feedback", "40"), "feedback", "azure, and a megabyte")
	s.topics[topicDeadLetters] = append(s.topics[topicDeadLetters], &entry{key: slackID("feedback", "40"), raw: []byte("azure"),
		headers: map[string]string{"dead-letter-reason": "TooLarge", "dead-letter-topic": "default.azure.feedback", "dead-letter-partition": "0", "dead-letter-offset": "0"}})
	s.drop(t, topicScored, s1) // which stands at that place
	l := s.play(t)
	if l.DeadLettered != 2 || l.LostScore != 1 || l.Sent != 18 {
		t.Errorf("dead-lettered %d, lost at the scorer %d, sent %d, want 2, 1, 18: %s", l.DeadLettered, l.LostScore, l.Sent, l)
	}
	checkEquations(t, l)
}

// TestCollapsedIntoWhatWasWithdrawnSince: a digest that told an event counts those that said the same, whatever became of
// that event afterwards, as a card does; one that does not stand, or never told it, counts nobody.
func TestCollapsedIntoWhatWasWithdrawnSince(t *testing.T) {
	later := slackID("feedback", "50")
	world := func(digest string) *stage {
		s := clean()
		s.post(later, "feedback", "azure is wonderful")
		s.score(later, 0, "azure is wonderful", proto.Float64(0.95))
		s.notify(&feedbackv1.Notification{EventId: later, Route: "positive", State: feedbackv1.Notification_STATE_COLLAPSED, CollapsedInto: s2})
		s.remove(s.posts[1], revisionAt(1))
		s.notify(&feedbackv1.Notification{EventId: s2, Route: "positive", Revision: revisionAt(1), State: feedbackv1.Notification_STATE_WITHDRAWN, DigestId: digest})
		return s
	}
	if l := world("digest:positive:1").play(t); !l.OK() || l.Collapsed != 2 {
		t.Errorf("OK = %v, collapsed %d, want true, 2: %v", l.OK(), l.Collapsed, l.Explain(5))
	}
	gone := world("digest:positive:1")
	gone.unpost(t, "positive-feedback", "digest:positive:1")
	for name, s := range map[string]*stage{"a digest that is gone": gone, "another digest": world("digest:positive:2"), "no digest": world("")} {
		if l := s.play(t); l.LostRoute != 1 {
			t.Errorf("%s: lost %d, want 1: %v", name, l.LostRoute, l.Explain(5))
		}
	}
}

// TestFallbackIsTold: what the fallback scored breaks no promise, and the ledger tells how much it was.
func TestFallbackIsTold(t *testing.T) {
	s := clean()
	spare := 0
	for _, e := range s.topics[topicScored] {
		if scored := e.value.(*feedbackv1.ScoredEvent); !scored.GetEvent().GetDeleted() && spare < 3 {
			scored.Sentiment.Fallback = &feedbackv1.Fallback{Backend: "azure"}
			spare++
		}
	}
	l := s.play(t)
	if lines := l.Explain(5); !l.OK() || len(lines) != 1 || !strings.Contains(lines[0], "3 events were scored by the fallback") {
		t.Errorf("OK = %v with %q, want a note of 3 events", l.OK(), lines)
	}
}

const cleanLedger = "ledger: sent 17 filtered 4 ingested 13 scored 11 unscored 1 routed 9 posted 5 digested 1 collapsed 1 skipped 1 dead-lettered 1 pending 1 lost 0 duplicated 0 healed 1"

func TestCleanWorld(t *testing.T) {
	for name, change := range map[string]func(*stage){
		"protobuf":         func(*stage) {},
		"json":             func(s *stage) { s.json = true },
		"three partitions": func(s *stage) { s.partitions = 3 },
		"records sent again": func(s *stage) {
			s.score(s5, 0, "azure 503s :(", proto.Float64(0.2))
			s.score(s7, 0, "azure meh", proto.Float64(0.5)) // a lower revision, ignored by all
		},
		"another pipeline's card": func(s *stage) {
			m := *s.card("negative-feedback", "negative", s1, 0)
			m.Meta["event_payload"].(map[string]any)["pipeline"] = "default/other"
		},
		"a record that is no protobuf, dead-lettered": func(s *stage) {
			bad := &entry{key: "?", raw: []byte{0xff, 0xff}}
			s.topics[topicFeedback] = append(s.topics[topicFeedback], bad)
			s.dead(bad, topicFeedback)
		},
		"a card of a text that was edited without a change": func(s *stage) {
			s.score(s1, revisionAt(1), "Azure is terrible", proto.Float64(0.1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := clean()
			change(s)
			l := s.play(t)
			if got := l.String(); got != cleanLedger {
				t.Errorf("ledger\n got %s\nwant %s", got, cleanLedger)
			}
			if !l.OK() || len(l.Findings) > 0 {
				t.Errorf("OK = %v with findings %v, want true with none", l.OK(), l.Explain(20))
			}
			checkEquations(t, l)
		})
	}
}

// TestMutants changes one thing in the clean world: each must turn the ledger red, say why, and
// leave the equations whole.
func TestMutants(t *testing.T) {
	for _, c := range mutants {
		t.Run(c.name, func(t *testing.T) {
			s := clean()
			c.mutate(t, s)
			l := s.play(t)
			if l.OK() {
				t.Errorf("OK = true, want false: %s", l)
			}
			if got := [2]int{l.Lost(), l.Duplicated}; got != [2]int{c.lost, c.duplicated} {
				t.Errorf("lost, duplicated = %v, want %v", got, [2]int{c.lost, c.duplicated})
			}
			first := l.Findings[0]
			if first.Kind != c.kind || first.ID != c.id || !strings.Contains(first.Why, c.why) {
				t.Errorf("first finding = %v, want %v of %s: ...%s...", l.Explain(5), c.kind, c.id, c.why)
			}
			checkEquations(t, l)
		})
	}
}

// checkEquations holds the ledger's figures against each other.
func checkEquations(t *testing.T, l Ledger) {
	t.Helper()
	if got, want := l.Filtered+l.Ingested+l.LostIngest, l.Sent; got != want {
		t.Errorf("filtered + ingested + lost = %d, want sent = %d", got, want)
	}
	if got, want := l.Scored+l.Unscored+l.DeadLettered+l.LostScore, l.Ingested; got != want {
		t.Errorf("scored + unscored + dead-lettered + lost = %d, want ingested = %d", got, want)
	}
	if got, want := l.Posted+l.Digested+l.Collapsed+l.Skipped+l.Pending+l.LostRoute, l.Routed; got != want {
		t.Errorf("posted + digested + collapsed + skipped + pending + lost = %d, want routed = %d", got, want)
	}
}
