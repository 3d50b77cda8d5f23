//go:build e2e

package failpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// kill has the process die in the window, and the next one make it good.
func (w window) kill(t *testing.T, k *broker.Real) {
	s := w.start(t, k, "kill", 1)
	w.play(s)
	pid, deaths := s.fired(), 1
	if w.also != "" {
		deaths = 2
	}
	s.until(func() error {
		p := s.process(func(p executor.Status) bool { return p.Image == w.image })
		if p.LastExit != "signal: killed" || p.Restarts != deaths || p.Pid == 0 || p.Pid == pid {
			return fmt.Errorf("%s was started again %d times, ended by %q, pid %d: want %d, signal: killed, another than %d",
				p.Name, p.Restarts, p.LastExit, p.Pid, deaths, pid)
		}
		return nil
	})
	l := s.finish()
	if l.Healed > 0 {
		t.Errorf("%s\nwant that nothing had to be removed", l)
	}
	if p := s.process(func(p executor.Status) bool { return p.Image == w.image }); p.Restarts != deaths {
		t.Errorf("%s was started again %d times, want %d", p.Name, p.Restarts, deaths)
	}
}

// stop has the owner stand still in the window until another has told all, and then go on.
func (w window) stop(t *testing.T, k *broker.Real) {
	s := w.start(t, k, "stop", 2)
	w.play(s)
	pid := s.fired()
	old := s.process(func(p executor.Status) bool { return p.Pid == pid })
	s.until(func() error { return s.takenOver(old) })
	s.until(s.settled)
	s.quiet() // or Slack would refuse what the old owner may post
	if err := s.loop.Pipeline().Kill(old.Name, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.say(last, "") // what the woken owner does lies before this is told
	s.told(s.said)
	s.finish()
	if p := s.process(func(p executor.Status) bool { return p.Name == old.Name }); p.Restarts > 0 {
		t.Errorf("%s was started again (%s), want that the process that woke up went on", p.Name, p.LastExit)
	}
}

// away is how long an owner stands still at least: a group waits 6 s for a member, a lease lasts 8 s.
const away = 10 * time.Second

// last is said when the old owner was woken.
const last = "azure sql is so slow, I hate this terrible thing"

// takenOver is nil when the process has stood still for longer than its group waits for it and its lease lasts.
func (s *scene) takenOver(old executor.Status) error {
	mark, err := os.Stat(filepath.Join(s.marks, s.w.point))
	if err != nil {
		return err
	}
	if still := time.Since(mark.ModTime()); still < away {
		return fmt.Errorf("%s has stood still for %s only", old.Name, still)
	}
	return nil
}

// settled is nil when all that was said is told.
func (s *scene) settled() error {
	l, err := s.loop.Audit(s.t.Context())
	if err != nil {
		return err
	}
	if !l.OK() || l.Pending > 0 || l.Posted+l.Digested+l.Collapsed < s.said {
		return fmt.Errorf("%s, of %d", l, s.said)
	}
	return nil
}

// process is the one that is asked for.
func (s *scene) process(which func(executor.Status) bool) executor.Status {
	s.t.Helper()
	for _, p := range s.loop.Pipeline().Processes() {
		if which(p) {
			return p
		}
	}
	s.t.Fatal("no such process")
	return executor.Status{}
}
