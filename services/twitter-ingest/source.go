package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/intake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/outlet"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/recheck"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/search"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/stream"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/window"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

const (
	// sweep is the time between two searches while the stream is connected.
	sweep = 10 * time.Minute
	// punctual is how much older than a search's interval a post may be to count as live.
	punctual = 2 * time.Minute
	// minBlock and maxBlock bound the posts that are charged ahead for the stream, a hundredth
	// of the budget: a crash forfeits a block.
	minBlock, maxBlock = 20, 500
	// gaugeInterval is how often the figures in the health are brought up to date.
	gaugeInterval = 5 * time.Second
)

// source is one source at work.
type source struct {
	c      *config
	log    *slog.Logger
	health *health.Reporter
	count  *metrics

	progress *progress.Progress
	engine   *search.Engine
	stream   *stream.Stream // nil in mode Search
	recheck  *recheck.Recheck
	streamed atomic.Bool // the stream is connected

	mu    sync.Mutex
	spent map[string]error // who found the budget spent
}

// world is what a source works with.
type world struct {
	log       *slog.Logger
	health    *health.Reporter
	metrics   prometheus.Registerer
	traces    *tracing.Tracer         // nil while tracing is off
	saved     *feedbackv1.SourceState // the newest checkpoint; nil for none
	write     outlet.Func
	transport http.RoundTripper // to X; nil for the usual one
}

// newSource builds the source's parts on top of the saved checkpoint.
func newSource(c *config, o world) *source {
	s := &source{c: c, log: o.log, health: o.health, count: newMetrics(), spent: map[string]error{}}
	x, format := c.X, feedback.Format(c.ValueFormat)
	write := outlet.Persist(o.write, c.Topics.DeadLetters, s.kafka)
	s.progress = progress.Open(c.Source, x.Query, o.saved, uint64(x.DailyPostBudget), x.Backfill,
		func(ctx context.Context, state *feedbackv1.SourceState) error {
			r, err := feedback.CheckpointRecord(c.Topics.State, format, state)
			if err != nil {
				return err
			}
			return write(ctx, r)
		})
	client := xapi.New(xapi.Options{URL: x.APIURL, Token: x.BearerToken.Value(), Transport: o.transport, Observe: s.count.request, Wait: s.count.wait})
	in := intake.New(intake.Options{Source: c.Source, Topics: c.Topics, Format: format, Write: o.traces.Sending(write),
		Published: s.published, Counted: s.count.posts})
	s.engine = search.New(search.Options{
		Query: x.Query, Interval: s.interval, Live: x.Interval + punctual, Search: client.Search, Take: in.Take,
		Progress: s.progress, Report: func(err error) { s.report("x", err) }, Lost: s.lost, Log: s.log,
	})
	s.recheck = recheck.New(recheck.Options{Lookup: client.Lookup, Take: in.Take, Delete: s.deleting(in), Progress: s.progress, Log: s.log})
	if x.Mode == modeStream {
		s.stream = s.newStream(client, in)
	}
	s.count.register(prometheus.WrapRegistererWith(prometheus.Labels{"source": c.Source}, o.metrics), s.figures)
	return s
}

func (s *source) newStream(client *xapi.Client, in *intake.Intake) *stream.Stream {
	return stream.New(stream.Options{
		Query: s.c.X.Query, Tag: "feedback-pipelines/" + s.c.Pipeline + "/" + s.c.Source,
		Block:   min(max(s.c.X.DailyPostBudget/100, minBlock), maxBlock),
		Rules:   stream.Rules{List: client.Rules, Add: client.AddRule, Delete: client.DeleteRules},
		Connect: client.Stream, Take: in.Take, Malformed: in.Malformed, Progress: s.progress,
		CatchUp: s.engine.Kick, Connected: s.connected, Report: func(err error) { s.report("stream", err) }, Log: s.log,
	})
}

// deleting publishes deletions and counts them.
func (s *source) deleting(in *intake.Intake) func(ctx context.Context, eventID string) error {
	return func(ctx context.Context, eventID string) error {
		err := in.Delete(ctx, eventID)
		if err == nil {
			s.count.elements.WithLabelValues("deleted").Inc()
		}
		return err
	}
}

// run ingests until ctx ends. At the end it saves what was counted ahead and not read.
func (s *source) run(ctx, work context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.engine.Run(ctx, work) })
	g.Go(func() error { return s.recheck.Run(ctx, work) })
	if s.stream != nil {
		g.Go(func() error { return s.stream.Run(ctx, work) })
	}
	g.Go(func() error { return s.keepGauges(ctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.progress.Update(work, func(*window.Window) {})
}

func (s *source) keepGauges(ctx context.Context) error {
	tick := time.NewTicker(gaugeInterval)
	defer tick.Stop()
	for {
		s.gauges()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// interval is the time between two searches: beside a stream that is connected a search
// only looks for what it swallowed.
func (s *source) interval() time.Duration {
	if s.streamed.Load() {
		return max(sweep, s.c.X.Interval)
	}
	return s.c.X.Interval
}

func (s *source) connected(up bool) {
	s.streamed.Store(up)
	if up {
		s.count.connections.Inc()
		return
	}
	s.engine.Kick() // from here on the search alone keeps up
}

func (s *source) published(t post.Post, e *feedbackv1.Event) {
	s.health.Event(time.Now())
	s.count.latency(time.Since(e.GetRevisedAt().AsTime()), e.GetBackfilled())
	s.recheck.Published(t)
}

// report turns how X was into the condition called name, and the budget's into `budget`.
func (s *source) report(name string, err error) {
	var problem *xapi.Problem
	var spent *budget.SpentError
	switch {
	case err == nil:
		s.health.Good(name)
		s.budget(name, nil)
	case errors.As(err, &spent):
		s.budget(name, spent)
	case errors.As(err, &problem) && (problem.Kind == xapi.Transient || problem.Kind == xapi.RateLimited || problem.Kind == xapi.UsageCapped):
		s.health.Degraded(name, problem.Reason, problem.Message)
	case errors.As(err, &problem):
		s.health.Failed(name, problem.Reason, problem.Message)
	}
	s.gauges()
}

// budget sets the condition `budget`: good when nobody finds it spent.
func (s *source) budget(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.spent, name)
	if err != nil {
		s.spent[name] = err
	}
	for _, err := range s.spent {
		s.health.Degraded("budget", "BudgetSpent", err.Error()+"; raise dailyPostBudget if that is too little")
		return
	}
	s.health.Good("budget")
}

// kafka turns the outcome of a write into the condition `kafka/write`.
func (s *source) kafka(err error) {
	if err == nil {
		s.health.Good("kafka/write")
		return
	}
	s.health.Failed("kafka/write", "WriteFailed", "Kafka does not take records: "+err.Error()+"; nothing is read from X until it does")
}

// lost says what X can no longer tell.
func (s *source) lost(gaps []window.Gap) {
	s.count.lost.Add(float64(len(gaps)))
	for _, g := range gaps {
		s.log.Error("posts are lost: a gap was open for longer than X's search reaches back",
			"after", g.After.String(), "from", max(g.After.Time().Unix(), g.From.Unix()), "until", g.Until.String())
	}
}

// figures are the source's gauges.
type figures struct{ used, limit, lag, gaps float64 }

func (s *source) figures() figures {
	b := s.progress.Budget()
	f := figures{used: float64(b.GetUsed()), limit: float64(b.GetLimit()), lag: s.engine.Lag(time.Now()).Seconds()}
	s.progress.View(func(w *window.Window) { f.gaps = float64(len(w.Gaps)) })
	if s.streamed.Load() && f.gaps == 0 && f.lag < 2*sweep.Seconds() {
		f.lag = 0 // the stream brings posts as they come; the search only looks for what it swallowed
	}
	return f
}

func (s *source) gauges() {
	f := s.figures()
	s.health.Gauge("budget_used", f.used)
	s.health.Gauge("budget_limit", f.limit)
	s.health.Gauge("window_lag_seconds", f.lag)
	s.health.Gauge("window_gaps", f.gaps)
}
