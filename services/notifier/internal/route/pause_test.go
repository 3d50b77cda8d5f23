package route

import (
	"testing"
	"testing/synctest"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// latePost has one owner stopped in the middle of its post of x:1 while an heir tells the event and hands over again
// after heirFor. It returns the old owner, which thaw wakes up, and calls f in a bubble of its own.
func latePost(t *testing.T, heirFor time.Duration, dies bool, f func(w *world, old *process, thaw func())) {
	t.Helper()
	for deed := 1; ; deed++ {
		found := false
		synctest.Test(t, func(t *testing.T) {
			w, thaw := newWorld(t), make(chan struct{})
			w.say("x:1", "one is broken")
			old := w.start(config(), "old", func(p *process) {
				p.freezeAt, p.thaw = deed, thaw
				if dies {
					p.crashAt, p.after = deed, true
				}
			})
			pass(30 * time.Second)
			old.mu.Lock()
			found = old.at == "post"
			old.mu.Unlock()
			if !found {
				close(thaw)
				return
			}
			heir := w.start(config(), "heir")
			pass(heirFor)
			heir.end()
			f(w, old, func() { close(thaw) })
		})
		if found {
			return
		}
		if deed > 20 {
			t.Fatal("no deed of 20 is a post")
		}
	}
}

func TestAnOldOwnerRemovesWhatItPostedTooLate(t *testing.T) {
	latePost(t, 90*time.Second, false, func(w *world, old *process, thaw func()) {
		old.stop() // its heartbeat tells it before its post is answered
		thaw()
		<-old.ended
		if got := len(w.posts); got != 2 {
			t.Fatalf("%d posts arrived, want the heir's and the old owner's", got)
		}
		w.once(t, "x:1")
	})
}

func TestANewOwnerLooksAgainForWhatItsPredecessorTold(t *testing.T) {
	latePost(t, 10*time.Second, true, func(w *world, old *process, thaw func()) {
		thaw()
		<-old.ended
		if got := len(w.posts); got != 2 {
			t.Fatalf("%d posts arrived, want the heir's and the old owner's", got)
		}
		w.live(t, config(), w.start(config(), "third")).end()
		w.once(t, "x:1")
	})
}

func TestALeaseAndAChangeBeginWhenTheLoopWasLastSeenRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &active{Route: &Route{}, hand: t.Context(), alive: time.Now()}
		pass(20 * time.Second) // stopped
		n := &feedbackv1.Notification{}
		if until := a.lend(n); until.After(time.Now()) || n.GetLeaseUntil().AsTime().After(time.Now()) {
			t.Errorf("the lease lasts until %s (written %s), want that it is over", until, n.GetLeaseUntil().AsTime())
		}
		ctx, cancel := a.prompt()
		defer cancel()
		if ctx.Err() == nil {
			t.Error("there is time to change a message, want none")
		}
	})
}
