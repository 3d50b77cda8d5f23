//go:build e2e

package failpoint

import (
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// window is a crash window: a process of the program called image is killed when it passes the point, and started
// again; play says what people say meanwhile.
type window struct {
	point string
	// at is the pass at which it fires; default the first.
	at int
	// also is a point at which the next process is killed as well.
	also  string
	image string
	// told is "each" or "digest"; stream has X followed by its stream, beside the search.
	told   string
	stream bool
	// before is said before the services start.
	before func(*scene)
	play   func(*scene)
}

// windows has one case for each point that a kill is to find, in the order of services/internal/failpoint.
var windows = []window{
	{point: "slack-ingest.event.received", image: "slack-ingest", play: talk},
	{point: "slack-ingest.event.written", image: "slack-ingest", play: talk},
	{point: "slack-ingest.page.read", image: "slack-ingest", before: talk, play: nothing},
	{point: "slack-ingest.page.written", image: "slack-ingest", before: talk, play: nothing},
	{point: "slack-ingest.gap.written", image: "slack-ingest", before: talkALot, play: nothing},
	{point: "slack-ingest.changes.written", image: "slack-ingest", before: talkInThreads, play: nothing},

	{point: "twitter-ingest.page.reserved", at: 2, image: "twitter-ingest", play: post},
	{point: "twitter-ingest.page.read", image: "twitter-ingest", play: post},
	{point: "twitter-ingest.page.written", image: "twitter-ingest", play: post},
	{point: "twitter-ingest.stream.read", image: "twitter-ingest", stream: true, play: post},
	{point: "twitter-ingest.stream.written", image: "twitter-ingest", stream: true, play: post},

	{point: "stream.fetched", image: "sentiment-scorer", play: talk},
	{point: "stream.handled", image: "sentiment-scorer", play: talk},
	{point: "stream.produced", image: "sentiment-scorer", play: talk},
	{point: "kafka.before-commit", image: "sentiment-scorer", play: talk},
	{point: "kafka.committed", image: "sentiment-scorer", play: talk},

	{point: "notifier.card.before-intent", image: "notifier", play: talk},
	{point: "notifier.card.intent-written", image: "notifier", play: talk},
	{point: "notifier.card.before-post", image: "notifier", play: talk},
	{point: "slack.post.sending", image: "notifier", play: talk},
	{point: "slack.post.answered", image: "notifier", play: talk},
	{point: "notifier.card.posted", image: "notifier", play: talk},
	{point: "notifier.outcomes.written", image: "notifier", play: talk},
	{point: "kafka.before-commit", image: "notifier", play: talk},
	{point: "notifier.restore.looked-up", also: "slack.post.answered", image: "notifier", play: talk},

	{point: "notifier.digest.before-intent", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.digest.intent-written", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.digest.before-post", image: "notifier", told: "digest", play: talkAlike},
	{point: "slack.post.answered", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.digest.posted", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.outcomes.half-written", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.outcomes.written", image: "notifier", told: "digest", play: talkAlike},

	{point: "notifier.revision.before-update", image: "notifier", play: talkAndEdit},
	{point: "slack.update.answered", image: "notifier", play: talkAndEdit},
	{point: "notifier.revision.shown", image: "notifier", play: talkAndEdit},
	{point: "notifier.revision.shown", image: "notifier", told: "digest", play: talkAndEdit},
	{point: "notifier.count.before-update", image: "notifier", play: talkAgain},
	{point: "notifier.count.shown", image: "notifier", play: talkAgain},
}

// zombies are owners that are stopped at a point for longer than their group waits and their lease lasts: another takes
// over and tells, and then they wake up.
var zombies = []window{
	{point: "notifier.card.before-intent", image: "notifier", play: talk},
	{point: "notifier.card.intent-written", image: "notifier", play: talk},
	{point: "notifier.card.before-post", image: "notifier", play: talk},
	{point: "slack.post.sending", image: "notifier", play: talk},
	{point: "slack.post.answered", image: "notifier", play: talk},
	{point: "notifier.card.posted", image: "notifier", play: talk},
	{point: "notifier.digest.before-intent", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.digest.before-post", image: "notifier", told: "digest", play: talkAlike},
	{point: "notifier.revision.before-update", image: "notifier", play: talkAndEdit},
	{point: "stream.produced", image: "sentiment-scorer", play: talk},
}

// TestCrashWindows runs a pipeline of its own for each case, several at a time (-parallel): most of a case is waiting
// for a group to notice that its member is gone.
func TestCrashWindows(t *testing.T) {
	k := e2etest.Kafka(t, broker.RealOptions{})
	for _, w := range windows {
		t.Run("killed/"+w.name(), func(t *testing.T) { t.Parallel(); w.kill(t, k) })
	}
	for _, w := range zombies {
		t.Run("woken/"+w.name(), func(t *testing.T) { t.Parallel(); w.stop(t, k) })
	}
}

// What people say: each text is very negative, names what the source follows, and is unlike the others.
var complaints = []string{
	"Azure is terrible, the portal crashes and I hate it",
	"the worst azure outage ever, awful and broken support",
	"azure billing is a horrible, disgusting mess",
	"I hate how azure functions fail, this is awful",
	"azure storage is down again, terrible and useless",
}

func nothing(*scene) {}

// talk is five complaints in Slack.
func talk(s *scene) {
	for _, text := range complaints {
		s.say(text, "")
	}
}

// post is five complaints on X.
func post(s *scene) {
	for _, text := range complaints {
		s.post(text)
	}
}

// talkALot is more than a page of history, most of it neutral.
func talkALot(s *scene) {
	for range 220 {
		s.say("the azure meeting is at ten", "")
	}
	talk(s)
}

// talkInThreads is complaints and answers to them.
func talkInThreads(s *scene) {
	root := s.say(complaints[0], "")
	for _, text := range complaints[1:] {
		s.say(text, root.TS)
	}
}

// talkAlike is five complaints, one of them by several people.
func talkAlike(s *scene) {
	talk(s)
	s.say(complaints[0], "")
	s.say(complaints[0], "")
}

// talkAndEdit is complaints of which one is edited when it was told, and edited again after the point.
func talkAndEdit(s *scene) {
	m := s.say(complaints[0], "")
	s.say(complaints[1], "")
	s.told(2)
	s.edit(m, complaints[2])
	s.fired()
	s.edit(m, complaints[3])
}

// talkAgain is a complaint that others repeat when it was told.
func talkAgain(s *scene) {
	s.say(complaints[0], "")
	s.told(1)
	s.say(complaints[0], "")
	s.say(complaints[0], "")
}
