package fallback

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// answered notes that Main scored a batch.
func (b *Backend) answered(heard *moment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard.over = true
	b.settle()
}

// Silent is for how long Main has not answered while Spare scores, else 0. A try that succeeds does not end it: that health
// says that all is well again does.
func (b *Backend) Silent() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == answering {
		return 0
	}
	return time.Since(b.since)
}

// settle makes all well; b.mu is held.
func (b *Backend) settle() {
	if b.state != answering {
		b.recovered = time.Now()
	}
	b.state, b.since, b.reason = answering, time.Time{}, ""
	b.o.Health.Good(Condition)
}

// failed notes that Main did not score a batch, and was heard last at that time.
func (b *Backend) failed(last time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.because(err)
	if b.since.IsZero() {
		b.since = last
	}
	switch {
	case b.state == away:
	case b.state == trial:
		b.state = away
		b.wait = min(2*b.wait, maxTry)
	case time.Since(b.since) >= b.o.After:
		b.fall()
	}
}

// fall has Spare score from now on, and Main tried; b.mu is held.
func (b *Backend) fall() {
	b.state = away
	if b.wait = min(2*b.wait, maxTry); time.Since(b.recovered) >= steady {
		b.wait = firstTry
	}
	b.complain()
	if !b.trying {
		b.trying = true
		go b.try()
	}
}

// complain tells health that Spare scores; b.mu is held.
func (b *Backend) complain() {
	b.o.Health.Degraded(Condition, ReasonFallback, fmt.Sprintf("%s has not answered since %s: %s; the fallback scores meanwhile, and each event says so; %s is tried again",
		b.o.Name, b.since.UTC().Format(time.TimeOnly), b.reason, b.o.Name))
}

// because keeps what came of asking Main. Silence says less than what was said before it.
func (b *Backend) because(err error) {
	silent := errors.Is(err, errSilent) || err.Error() == context.DeadlineExceeded.Error()
	if silent && b.reason != "" {
		return
	}
	b.reason = err.Error()
	if silent {
		b.reason = fmt.Sprintf("no answer within %s", b.o.After)
	}
	if len(b.reason) > reasonBytes {
		b.reason = strings.ToValidUTF8(b.reason[:reasonBytes], "") + "..."
	}
}

// tell tells health that events wait for Main, which was heard last at that time.
func (b *Backend) tell(heard *moment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != answering || heard.over {
		return
	}
	said := ""
	if b.reason != "" {
		said = ": " + b.reason
	}
	b.o.Health.Failed(Condition, ReasonNotAnswering, fmt.Sprintf("%s has not answered since %s%s; events wait for it, and lag grows; after %s of silence the fallback scores them",
		b.o.Name, heard.last().UTC().Format(time.TimeOnly), said, b.o.After))
}

// try tries Main until it answers again or work ends.
func (b *Backend) try() {
	for {
		b.mu.Lock()
		wait, sample := b.wait, b.sample
		b.mu.Unlock()
		if run.Sleep(b.work, wait) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(b.work, b.o.After)
		_, err := b.o.Main.Score(ctx, []sentiment.Document{sample})
		cancel()
		if b.work.Err() != nil || !b.tried(err) {
			return
		}
	}
}

// tried notes what came of a try, and tells whether to try on.
func (b *Backend) tried(err error) (on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state == answering:
	case err != nil:
		b.state = away
		b.because(err)
		b.wait = min(2*b.wait, maxTry)
		b.complain()
	case b.state == away:
		b.state, b.trialed = trial, time.Now()
	case time.Since(b.trialed) >= quiet:
		b.settle()
	}
	b.trying = b.state != answering
	return b.trying
}
