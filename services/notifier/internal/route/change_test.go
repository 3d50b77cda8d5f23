package route

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// aDigest tells n events x:0, x:1, ... by one digest, which shows the first five.
func (w *world) aDigest(t *testing.T, n int) *process {
	t.Helper()
	for i := range n {
		w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i), score(float64(i)/float64(10*n)))
	}
	p := w.start(config(), "a")
	await(t, time.Minute, "told", w.settled)
	if got := len(w.messages); got != 1 || w.messages[0].m.Type != slackapi.DigestType {
		t.Fatalf("%d messages were posted, want one digest", got)
	}
	return p
}

func TestManyRevisionsOfADigestAreOneUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		w := newWorld(t)
		p := w.aDigest(t, n)
		for i := range n {
			if id := fmt.Sprintf("x:%d", i); i%3 == 0 {
				w.say(id, "", revision(4), deleted)
			} else {
				w.say(id, fmt.Sprintf("edited in way %d", i), revision(4))
				w.say(id, fmt.Sprintf("edited again in way %d", i), revision(5))
			}
		}
		await(t, 5*time.Second, "all revisions are recorded", w.settled)
		if got, want := len(w.updates), 1; got != want {
			t.Errorf("%d updates show the revisions of %d events, want %d", got, n, want)
		}
		text := w.messages[0].text()
		for _, want := range []string{"edited again in way 1", "edited again in way 2", "edited again in way 4", "Deleted by its author"} {
			if !strings.Contains(text, want) {
				t.Errorf("digest is %s, want %q in it", text, want)
			}
		}
		latest := w.latest()
		for i := range n {
			state, rev := feedbackv1.Notification_STATE_DIGESTED, uint64(5)
			if i%3 == 0 {
				state, rev = feedbackv1.Notification_STATE_WITHDRAWN, 4
			}
			if n := latest[fmt.Sprintf("x:%d", i)]; n.GetState() != state || n.GetRevision() != rev {
				t.Errorf("x:%d is %s at revision %d, want %s at %d", i, n.GetState(), n.GetRevision(), state, rev)
			}
		}
		w.live(t, config(), p).end()
	})
}

func TestCountsOfADigestAreOneUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.aDigest(t, 30)
		for i := range 30 {
			w.say(fmt.Sprintf("x:copy%d", i), fmt.Sprintf("Broken in way %d!", i))
		}
		p = w.live(t, config(), p)
		if got, want := len(w.updates), 1; got != want {
			t.Errorf("%d updates show the counts, want %d", got, want)
		}
		if got, want := strings.Count(w.messages[0].text(), "said *2 times*"), 5; got != want {
			t.Errorf("digest shows %d counts of 2, want %d: %s", got, want, w.messages[0].text())
		}
		for _, id := range []string{"x:0", "x:29"} {
			if got, want := w.latest()[id].GetCount(), uint32(2); got != want {
				t.Errorf("%s is recorded with a count of %d, want %d", id, got, want)
			}
		}
		p.end()
	})
}

func TestNewEventsPrecedeChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 5 {
			w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i))
		}
		p := w.start(config(), "a")
		await(t, time.Minute, "told", w.settled)
		for i := range 5 {
			w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("edited in way %d", i), revision(4))
		}
		for i := range 15 {
			w.say(fmt.Sprintf("x:new%d", i), fmt.Sprintf("new in way %d", i))
		}
		said := time.Now()
		w.live(t, config(), p).end()
		ahead, between := 0, 0
		for _, at := range w.posts[5:] {
			if at.Before(w.updates[0]) {
				ahead++
			} else if at.Before(w.updates[len(w.updates)-1]) {
				between++
			}
		}
		if ahead < 8 || between < 3 {
			t.Errorf("%d new events were told before the first change, and %d between the changes; want 8 and 3 at least", ahead, between)
		}
		if d := w.updates[0].Sub(said); d > changeLate+3*time.Second {
			t.Errorf("the first change was shown after %s, want %s and little more: changes do not wait for ever", d, changeLate)
		}
	})
}

func TestALimitOfUpdatesDoesNotHoldBackPosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		limited := 0
		w.refuse = func(sink.Message) error {
			if limited++; limited == 1 {
				return &slack.RateLimitedError{RetryAfter: 30 * time.Second}
			}
			return nil
		}
		w.say("x:1", "broken")
		p := w.start(config(), "a")
		await(t, time.Minute, "told", w.settled)
		w.say("x:1", "broken, edited", revision(4))
		pass(2 * time.Second)
		w.say("x:2", "new")
		pass(3 * time.Second)
		if got, want := len(w.posts), 2; got != want {
			t.Errorf("%d events are told while changes must wait, want %d", got, want)
		}
		w.live(t, config(), p).end()
		if got := w.cardOf(t, "x:1").text(); !strings.Contains(got, "broken, edited") || limited != 2 {
			t.Errorf("card is %s after %d tries, want the edit after two", got, limited)
		}
		if got := testutil.ToFloat64(p.metrics.limited.WithLabelValues("negative")); got != 1 {
			t.Errorf("feedback_rate_limit_waits_total = %v, want 1", got)
		}
	})
}

// TestRoutesOfOneTokenShareItsLimit edits the cards of fifteen routes at once while Slack
// takes fifty updates a minute.
func TestRoutesOfOneTokenShareItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const routes, cards = 15, 8
		var mu sync.Mutex
		quota, slacks, refused := sink.NewQuota(), sink.NewBudget(50, 50), 0
		var worlds []*world
		var ps []*process
		for range routes {
			w := newWorld(t)
			w.refuse = func(sink.Message) error {
				mu.Lock()
				defer mu.Unlock()
				if d := slacks.Take(time.Now()); d > 0 {
					refused++
					return &slack.RateLimitedError{RetryAfter: d}
				}
				return nil
			}
			for i := range cards {
				w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i))
			}
			worlds, ps = append(worlds, w), append(ps, w.start(config(), "a", func(p *process) { p.quota = quota }))
		}
		for _, w := range worlds {
			await(t, time.Minute, "told", w.settled)
			for i := range cards {
				w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("edited in way %d", i), revision(4))
			}
		}
		begin := time.Now()
		for i, w := range worlds {
			await(t, 5*time.Minute, "edits are shown", w.settled)
			ps[i].end()
			if got := len(w.updates); got != cards {
				t.Errorf("%d updates, want %d", got, cards)
			}
		}
		if refused > 0 {
			t.Errorf("Slack refused %d updates, want none", refused)
		}
		if d := time.Since(begin); d > routes*cards*time.Minute/40 {
			t.Errorf("%d edits took %s, want %s at most", routes*cards, d, routes*cards*time.Minute/40)
		}
	})
}

func TestOneRefusedRevisionDoesNotHideTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.aDigest(t, 25)
		w.refuse = func(m sink.Message) error {
			if text := (&message{m: m}).text(); strings.Contains(text, "poison") {
				return slack.SlackErrorResponse{Err: "invalid_blocks"}
			}
			return nil
		}
		w.say("x:0", "poison", revision(4))
		w.say("x:1", "edited", revision(4))
		w.say("x:2", "", revision(4), deleted)
		w.live(t, config(), p).end()
		text := w.messages[0].text()
		if strings.Contains(text, "way 1") || !strings.Contains(text, "edited") || strings.Contains(text, "way 2") {
			t.Errorf("digest is %s, want the edit of x:1 and not the text of x:2", text)
		}
		if n := w.latest()["x:0"]; n.GetRevision() != 4 || n.GetReason() == "" {
			t.Errorf("the refused revision is recorded as %v, want revision 4 with a reason", n)
		}
	})
}

// TestTwoNamesOfOneChannelShareItsPace has two routes to one channel, one by name and one by
// id.
func TestTwoNamesOfOneChannelShareItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pacers sink.Pacers
		a, b := newWorld(t), newWorld(t)
		var ps []*process
		for name, w := range map[string]*world{"told": a, "c1": b} {
			for i := range 10 {
				w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i))
			}
			ps = append(ps, w.start(config(), "a", func(p *process) {
				p.pace = func(id string) *sink.Pacer {
					if id == "" {
						id = name
					}
					return pacers.For(strings.ToLower(id))
				}
			}))
		}
		for _, w := range []*world{a, b} {
			await(t, time.Minute, "told", w.settled)
		}
		for _, p := range ps {
			p.end()
		}
		both := &world{posts: append(a.posts, b.posts...)}
		slices.SortFunc(both.posts, time.Time.Compare)
		both.paced(t)
	})
}
