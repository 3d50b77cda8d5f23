package route

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

var seeds = flag.Int("seeds", 60, "how many seeds the property tests take")

// script is what people say in a crash test, by the test's clock.
type script []struct {
	at time.Duration
	do func(w *world)
}

// play runs a script beside the processes and waits for its end.
func (s script) play(w *world) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		begin := time.Now()
		for _, step := range s {
			pass(time.Until(begin.Add(step.at)))
			step.do(w)
		}
	}()
	return ended
}

// everything says something of all kinds: cards, copies, an edit, a deletion, a burst that
// becomes a digest, and what happens to events of a digest.
var everything = script{
	{0, func(w *world) { w.say("x:1", "one is broken"); w.say("x:2", "two is broken") }},
	{0, func(w *world) { w.say("x:3", "One is BROKEN") }},
	{4 * time.Second, func(w *world) { w.say("x:1", "one is broken, still", revision(7)) }},
	{5 * time.Second, func(w *world) { w.say("x:4", "two is broken!") }},
	{8 * time.Second, func(w *world) { w.say("x:2", "", revision(8), deleted) }},
	{20 * time.Second, func(w *world) {
		for i := 10; i < 15; i++ {
			w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("burst %d", i))
		}
		w.say("x:15", "burst 14")
	}},
	{30 * time.Second, func(w *world) {
		w.say("x:10", "burst 10, edited", revision(3))
		w.say("x:11", "", revision(4), deleted)
		w.say("x:12", "burst 12, edited", revision(5))
		w.say("x:17", "burst 13")
	}},
	{31 * time.Second, func(w *world) { w.say("x:12", "burst 12, edited again", revision(6)) }},
}

var everythingConfig = config(func(c *Config) { c.DigestAfter = 3 })

func checkEverything(t *testing.T, w *world) {
	t.Helper()
	w.once(t, "x:1", "x:3", "x:10", "x:12", "x:13", "x:14", "x:15", "x:17")
	shown := ""
	for _, m := range w.standing() {
		shown += m.text()
	}
	for _, gone := range []string{"> two is broken\"", "burst 11"} {
		if strings.Contains(shown, gone) {
			t.Errorf("%q stands although it was deleted", gone)
		}
	}
	for _, m := range w.standing() {
		if has := "one is broken, still"; m.id() == "x:1" && !strings.Contains(m.text(), has) {
			t.Errorf("%q does not stand: %s", has, m.text())
		}
	}
	for _, has := range []string{"burst 10, edited", "burst 12, edited again", "said *2 times*"} {
		if !strings.Contains(shown, has) {
			t.Errorf("%q does not stand: %s", has, shown)
		}
	}
	for id, want := range map[string]uint64{"x:10": 3, "x:12": 6} {
		if n := w.latest()[id]; n.GetRevision() != want {
			t.Errorf("%s is recorded at revision %d, want %d: %v", id, n.GetRevision(), want, n)
		}
	}
	if got := w.tellings()["x:2"]; got > 1 {
		t.Errorf("x:2 is told %d times", got)
	}
}

// TestACrashAtEveryStep kills the process at each of its deeds in turn, before the deed and
// after it, or with one half of what it writes written or the other: between intent and post, post and answer, answer and outcome, outcome and
// commit, in a digest.
func TestACrashAtEveryStep(t *testing.T) {
	at := map[string]int{}
	for _, when := range []string{"before", "after", "torn", "tail"} {
		for n := 1; ; n++ {
			died := ""
			t.Run(fmt.Sprintf("%s/%d", when, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					said := everything.play(w)
					p := w.start(everythingConfig, "process-1", func(p *process) {
						p.crashAt, p.after, p.torn, p.tail = n, when != "before", when == "torn", when == "tail"
					})
					<-said
					w.live(t, everythingConfig, p).end()
					checkEverything(t, w)
					w.neverTwice(t)
					w.paced(t)
					died = p.at
				})
			})
			if died == "" {
				if n < 30 {
					t.Errorf("the script has %d deeds, want 30 at least", n)
				}
				break
			}
			at[died]++
			if t.Failed() {
				t.Fatalf("died of %s", died)
			}
		}
	}
	for _, deed := range []string{"write", "open", "post", "mark", "update"} {
		if at[deed] == 0 {
			t.Errorf("no process died of %s (%v)", deed, at)
		}
	}
}

// TestCrashesAndFaultsOfAllKinds runs random traffic against random crashes, lost answers,
// server errors and rate limits. -seeds takes more of them.
func TestCrashesAndFaultsOfAllKinds(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { oneSeed(t, seed) })
		})
	}
}

func oneSeed(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t)
	c := config(func(c *Config) {
		c.DigestAfter = 1 + r.IntN(6)
		if r.IntN(3) == 0 {
			c.Digest, c.Interval = true, 20*time.Second
		}
	})
	faults := rand.New(rand.NewPCG(seed, 8))
	calm := time.Now().Add(2 * time.Minute)
	w.fault = func(call, _ string) (error, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if time.Now().After(calm) || call == "probe" || faults.IntN(100) >= 15 {
			return nil, true
		}
		return errLost, faults.IntN(2) == 0
	}
	type state struct {
		revision uint64
		wanted   bool
	}
	last := map[string]state{}
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i := range 60 {
			pass(time.Duration(r.IntN(2500)) * time.Millisecond)
			id := fmt.Sprintf("x:%d", r.IntN(40))
			s := last[id]
			if s.revision == 0 {
				s = state{1, true}
				w.say(id, fmt.Sprintf("broken in way %d", r.IntN(30)), revision(1))
			} else if s.revision++; r.IntN(2) == 0 {
				s.wanted = false
				w.say(id, "", revision(s.revision), deleted)
			} else {
				s.wanted = true
				w.say(id, fmt.Sprintf("edited %d", i), revision(s.revision))
			}
			last[id] = s
		}
	}()
	deaths := rand.New(rand.NewPCG(seed, 9))
	mortal := func(p *process) { p.crashAt, p.after = 1+deaths.IntN(150), deaths.IntN(2) == 0 }
	p := w.start(c, "process-1", mortal)
	for n := 2; n < 6; n++ {
		select {
		case <-p.ended:
			pass(7 * time.Second)
			p = w.start(c, fmt.Sprint("early-", n), mortal)
		case <-time.After(time.Minute):
		}
	}
	<-said
	w.live(t, c, p).end()
	told := w.tellings()
	for id, s := range last {
		switch n := told[id]; {
		case s.wanted && n != 1:
			t.Errorf("seed %d: %s is told %d times, want once (%v)", seed, id, n, w.latest()[id])
		case n > 1:
			t.Errorf("seed %d: %s was deleted and is told %d times (%v)", seed, id, n, w.latest()[id])
		}
	}
	for id, n := range w.latest() {
		if n.GetState() == feedbackv1.Notification_STATE_INTENT {
			t.Errorf("seed %d: %s is left as an open intent", seed, id)
		}
	}
	w.paced2(t)
}

// paced2 is paced for a channel to which processes post one after the other: each keeps its
// own pace.
func (w *world) paced2(t *testing.T) {
	t.Helper()
	for i := 2; i < len(w.posts); i++ {
		if d := w.posts[i].Sub(w.posts[i-2]); d < time.Second {
			t.Errorf("posts %d and %d are %s apart, want a second at least", i-2, i, d)
		}
	}
}

// TestAZombieOwner stops a process in mid-traffic for longer than the group's session, lets
// another one take over, and wakes it up again.
func TestAZombieOwner(t *testing.T) {
	for deed := 1; deed < 24; deed++ {
		t.Run(fmt.Sprint(deed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for i := range 6 {
					w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i))
				}
				thaw := make(chan struct{})
				zombie := w.start(config(), "zombie", func(p *process) { p.freezeAt, p.thaw = deed, thaw })
				pass(30 * time.Second)
				p := w.start(config(), "heir")
				pass(10 * time.Second)
				close(thaw)
				pass(time.Second)
				zombie.stop() // its heartbeat tells it a second later
				<-zombie.ended
				w.live(t, config(), p).end()
				// What the zombie wrote at the end may stand as an open intent: the next owner sees.
				w.live(t, config(), w.start(config(), "third")).end()
				w.once(t, "x:0", "x:1", "x:2", "x:3", "x:4", "x:5")
				if zombie.at != "post" { // a post that was already under way cannot be held back
					w.neverTwice(t)
				}
			})
		})
	}
}
