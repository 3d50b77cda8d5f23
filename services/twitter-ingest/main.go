// Twitter-ingest brings the posts of one query on X into Kafka: by recent search, or by the
// filtered stream with the search beside it.
//
// It guarantees that every post that X's search tells of, from the backfill's begin on, is
// written to the feedback topic at least once, under an id and a revision that depend on the
// post alone; that X is never asked for more posts on a UTC day than the budget allows; and
// that a crash, a rate limit, a refusal or a broker that is down delays posts and never
// skips them.
//
// Its limits: posts that were open in a gap for more than seven days, X's history, are lost
// and reported. When the budget ends under the stream, X may bill posts that it has sent and
// nobody read. X tells of a deletion, and of an edit that no longer matches the query, only
// when a post is looked up: that is done three times for a post that this process has read,
// within the UTC day on which it was read, when X bills it no more; later ones are not seen.
package main

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
)

func main() { os.Exit(run.Main("twitter-ingest", &config{}, start)) }

// start ingests until ctx ends, then finishes the page in hand.
func start(ctx context.Context, p *run.Process, c *config) error {
	client, err := kafka.Open(c.Kafka, "twitter-ingest/"+c.Source)
	if err != nil {
		return err
	}
	defer client.Close()
	log := p.Log.With("source", c.Source)
	reporter := health.New("twitter-ingest/"+c.Source, c.Instance)
	stopHealth := report(p, reporter, client, c)
	defer stopHealth()

	p.Ready("kafka", errors.New("waiting for the topics"))
	if err := client.WaitTopics(ctx, log, c.Topics.Feedback, c.Topics.DeadLetters, c.Topics.State); err != nil {
		return err // or a stop, which run takes as clean
	}
	p.Ready("kafka", errors.New("the checkpoint is being read"))
	saved, err := checkpoint(ctx, client, c, reporter)
	if err != nil {
		return err // or a stop, which run takes as clean
	}
	s := newSource(c, world{log: log, health: reporter, metrics: p.Metrics, traces: tracing.New(p.Traces), saved: saved, write: client.Write})
	p.Ready("kafka", nil)
	log.Info("ingesting", "mode", c.X.Mode, "interval", c.X.Interval.String(), "budget_used", s.progress.Budget().GetUsed(), "budget_limit", c.X.DailyPostBudget)
	var watching sync.WaitGroup
	defer watching.Wait()
	watch, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	watching.Go(func() {
		t := c.Topics
		reporter.WatchKafka(watch, func(ctx context.Context) error { return client.Check(ctx, t.Feedback, t.DeadLetters, t.State) },
			func(err error) { p.Ready("kafka", err) })
	})
	return s.run(ctx, p.Work())
}

// report writes the health until the returned function is called.
func report(p *run.Process, r *health.Reporter, client *kafka.Client, c *config) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.Work()))
	var g errgroup.Group
	g.Go(func() error { return r.Run(ctx, client.Write, c.Topics.State, feedback.Format(c.ValueFormat)) })
	return func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			p.Log.Warn("cannot take the health record back", "error", err)
		}
	}
}
