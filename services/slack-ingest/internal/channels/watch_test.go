package channels

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRunNoticesWhatHappensToAChannel: in less than 45 s, without a word of Slack's; and likewise that it is over.
func TestRunNoticesWhatHappensToAChannel(t *testing.T) {
	for name, c := range map[string]struct {
		breaks, mends func(w *workspace)
		problem       string
	}{
		"archived": {func(w *workspace) { w.channels[1].IsArchived = true }, func(w *workspace) { w.channels[1].IsArchived = false },
			"#support: it is archived: unarchive it or name another"},
		"the app was removed": {func(w *workspace) { w.channels[1].IsMember = false }, func(w *workspace) { w.channels[1].IsMember = true },
			"#support: the app is not in it: invite it with /invite"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &workspace{}
				w.add("C1", "feedback", true, false)
				w.add("C2", "support", true, true)
				s := w.set(false, "feedback", "support")
				s.Look(t.Context())
				go s.Run(t.Context())
				for range 2 {
					<-time.After(13 * time.Minute)
					synctest.Wait()
					w.mu.Lock()
					c.breaks(w)
					w.mu.Unlock()
					<-time.After(44 * time.Second)
					synctest.Wait()
					if got := strings.Join(w.problems, "; "); got != c.problem || w.all {
						t.Fatalf("44 s after it happened: problems %q, all %t, want %q, false", got, w.all, c.problem)
					}
					said := time.Now()
					w.mu.Lock()
					c.mends(w)
					w.mu.Unlock()
					<-time.After(44 * time.Second)
					synctest.Wait()
					if len(w.problems) > 0 {
						t.Fatalf("44 s after it was mended: problems %q, want none", w.problems)
					}
					if s.Heard("C2", said) || !s.Heard("C2", time.Now()) || !s.Heard("C1", said) {
						t.Errorf("what was said then is heard: %t, now: %t, in the other channel: %t, want false, true, true",
							s.Heard("C2", said), s.Heard("C2", time.Now()), s.Heard("C1", said))
					}
				}
			})
		})
	}
}
