package route

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

func below(v float64) feedback.Match { return feedback.Match{ScoreBelow: &v} }

func config(change ...func(*Config)) Config {
	c := routeConfig
	c.Channel = "negative-feedback"
	c.Match = below(0.3)
	for _, f := range change {
		f(&c)
	}
	return c
}

func TestEachIsToldInOrderAndPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 10 {
			w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i))
		}
		w.say("x:fine", "all good", score(0.9))
		p := w.start(config(), "a")
		w.live(t, config(), p).end()
		if got, want := len(w.standing()), 10; got != want {
			t.Errorf("%d messages stand, want %d", got, want)
		}
		for i, m := range w.messages[:2] {
			if i == 0 && m.id() != "x:0" && m.id() != "x:1" {
				t.Errorf("first told is %s, want the first of a partition", m.id())
			}
		}
		w.once(t, "x:0", "x:9")
		w.paced(t)
		if got := testutil.ToFloat64(p.metrics.told.WithLabelValues("negative", "posted")); got != 10 {
			t.Errorf("feedback_notifications_total{posted} = %v, want 10", got)
		}
	})
}

func TestRevisions(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []func(w *world) // before it could be told
		after  []func(w *world) // after it was told
		state  feedbackv1.Notification_State
		has    string
		hasNot string
		posts  int
	}{
		{
			name:   "an edit before it was told",
			before: []func(*world){func(w *world) { w.say("x:1", "the second words", revision(5)) }},
			state:  feedbackv1.Notification_STATE_POSTED, has: "the second words", hasNot: "the first words", posts: 1,
		},
		{
			name:   "a deletion before it was told",
			before: []func(*world){func(w *world) { w.say("x:1", "", revision(5), deleted) }},
			posts:  0,
		},
		{
			name: "a resent original after the deletion",
			before: []func(*world){func(w *world) {
				w.say("x:1", "", revision(5), deleted)
				w.say("x:1", "the first words")
			}},
			posts: 0,
		},
		{
			name:  "an edit after it was told",
			after: []func(*world){func(w *world) { w.say("x:1", "the second words", revision(5)) }},
			state: feedbackv1.Notification_STATE_POSTED, has: "the second words", hasNot: "the first words", posts: 1,
		},
		{
			name:  "an edit that leaves the range",
			after: []func(*world){func(w *world) { w.say("x:1", "it is great now", revision(5), score(0.9)) }},
			state: feedbackv1.Notification_STATE_WITHDRAWN, has: "no longer matches", hasNot: "the first words", posts: 1,
		},
		{
			name: "an edit that leaves and one that comes back",
			after: []func(*world){
				func(w *world) { w.say("x:1", "it is great now", revision(5), score(0.9)) },
				func(w *world) { w.say("x:1", "no it is not", revision(6)) },
			},
			state: feedbackv1.Notification_STATE_POSTED, has: "no it is not", hasNot: "no longer matches", posts: 1,
		},
		{
			name:  "a deletion after it was told",
			after: []func(*world){func(w *world) { w.say("x:1", "", revision(5), deleted) }},
			state: feedbackv1.Notification_STATE_WITHDRAWN, has: "Deleted by its author", hasNot: "the first words", posts: 1,
		},
		{
			name: "an old revision that is sent again",
			after: []func(*world){
				func(w *world) { w.say("x:1", "the second words", revision(5)) },
				func(w *world) { w.say("x:1", "stale words", revision(4)) },
				func(w *world) { w.say("x:1", "the first words") },
			},
			state: feedbackv1.Notification_STATE_POSTED, has: "the second words", hasNot: "stale", posts: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.say("x:1", "the first words")
				for _, f := range c.before {
					f(w)
				}
				p := w.start(config(), "a")
				await(t, time.Minute, "told", w.settled)
				for _, f := range c.after {
					f(w)
					await(t, time.Minute, "revised", w.settled)
				}
				p = w.live(t, config(), p)
				p.end()
				if got := len(w.messages); got != c.posts {
					t.Fatalf("%d messages were posted, want %d", got, c.posts)
				}
				if got := w.state("x:1"); got != c.state {
					t.Errorf("state is %s, want %s", got, c.state)
				}
				if c.posts == 0 {
					return
				}
				if text := w.messages[0].text(); !strings.Contains(text, c.has) || strings.Contains(text, c.hasNot) {
					t.Errorf("card is %s, want %q in it and not %q", text, c.has, c.hasNot)
				}
			})
		})
	}
}

func TestAnEditThatEntersTheRangeIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say("x:1", "fine", score(0.8))
		p := w.start(config(), "a")
		await(t, time.Minute, "passed over", w.settled)
		w.say("x:1", "not fine at all", revision(3))
		w.say("x:1", "not fine at all", revision(3))
		w.live(t, config(), p).end()
		w.once(t, "x:1")
	})
}

func TestOldNewsIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say("x:old", "broken", func(s *feedbackv1.ScoredEvent) {
			s.Event.CreatedAt = timestamppb.New(time.Now().Add(-25 * time.Hour))
			s.Event.RevisedAt = s.Event.CreatedAt
		})
		w.live(t, config(), w.start(config(), "a")).end()
		if n := w.latest()["x:old"]; n.GetState() != feedbackv1.Notification_STATE_SKIPPED || !strings.Contains(n.GetReason(), "24h") {
			t.Errorf("an event of yesterday is %v, want SKIPPED for its age", n)
		}
		if len(w.messages) != 0 {
			t.Errorf("%d messages were posted, want none", len(w.messages))
		}
	})
}

func TestCopiesAreCollapsed(t *testing.T) {
	repost := func(of string) func(*feedbackv1.ScoredEvent) {
		return func(s *feedbackv1.ScoredEvent) { s.Event.RepostOf = of }
	}
	synctest.Test(t, func(t *testing.T) {
		// Odd ids lie in one partition, so that they come in this order.
		w := newWorld(t)
		w.say("x:1", "Azure is down!")
		w.say("x:3", "RT @ada: Azure is down!", repost("x:1"))
		w.say("x:5", "azure  is DOWN https://t.co/x")
		p := w.start(config(), "a")
		await(t, time.Minute, "told", w.settled)
		if text := w.cardOf(t, "x:1").text(); !strings.Contains(text, "*3 times*") {
			t.Errorf("card is %s, want a count of 3", text)
		}
		w.say("x:7", "RT @ada: Azure is down!", repost("x:1"))
		w.say("x:9", "azure is down")
		w.say("x:61", "something else is down")
		p = w.live(t, config(), p)
		if text := w.cardOf(t, "x:1").text(); !strings.Contains(text, "*5 times*") {
			t.Errorf("card is %s, want a count of 5", text)
		}
		if got, want := len(w.standing()), 2; got != want {
			t.Errorf("%d messages stand, want %d", got, want)
		}
		w.once(t, "x:1", "x:3", "x:5", "x:7", "x:9", "x:61")

		w.say("x:9", "", revision(7), deleted)
		p = w.live(t, config(), p)
		if text := w.cardOf(t, "x:1").text(); !strings.Contains(text, "*4 times*") {
			t.Errorf("card is %s after a copy was deleted, want a count of 4", text)
		}
		if got := w.state("x:9"); got != feedbackv1.Notification_STATE_WITHDRAWN {
			t.Errorf("the deleted copy is %s, want WITHDRAWN", got)
		}
		p.end()
	})
}

func TestACopyTakesThePlaceOfADeletedOriginal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say("x:1", "Azure is down!")
		w.say("x:3", "azure is down")
		w.say("x:1", "", revision(9), deleted)
		w.live(t, config(), w.start(config(), "a")).end()
		w.once(t, "x:3")
		if got := len(w.messages); got != 1 {
			t.Errorf("%d messages were posted, want 1", got)
		}
	})
}

func TestABurstBecomesADigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var ids []string
		for i := range 25 {
			ids = append(ids, w.say(fmt.Sprintf("x:%02d", i), fmt.Sprintf("broken in way %d", i), score(float64(i)/100)))
		}
		p := w.start(config(), "a")
		await(t, time.Minute, "told", w.settled)
		for i := range 3 {
			ids = append(ids, w.say(fmt.Sprintf("x:later%d", i), fmt.Sprintf("later %d", i)))
		}
		p = w.live(t, config(), p)
		p.end()
		w.once(t, ids...)
		if got, want := len(w.messages), 4; got != want {
			t.Errorf("%d messages were posted, want a digest and 3 cards", got)
		}
		if got, want := p.timed(t), uint64(28); got != want {
			t.Errorf("feedback_event_to_post_seconds counts %d events, want %d: those of the digest as well", got, want)
		}
		digest := w.messages[0]
		if digest.m.Type != slackapi.DigestType || digest.m.Payload["count"] != 25 || !strings.Contains(digest.text(), "and 20 more") {
			t.Errorf("first message is %s %v, want a digest of 25 with 5 shown", digest.m.Type, digest.m.Payload)
		}
		if !strings.Contains(digest.text(), "broken in way 0") {
			t.Errorf("digest is %s, want the worst in it", digest.text())
		}
		if d := w.messages[1].posted.Sub(digest.posted); d < BurstPause {
			t.Errorf("told %s after the digest of a burst, want %s of quiet", d, BurstPause)
		}
		n := w.latest()[digest.id()]
		if len(n.GetEventIds()) != 25 || len(n.GetRanges()) == 0 {
			t.Errorf("record of the digest is %v, want 25 ids and their ranges", n)
		}
	})
}

func TestDigestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(func(c *Config) { c.Digest = true })
		w := newWorld(t)
		pass(time.Until(windowStart(time.Now(), time.Hour).Add(time.Hour + 10*time.Minute)))
		w.say("x:1", "one")
		p := w.start(c, "a")
		pass(20 * time.Minute)
		p.end() // a stop does not tell it early
		if len(w.messages) != 0 {
			t.Fatalf("%d messages after a stop in mid-window, want none", len(w.messages))
		}
		p = w.start(c, "b")
		w.say("x:2", "two")
		pass(20 * time.Minute)
		if len(w.messages) != 0 {
			t.Fatalf("%d messages before the window's end, want none", len(w.messages))
		}
		p = w.live(t, c, p)
		w.once(t, "x:1", "x:2")
		if got, want := w.messages[0].id(), fmt.Sprintf("digest:negative:%d", windowStart(w.messages[0].posted, time.Hour).Add(-time.Hour).Unix()); got != want {
			t.Errorf("digest is %s, want %s", got, want)
		}
		w.say("x:1", "", revision(9), deleted)
		p = w.live(t, c, p)
		p.end()
		if text := w.messages[0].text(); strings.Contains(text, "> one") || !strings.Contains(text, "Deleted by its author") || !strings.Contains(text, "> two") {
			t.Errorf("digest is %s, want x:1 without its text and x:2 as it was", text)
		}
		if got := w.state("x:1"); got != feedbackv1.Notification_STATE_WITHDRAWN {
			t.Errorf("deleted event of a digest is %s, want WITHDRAWN", got)
		}
	})
}

// timed is of how many events the process has measured the time to their post.
func (p *process) timed(t *testing.T) uint64 {
	t.Helper()
	families, err := p.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "feedback_event_to_post_seconds" {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return n
}
