package pace

import (
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name string
		b    Backoff
		n    int
		want time.Duration
	}{
		{"exponential, first", Exponential(time.Second, time.Minute), 1, time.Second},
		{"exponential, fourth", Exponential(time.Second, time.Minute), 4, 8 * time.Second},
		{"exponential, for ever", Exponential(time.Second, time.Minute), 1000, time.Minute},
		{"linear, third", Linear(250*time.Millisecond, 16*time.Second), 3, 750 * time.Millisecond},
		{"linear, for ever", Linear(250*time.Millisecond, 16*time.Second), 1000, 16 * time.Second},
	} {
		if got := c.b(c.n); got != c.want {
			t.Errorf("%s = %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		name     string
		problem  xapi.Problem
		n        int
		min, max time.Duration
	}{
		{"what X says", xapi.Problem{Kind: xapi.RateLimited, Wait: 7 * time.Minute}, 5, 7 * time.Minute, 7*time.Minute + time.Second},
		{"X says next month", xapi.Problem{Kind: xapi.UsageCapped, Wait: 700 * time.Hour}, 1, time.Hour, time.Hour + time.Second},
		{"refused, first", xapi.Problem{Kind: xapi.Refused}, 1, 15 * time.Second, 30 * time.Second},
		{"refused, for long", xapi.Problem{Kind: xapi.Refused}, 20, 15 * time.Second, 30 * time.Second},
		{"usage cap without a reset", xapi.Problem{Kind: xapi.UsageCapped}, 20, 15 * time.Second, 30 * time.Second},
		{"no answer", xapi.Problem{Kind: xapi.Transient}, 3, 3 * time.Second / 2, 3 * time.Second},
		{"5xx", xapi.Problem{Kind: xapi.Transient, Status: 503}, 3, 10 * time.Second, 20 * time.Second},
	} {
		p := Pace{Network: Linear(time.Second, time.Minute), HTTP: Exponential(5*time.Second, time.Minute)}
		var got time.Duration
		for range c.n {
			got = p.Wait(&c.problem)
		}
		if got < c.min || got > c.max {
			t.Errorf("%s: Wait = %s, want %s to %s", c.name, got, c.min, c.max)
		}
	}
}

func TestAnotherKindBeginsAnew(t *testing.T) {
	p := Pace{Network: Linear(time.Second, time.Hour), HTTP: Linear(time.Second, time.Hour)}
	for range 9 {
		p.Wait(&xapi.Problem{Kind: xapi.Transient})
	}
	if p.Wait(&xapi.Problem{Kind: xapi.Refused}); p.Failures() != 1 {
		t.Errorf("Failures = %d, want 1", p.Failures())
	}
	if p.Reset(); p.Failures() != 0 {
		t.Errorf("Failures = %d after Reset, want 0", p.Failures())
	}
}
