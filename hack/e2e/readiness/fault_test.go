//go:build e2e

package readiness

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	// limit is what health has to leave good after something broke, and to return after it was mended.
	limit = 45 * time.Second
	// steady is how long a fault is left standing after it was told: it has to be told all the while.
	steady = 12 * time.Second
)

// says is what a process has to say of a fault.
type says struct {
	// process is part of its name.
	process string
	// readyz asks /readyz instead of the state topic: where Kafka is what is broken nothing comes there.
	readyz bool
	// silent wants that its health becomes unknown: the process itself cannot say anything.
	silent bool
	// condition and reason are regular expressions for the whole of these; message for a part, of the remedy above all.
	condition, reason, message string
	// heals is set where the process mends the fault by itself, so that it need not be told for as long as it stands.
	heals bool
}

// fault is one thing that is broken and mended again.
type fault struct {
	name         string
	broken, mend func() error
	told         []says
	// once is set where it mends itself only later than a test can wait.
	once bool
}

// row is what became of a fault, for docs/reliability.md.
type row struct {
	fault, said string
	left, back  time.Duration
}

var table struct {
	sync.Mutex
	rows []row
}

// run breaks something, and mends it.
func (p *pipeline) run(t *testing.T, f fault) {
	t.Helper()
	if err := until(t, time.Now().Add(limit), p.allGood); err != nil {
		t.Fatalf("%s: not good before: %v", f.name, err)
	}
	broken := time.Now()
	if err := f.broken(); err != nil {
		t.Fatalf("%s: break it: %v", f.name, err)
	}
	all, ok := p.await(t, f, broken)
	if ok && !f.once {
		p.stays(t, f, time.Now())
	}
	mended := time.Now()
	if f.mend != nil {
		if err := f.mend(); err != nil {
			t.Fatalf("%s: mend it: %v", f.name, err)
		}
	}
	if f.once {
		table.Lock()
		table.rows = append(table.rows, all...)
		table.Unlock()
		return
	}
	back := p.back(t, f, mended)
	for i := range all {
		all[i].back = back
	}
	table.Lock()
	table.rows = append(table.rows, all...)
	table.Unlock()
}

// await waits until all that has to be told of a fault is.
func (p *pipeline) await(t *testing.T, f fault, broken time.Time) ([]row, bool) {
	t.Helper()
	var all []row
	ok := true
	var mu sync.Mutex
	var waiting sync.WaitGroup
	for _, s := range f.told {
		waiting.Go(func() {
			said := ""
			err := until(t, broken.Add(limit), func() (err error) {
				said, err = p.says(t, s, broken)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				ok = false
				t.Errorf("%s: %s did not say so within %s: %v", f.name, s.process, limit, err)
				return
			}
			left := time.Since(broken)
			t.Logf("%-44s %5.1f s  %s says %s", f.name, left.Seconds(), s.process, said)
			all = append(all, row{fault: f.name, said: s.process + " " + said, left: left})
		})
	}
	waiting.Wait()
	return all, ok
}

// says is what a process says of a fault, or an error that tells what it says instead.
func (p *pipeline) says(t *testing.T, s says, since time.Time) (string, error) {
	status := p.process(t, s.process)
	switch {
	case s.silent:
		if h := p.health.of(status.Name); h != nil {
			return "", fmt.Errorf("its health is known, of %s ago", time.Since(h.GetObservedAt().AsTime()).Round(time.Second))
		}
		return "nothing: its health is unknown", nil
	case s.readyz:
		err := ready(status)
		if err == nil {
			return "", fmt.Errorf("it is ready")
		}
		if said := err.Error(); regexp.MustCompile(s.message).MatchString(said) {
			return "/readyz " + said, nil
		}
		return "", fmt.Errorf("/readyz says %w, want %s", err, s.message)
	}
	heard := p.health.since(status.Name, since)
	var other []string
	for _, h := range heard {
		for _, c := range h.GetConditions() {
			if c.GetLevel() == feedbackv1.Health_LEVEL_GOOD {
				continue
			}
			if s.matches(c) {
				return describe(c), nil
			}
			other = append(other, describe(c))
		}
	}
	return "", fmt.Errorf("want %s %s: %s; of %d records it said %q", s.condition, s.reason, s.message, len(heard), other)
}

func (s says) matches(c *feedbackv1.Health_Condition) bool {
	return whole(s.condition, c.GetName()) && whole(s.reason, c.GetReason()) && regexp.MustCompile(s.message).MatchString(c.GetMessage())
}

func whole(expression, text string) bool {
	return regexp.MustCompile("^(" + expression + ")$").MatchString(text)
}

// stays checks that what was told is told on, for a while: nothing flaps.
func (p *pipeline) stays(t *testing.T, f fault, since time.Time) {
	t.Helper()
	quiet := time.NewTimer(steady)
	defer quiet.Stop()
	select {
	case <-quiet.C:
	case <-t.Context().Done():
		return
	}
	for _, s := range f.told {
		status := p.process(t, s.process)
		switch {
		case s.heals, s.silent:
		case s.readyz:
			if ready(status) == nil {
				t.Errorf("%s: %s is ready again while it is still broken", f.name, s.process)
			}
		default:
			for _, h := range p.health.since(status.Name, since) {
				if h.GetLevel() == feedbackv1.Health_LEVEL_GOOD {
					t.Errorf("%s: %s said that all is good at %s, while it was still broken", f.name, s.process, h.GetObservedAt().AsTime().Format(time.TimeOnly))
				}
			}
		}
	}
}

// back waits until everything is good again.
func (p *pipeline) back(t *testing.T, f fault, mended time.Time) time.Duration {
	t.Helper()
	if err := until(t, mended.Add(limit), p.allGood); err != nil {
		t.Errorf("%s: not good %s after it was mended: %v", f.name, limit, err)
		if err := until(t, mended.Add(3*limit), p.allGood); err != nil {
			t.Fatalf("%s: not good %s after it was mended: %v", f.name, 3*limit, err)
		}
	}
	took := time.Since(mended)
	t.Logf("%-44s %5.1f s  good again", f.name, took.Seconds())
	return took
}

// print shows the table as it stands in docs/reliability.md.
func printTable(t *testing.T) {
	table.Lock()
	defer table.Unlock()
	var b strings.Builder
	for _, r := range table.rows {
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f |\n", r.fault, strings.ReplaceAll(r.said, "\n", " "), r.left.Seconds(), r.back.Seconds())
	}
	t.Logf("fault | said | s to leave good | s to return\n%s", b.String())
}
