package route

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// restore rebuilds the memory from `notifications` and resolves every doubt that the last
// owner left, before anything is told. It returns an error only when ctx has ended.
func (a *active) restore(ctx context.Context) error {
	begin := time.Now()
	if err := a.again(ctx, func() error { return a.remember(ctx) }); err != nil {
		return err
	}
	open := a.mem.Open()
	leased := a.leased(open)
	if err := run.Sleep(ctx, leased); err != nil {
		return err
	}
	if err := a.again(ctx, func() error { return a.resolveOpen(ctx, open) }); err != nil {
		return err
	}
	if len(open) > 0 {
		failpoint.Here(failpoint.DoubtsResolved)
	}
	now := time.Now()
	for id, at := range a.mem.Told(now.Add(-secondCheck)) {
		a.suspect(id, at) // the last owner may have been about to look for more of it
	}
	for _, id := range a.mem.Outdated() {
		a.dirty(id)
	}
	a.forget(now.Add(-a.memoryFor()))
	a.alive, a.fetched, a.gained = now, now, now
	if now.Sub(begin)-leased > maxPause { // slow, or stopped meanwhile: it cannot be told
		a.still = now.Add(settle)
	}
	return a.flush()
}

// again repeats f until it succeeds or ctx ends, slowly, and says what is wrong.
func (a *active) again(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			a.trouble.reset()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.failed(err)
		if err := run.Sleep(ctx, max(time.Until(a.trouble.until), tick)); err != nil {
			return err
		}
	}
}

// remember reads the route's records. One that cannot be read is passed over: it would be
// so for ever, and the history says whether its event stands.
func (a *active) remember(ctx context.Context) error {
	suffix := []byte("/" + a.Name)
	start := time.Now()
	oldest := start.Add(-a.memoryFor())
	var one sync.Mutex // the memory is for one goroutine; decoding is most of the work
	err := a.Scan(ctx, func(r kafka.Record) error {
		if !bytes.HasSuffix(r.Key, suffix) || len(r.Value) == 0 {
			return nil
		}
		n, err := feedback.DecodeNotification(r)
		if err != nil {
			a.Log.Warn("unreadable record in notifications", "partition", r.Partition, "offset", r.Offset, "error", err)
			return nil
		}
		if n.GetObservedAt().AsTime().Before(oldest) && n.GetState() != feedbackv1.Notification_STATE_INTENT {
			return nil // what came of it before is older still
		}
		one.Lock()
		defer one.Unlock()
		a.mem.Apply(n)
		if a.mem.Len() > a.maxTold() {
			a.forget(oldest)
		}
		return nil
	})
	if err != nil {
		return &scanError{err}
	}
	a.Health.Good("kafka/read")
	a.Log.Info("remembered what was told", "events", a.mem.Len(), "took", time.Since(start).Round(time.Millisecond).String())
	return nil
}

// scanError is an error of Kafka, not of Slack.
type scanError struct{ error }

func (e *scanError) Unwrap() error { return e.error }

// leased is for how long another process may still post on one of the intents. A lease
// cannot last longer than our own from now, whatever the other's clock says.
func (a *active) leased(open []*feedbackv1.Notification) time.Duration {
	now := time.Now()
	until := now
	for _, n := range open {
		if t := n.GetLeaseUntil().AsTime(); n.GetOwner() != a.Owner && t.After(until) {
			until = t
		}
	}
	return min(until.Sub(now), lease)
}

// resolveOpen looks up all open intents at once. Those that stand get their outcome; the
// others stay in doubt until their turn, but for digests, whose events wait anew.
func (a *active) resolveOpen(ctx context.Context, open []*feedbackv1.Notification) error {
	since := time.Now()
	if len(open) > 0 {
		since = a.observedAt(open[0]).Add(-skew)
	}
	found, err := a.lookup(ctx, since) // without doubts too: it tells whether history may be read
	if err != nil && len(open) > 0 {
		return err
	}
	for _, n := range open {
		id, observed := n.GetEventId(), a.observedAt(n)
		if id == "" {
			id = n.GetDigestId()
		}
		a.suspect(id, observed)
		switch own := found[id]; {
		case n.GetEventId() == "" && len(own) > 0:
			a.settleDigest(n, own)
		case n.GetEventId() == "":
			a.record(a.closed(n))
		case len(own) > 0:
			a.settleCard(id, own)
		default:
			a.doubts[id] = observed
		}
	}
	return nil
}

// observedAt is when the record was written, within what the route remembers: a clock that
// was wrong must not ask Slack for a time that it does not know.
func (a *active) observedAt(n *feedbackv1.Notification) time.Time {
	now, at := time.Now(), n.GetObservedAt().AsTime()
	if oldest := now.Add(-a.memoryFor()); at.Before(oldest) || at.After(now) {
		return oldest
	}
	return at
}

// probe asks about the token and the channel until ctx ends.
func (a *active) probe(ctx context.Context, out chan<- error) {
	for {
		call, cancel := context.WithTimeout(ctx, postTimeout)
		err := a.Sink.Probe(call)
		cancel()
		select {
		case out <- err:
		case <-ctx.Done():
			return
		}
		pause := probeEvery
		if err != nil && !errors.As(err, new(*sink.RenamedError)) {
			pause = probeAgain
		}
		if run.Sleep(ctx, pause) != nil {
			return
		}
	}
}

// probed takes in what a probe found: a fault at once, and that it is over.
func (a *active) probed(err error) {
	t := &a.trouble
	var renamed *sink.RenamedError
	switch {
	case errors.As(err, &renamed):
		a.Health.Degraded(a.condition()+"/channel", "ChannelRenamed", renamed.Error())
		err = nil
	case err == nil:
		a.Health.Drop(a.condition() + "/channel")
	}
	if err != nil {
		p := slackapi.Explain(err)
		passes := p.Kind == slackapi.Transient || p.Kind == slackapi.RateLimited
		if t.probes++; !passes || t.probes > 1 {
			t.probeBad = true
			a.say(p)
		}
		return
	}
	t.probes = 0
	if t.probeBad {
		t.until, t.delay, a.rest = time.Time{}, 0, time.Time{} // try again now
	}
	t.probeBad = false
	if t.failures == 0 {
		a.succeeded()
	}
}
