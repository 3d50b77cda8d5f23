package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/backfill"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/channels"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/dispatch"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/gate"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/ingest"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/link"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/socket"
)

// probeInterval is how often Slack is asked whether it still takes the token.
const probeInterval = 15 * time.Second

// methods are those of Slack's Web API that a source calls.
var methods = []string{
	"apps.connections.open", "auth.test", "conversations.history", "conversations.info", "conversations.join", "conversations.list",
	"conversations.replies", "users.info",
}

// service is the parts and how they know of each other.
type service struct {
	cfg      *config
	p        *run.Process
	log      *slog.Logger
	format   feedback.Format
	client   *kafka.Client
	api      api
	health   *health.Reporter
	metrics  *metrics.Metrics
	gate     *gate.Gate
	memory   *memory
	link     *link.Link
	channels *channels.Set
	ingester *ingest.Ingester
	reader   *backfill.Reader
	dispatch *dispatch.Dispatcher
	receiver *socket.Receiver // nil in HTTP mode
	requests chan struct{}    // for a pass over the history
}

func newService(p *run.Process, cfg *config, client *kafka.Client) *service {
	s := &service{
		cfg: cfg, p: p, log: p.Log.With("source", cfg.Source), requests: make(chan struct{}, 1), format: feedback.Format(cfg.ValueFormat), client: client,
		health: health.New("slack-ingest/"+cfg.Source, cfg.Instance), metrics: metrics.New(p.Metrics),
		api: newAPI(slackapi.New(slackapi.Options{BotToken: cfg.BotToken, AppToken: cfg.AppToken, APIURL: cfg.APIURL, Metrics: slackapi.NewMetrics(p.Metrics, methods...)})),
	}
	if cfg.Mode == modeSocket {
		s.metrics.Socket(false)
	}
	s.gate = gate.New(client.Write, s.check, s.broker, s.reread)
	s.memory = newMemory(s)
	s.link = link.New(cfg.Mode == modeHTTP, func(level feedbackv1.Health_Level, reason, message string) {
		s.health.Set("slack", level, reason, message)
	}, func(err error) { p.Ready("slack", err) })
	s.channels = channels.New(s.channelOptions())
	s.broker(nil, false)
	return s
}

func (s *service) channelOptions() channels.Options {
	o := channels.Options{
		Wanted: s.cfg.Channels, Lookup: s.api.Channel, Forget: s.api.Forget, Former: s.api.former,
		Report: func(problems []string, all bool) { s.reportChannels(problems, all) },
		Found:  s.reread,
	}
	if s.cfg.JoinChannels {
		o.Join = s.api.join
	}
	return o
}

// check asks whether Kafka has what the source writes to.
func (s *service) check(ctx context.Context) error {
	t := s.cfg.Topics
	return s.client.Check(ctx, t.Feedback, t.DeadLetters, t.State)
}

// broker tells how Kafka is.
func (s *service) broker(err error, closed bool) {
	switch {
	case err == nil:
		s.health.Good("kafka")
	case closed:
		s.health.Failed("kafka", "Unusable", fmt.Sprintf("Kafka cannot be used, and intake is closed until it can, then the gap is read back: %v", err))
	default:
		s.health.Degraded("kafka", "Unusable", fmt.Sprintf("Kafka cannot be used: %v; intake is closed after half a minute of that", err))
	}
	s.p.Ready("kafka", err)
}

func (s *service) reportChannels(problems []string, all bool) {
	err := errors.New(joined(problems))
	switch {
	case len(problems) == 0:
		s.health.Good("channels")
		err = nil
	case all:
		s.health.Failed("channels", "ChannelsUnreadable", err.Error())
	default:
		s.health.Degraded("channels", "ChannelsUnreadable", err.Error())
		err = nil // the others flow
	}
	s.p.Ready("channels", err)
}

// reread asks for a pass over the history soon; requests that come while one waits are one.
func (s *service) reread() {
	select {
	case s.requests <- struct{}{}:
	default:
	}
}

// background starts what runs until the very end; the function that it returns ends it.
func (s *service) background(work context.Context) func() {
	ctx, cancel := context.WithCancel(work)
	var all sync.WaitGroup
	all.Go(func() { s.gate.Run(ctx) })
	all.Go(func() {
		if err := s.health.Run(ctx, s.client.Write, s.cfg.Topics.State, s.format); err != nil {
			s.log.Warn("cannot delete the health record", "error", err)
		}
	})
	return func() { cancel(); all.Wait() }
}

// prepare waits for the topics and for Slack, and builds what needs them.
func (s *service) prepare(ctx context.Context) error {
	t := s.cfg.Topics
	if err := s.client.WaitTopics(ctx, s.log, t.Feedback, t.DeadLetters, t.State); err != nil {
		return err
	}
	who, err := s.whoAmI(ctx)
	if err != nil {
		return err
	}
	saved, err := s.memory.recall(ctx)
	if err != nil {
		return err
	}
	s.ingester = ingest.New(s.ingestOptions(who))
	s.dispatch = dispatch.New(s.p.Work(), s.ingester.Handle)
	s.reader = backfill.New(s.backfillOptions(), saved)
	s.channels.Look(ctx)
	return ctx.Err()
}

// whoAmI asks until Slack takes the token.
func (s *service) whoAmI(ctx context.Context) (*slack.AuthTestResponse, error) {
	for attempt := 0; ; attempt++ {
		who, err := s.api.AuthTestContext(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.link.Token(err)
		if err == nil {
			return who, nil
		}
		if err := run.Sleep(ctx, min(time.Second<<min(attempt, 5), probeInterval)); err != nil {
			return nil, err
		}
	}
}

func (s *service) ingestOptions(who *slack.AuthTestResponse) ingest.Options {
	follow := s.cfg.Match
	follow.Keywords = nil
	return ingest.Options{
		Workspace: event.Workspace{Source: s.cfg.Source, Team: who.TeamID, URL: who.URL},
		Rules:     event.Rules{OwnUser: who.UserID, OwnBot: who.BotID, IncludeBots: s.cfg.IncludeBots},
		ID:        feedback.SlackID,
		Accepts:   s.cfg.Match.Event, Follows: follow.Event,
		Channel: s.channels.Name, User: s.api.User, ChannelName: s.api.channelName, Root: s.api.root,
		Record: func(e *feedbackv1.Event) (kafka.Record, error) {
			return feedback.EventRecord(s.cfg.Topics.Feedback, s.format, e)
		},
		DeadLetter: func(r kafka.Record, reason string, cause error) kafka.Record {
			return feedback.DeadLetter(s.cfg.Topics.DeadLetters, r, reason, cause, 1)
		},
		Write: tracing.New(s.p.Traces).Sending(s.gate.Write), Seen: s.health.Event, Metrics: s.metrics, Log: s.log,
	}
}

func (s *service) backfillOptions() backfill.Options {
	return backfill.Options{
		Source: s.cfg.Source, Requests: s.requests, History: s.api.history, Replies: s.api.replies,
		Handle: func(ctx context.Context, changes []event.Change) []ingest.Result {
			_ = s.gate.Opened(ctx) // while the broker is away there is nothing to try
			return s.ingester.Handle(ctx, changes)
		},
		Save: func(ctx context.Context, state *feedbackv1.SourceState) error {
			gaps := 0
			for _, w := range state.GetWindows() {
				gaps += len(w.GetGaps())
			}
			s.health.Gauge("open_gaps", float64(gaps))
			return s.memory.save(ctx, state)
		},
		ThreadHandled: s.ingester.ThreadHandled, Channels: s.channels.IDs, Found: s.found, Readable: s.channels.Readable,
		Backfill: s.cfg.Backfill, Interval: s.cfg.SweepInterval, Metrics: s.metrics, Log: s.log, Now: time.Now,
	}
}

// finish saves the checkpoint after everything in hand is done.
func (s *service) finish(work context.Context, err error) error {
	s.dispatch.Drain()
	if saveErr := s.reader.Save(work); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	return err
}
