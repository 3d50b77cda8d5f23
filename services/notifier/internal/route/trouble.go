package route

import (
	"errors"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

const (
	firstDelay = 500 * time.Millisecond
	// A fault that passes by itself is tried again every maxDelay, one that needs a person
	// every slowDelay.
	maxDelay  = 15 * time.Second
	slowDelay = time.Minute
	// A fault that passes by itself is told after this many failures, or when it lasts, or is to
	// last, for so long: Slack may ask for a pause of half a minute at once.
	patience    = 3
	patienceFor = 10 * time.Second
)

// trouble is what keeps the route from telling.
type trouble struct {
	until    time.Time // nothing is tried before
	delay    time.Duration
	failures int
	since    time.Time // of the first of the failures
	probes   int       // failed in a row
	probeBad bool
	// needsPerson: what was said last does not pass by itself.
	needsPerson bool
	reason      string // for the intents that wait
}

func (t *trouble) reset() { *t = trouble{probes: t.probes, probeBad: t.probeBad} }

// failed takes in an error: when to try again, and what health says meanwhile.
func (a *active) failed(err error) {
	now := time.Now()
	t := &a.trouble
	var scan *scanError
	if errors.As(err, &scan) {
		t.failures++
		t.delay = min(max(2*t.delay, firstDelay), maxDelay)
		t.until = now.Add(t.delay)
		a.Health.Failed("kafka/read", "ReadFailed", "cannot read "+a.Topics.Notifications+": "+err.Error())
		return
	}
	p := slackapi.Explain(err)
	if t.failures++; t.failures == 1 {
		t.since = now
	}
	t.reason = p.Message
	switch p.Kind {
	case slackapi.RateLimited:
		a.Metrics.limited.WithLabelValues(a.Name).Inc()
		a.pacer.Hold(now.Add(p.RetryAfter))
		t.until = now.Add(p.RetryAfter)
	case slackapi.Refused, slackapi.Missing, slackapi.Permanent:
		t.delay = min(max(2*t.delay, 2*firstDelay), slowDelay)
		t.until = now.Add(t.delay)
		a.say(p)
		return
	case slackapi.Transient:
		t.delay = min(max(2*t.delay, firstDelay), maxDelay)
		t.until = now.Add(t.delay)
	}
	if t.failures >= patience || now.Sub(t.since) >= patienceFor || p.RetryAfter >= patienceFor {
		a.say(p)
	}
}

// say puts a problem into health, which logs it when it is new. One that passes by itself
// does not hide one that needs a person.
func (a *active) say(p slackapi.Problem) {
	p.Message = "#" + strings.TrimPrefix(a.Channel, "#") + ": " + p.Message
	passes := p.Kind == slackapi.Transient || p.Kind == slackapi.RateLimited
	if passes && a.trouble.needsPerson {
		return
	}
	a.trouble.needsPerson = !passes
	if passes {
		a.Health.Degraded(a.condition(), p.Reason, p.Message)
		return
	}
	a.Health.Failed(a.condition(), p.Reason, p.Message)
}

// succeeded says that Slack took something.
func (a *active) succeeded() {
	a.trouble.reset()
	a.trouble.probes, a.trouble.probeBad = 0, false
	a.Health.Good(a.condition())
}
