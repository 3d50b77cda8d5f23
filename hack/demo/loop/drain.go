package loop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// ErrNoLedger tells that nobody can say what was offered: the real Slack and X are not the auditor's to ask.
var ErrNoLedger = errors.New("no ledger: the auditor needs the simulator")

// ErrInterrupted tells that the run was ended before all was told, so that nothing can be said of it.
var ErrInterrupted = errors.New("not judged: ended before all that was said was told; another run on the same folder carries on")

// Finish silences the simulator, waits until all that was said is told (for at most limit, or until ctx ends), drains
// the services and has the auditor judge. Broker and simulator still run when it returns; Stop stops them. It never
// cuts the services' own drain short.
func (l *Loop) Finish(ctx context.Context, limit time.Duration) (audit.Ledger, error) {
	audited := context.WithoutCancel(ctx)
	if l.simulator != nil {
		if err := l.Traffic(audited, false); err != nil {
			l.out.say("the simulator can't be silenced: %v", err)
		}
		if err := l.settle(ctx, limit); err != nil {
			l.out.say("%v", err)
		}
		if ctx.Err() != nil {
			l.StopPipeline()
			return audit.Ledger{}, ErrInterrupted
		}
	}
	l.out.say("stopping the services")
	l.StopPipeline()
	if l.simulator == nil {
		return audit.Ledger{}, ErrNoLedger
	}
	return l.Audit(audited)
}

// Audit has the auditor judge what is there now.
func (l *Loop) Audit(ctx context.Context) (audit.Ledger, error) {
	if l.simulator == nil {
		return audit.Ledger{}, ErrNoLedger
	}
	options, err := executor.ClientOptions(l.plan.Kafka)
	if err != nil {
		return audit.Ledger{}, err
	}
	begun := time.Now()
	defer func() { l.options.Log.Info("audited", "took", time.Since(begun).Round(time.Millisecond)) }()
	return audit.Run(ctx, audit.Options{
		Bootstrap: strings.Split(l.plan.Kafka["KAFKA_BOOTSTRAP_SERVERS"], ","), Client: options,
		Manifest: l.manifest.Raw, Simulator: l.simulator.base,
	})
}

// settle waits until the topics are quiet and the auditor finds nothing under way, and says every few seconds what is.
func (l *Loop) settle(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	options, err := executor.ClientOptions(l.plan.Kafka)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer c.Close()
	l.out.say("draining: nobody says anything any more, and what was said is being told")
	var last int64 = -1
	var open error
	told := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not drained: %w", errors.Join(open, ctx.Err()))
		case <-tick.C:
		}
		written, err := l.written(ctx, c)
		quiet := err == nil && written == last
		if last = written; !quiet {
			open = errors.Join(errors.New("topics are still written to"), err)
		} else if open = l.open(ctx); open == nil {
			return nil
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			l.out.say("draining: %v", open)
		}
	}
}

// open is nil when the auditor finds nothing that waiting could mend, or says what is under way.
func (l *Loop) open(ctx context.Context) error {
	ledger, err := l.Audit(ctx)
	if err != nil {
		return err
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{ledger.Lost(), "on the way"}, {ledger.Pending, "waiting for their turn or digest"},
		{ledger.Duplicated, "told twice until healed"}, {behind(ledger), "to be brought up to date"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return errors.New(strings.Join(parts, ", "))
}

// behind counts the cards that do not show, or stand where, the last revision wants it.
func behind(ledger audit.Ledger) int {
	n := 0
	for _, f := range ledger.Findings {
		if f.Kind == audit.Stale || f.Kind == audit.Misrouted {
			n++
		}
	}
	return n
}

// written counts the records ever written to the pipeline's topics, but for the state topic, which is written to for
// as long as anything lives.
func (l *Loop) written(ctx context.Context, c *kgo.Client) (int64, error) {
	var names []string
	for _, t := range l.plan.Topics {
		if t.Role != "state" {
			names = append(names, t.Name)
		}
	}
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return -1, err
	}
	var sum int64
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum, nil
}
