// Command sentiment-scorer says how positive each event is and in which language it stands.
// It consumes the topic of events, produces the topic of scored events, and serves the same
// scoring by gRPC.
//
// It guarantees one scored event for each revision of each event, deletions included, at
// least once and in order within a partition; what cannot be scored has no score and a
// reason, and what cannot be read goes to the dead letters.
//
// As a shadow (TOPIC_SHADOW) it does the same beside the scorer and into a topic of its own, for comparison: it
// serves nobody, and leaves dead letters to the scorer.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
)

const (
	name = "sentiment-scorer"
	// shadowName is what a shadow calls itself: its health must not be taken for the scorer's.
	shadowName = "shadow-scorer"
	// stuckAfter is for how long nothing may be handled while there is something to.
	stuckAfter = 2 * time.Minute
)

var errStarting = errors.New("starting")

func main() { os.Exit(run.Main(name, &config{}, start)) }

// collectAt is the garbage collector's GOGC where the environment sets none. What the scorer
// holds is a few batches of short-lived records: at 60 two scorers at full speed with a lexicon
// take less than 100 MB together (96; 90 at 50, 100 to 103 at 75), for a little more of the processor.
const collectAt = 60

// start serves gRPC at once, unless it is a shadow, and consumes as soon as the topics are there. It returns when
// ctx has ended and what was in hand is finished, or when one of them fails.
func start(ctx context.Context, p *run.Process, cfg *config) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	client, err := kafka.Open(cfg.Kafka, cfg.component())
	if err != nil {
		return err
	}
	defer client.Close()
	ledger := cfg.ledger(client)
	defer closeLedger(p.Work(), ledger, p.Log)
	backend, err := cfg.open(ledger, p.Metrics)
	if err != nil {
		return err
	}
	p.Ready("kafka", errStarting)
	m := newMetrics(p.Metrics)
	reporter := health.New(cfg.component(), cfg.Instance)

	work := p.Work()
	if backend, err = cfg.withFallback(work, backend, reporter); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if cfg.Shadow == "" {
		p.Ready("grpc", errStarting)
		group.Go(func() error {
			return serve(ctx, work, p, cfg.GRPCListenAddress, newServer(m.measure("grpc", backend)))
		})
	}
	s := newScorer(cfg, m, reporter, m.measure("kafka", backend))
	newSilence(p.Metrics, cfg.Fallback.Backend, silence(backend, s.backend))
	group.Go(func() error {
		return consume(ctx, work, p, cfg, client, reporter, s)
	})
	group.Go(func() error {
		watchLedger(ctx, ledger, reporter)
		return nil
	})
	return group.Wait()
}

// consume waits for the topics and runs the loop until ctx ends, with the health report beside
// it, which ends last, with work at the latest, so that it takes the instance's key away.
func consume(ctx, work context.Context, p *run.Process, cfg *config, client *kafka.Client, reporter *health.Reporter, s *scorer) error {
	t := cfg.Topics
	topics := append([]string{t.Feedback}, cfg.outputs()...)
	err := client.WaitTopics(ctx, p.Log, topics...)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for topics: %w", err)
	}
	p.Ready("kafka", nil)
	progress := kafka.NewProgress(p.Metrics, cfg.GroupID, t.Feedback)
	loop := &stream.Loop{
		Consume: client.Consume,
		Write:   client.Write,
		Subscription: kafka.Subscription{
			Group: cfg.GroupID, Topic: t.Feedback, Start: cfg.StartOffset, Progress: progress, MaxBatch: cfg.batch(),
		},
		Handle:      s.handle,
		Telling:     telling,
		DeadLetters: t.DeadLetters,
		Log:         p.Log,
		Health:      reporter,
		Metrics:     stream.NewMetrics(p.Metrics),
		Traces:      tracing.New(p.Traces),
	}
	if cfg.Shadow != "" {
		loop.Instead = s.instead
	}
	reporting, stop := context.WithCancel(work)
	defer stop()
	var group errgroup.Group
	group.Go(func() error {
		if err := reporter.Run(reporting, client.Write, t.State, cfg.format()); err != nil {
			p.Log.Warn("cannot take back the health report; it is taken for unknown in 30 s", "error", err)
		}
		return nil
	})
	group.Go(func() error {
		reporter.WatchKafka(ctx, func(ctx context.Context) error {
			return client.Check(ctx, topics...)
		},
			func(err error) { p.Ready("kafka", err) })
		return nil
	})
	group.Go(func() error {
		reporter.WatchProgress(ctx, "progress", cfg.GroupID, t.Feedback, stuckAfter, s.backend.still(progress.Still))
		return nil
	})
	group.Go(func() error {
		defer stop()
		return loop.Run(ctx)
	})
	return group.Wait()
}
