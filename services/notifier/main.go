// Command notifier tells people of the events that its routes match, each in a Slack
// channel. It consumes the topic of scored events, one consumer group a route, and writes
// what became of each event to the topic of notifications.
//
// It guarantees that a matching event is told, and that it is told once, over crashes, lost
// answers and changes of the owner; package route says how. It keeps Slack's limits, and a
// route whose channel or token fails does not hold back another.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/route"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

const (
	name = "notifier"
	// stuckAfter is for how long a route may have finished nothing while there is something to;
	// a digest may besides gather for its interval.
	stuckAfter = 2 * time.Minute
)

var errStarting = errors.New("starting")

func main() { os.Exit(run.Main(name, &config{}, start)) }

// start owns or stands by for every route until ctx ends, each on its own.
func start(ctx context.Context, p *run.Process, cfg *config) error {
	client, err := kafka.Open(cfg.Kafka, name)
	if err != nil {
		return err
	}
	defer client.Close()
	p.Ready("kafka", errStarting)
	t := cfg.Topics
	err = client.WaitTopics(ctx, p.Log, t.Scored, t.Notifications, t.DeadLetters, t.State)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for topics: %w", err)
	}
	p.Ready("kafka", nil)
	reporter := health.New(name, cfg.Instance)

	// The health report ends last, so that it takes the instance's key away.
	reporting, stop := context.WithCancel(p.Work())
	defer stop()
	var all errgroup.Group
	all.Go(func() error {
		if err := reporter.Run(reporting, client.Write, t.State, feedback.Format(cfg.ValueFormat)); err != nil {
			p.Log.Warn("cannot take back the health report; it is taken for unknown in 30 s", "error", err)
		}
		return nil
	})
	all.Go(func() error {
		defer stop()
		owners, ctx := errgroup.WithContext(ctx)
		owners.Go(func() error {
			reporter.WatchKafka(ctx, func(ctx context.Context) error {
				return client.Check(ctx, t.Scored, t.Notifications, t.DeadLetters, t.State)
			},
				func(err error) { p.Ready("kafka", err) })
			return nil
		})
		for i, r := range newRoutes(p, cfg, client, reporter) {
			owners.Go(func() error { return own(ctx, p, cfg, client, r, cfg.Routes[i].Group) })
		}
		return owners.Wait()
	})
	return all.Wait()
}

// own consumes for one route until ctx ends.
func own(ctx context.Context, p *run.Process, cfg *config, client *kafka.Client, r *route.Route, group string) error {
	s := kafka.Subscription{
		Group: group, Topic: cfg.Topics.Scored, Start: cfg.StartOffset, Exclusive: true,
		OnError: func(err error) {
			r.Consuming(group, err)
		},
		OnOvertaken: r.Overtaken, MaxBytes: maxAsked(memoryLimit(), len(cfg.Routes)), Progress: kafka.NewProgress(p.Metrics, group, cfg.Topics.Scored),
	}
	go r.WatchProgress(ctx, group, stuckAfter, s.Progress.Still)
	return client.Consume(ctx, s, func(ctx context.Context, g *kafka.Generation) error { return r.Own(ctx, p.Work(), g) })
}

// methods are those of Slack's Web API that a sink calls.
var methods = []string{
	"auth.test", "chat.delete", "chat.postMessage", "chat.update", "conversations.history", "conversations.info", "conversations.join", "conversations.list",
}

// newRoutes builds the routes. Those of one app share what is known of its workspace and what
// Slack allows its token, those of one channel its pace, and all of them the memory.
func newRoutes(p *run.Process, cfg *config, client *kafka.Client, reporter *health.Reporter) []*route.Route {
	type app struct {
		api       *slack.Client
		directory *slackapi.Directory
		quota     *sink.Quota
	}
	apps, pacers, buried := map[slackapi.Options]app{}, &sink.Pacers{}, &route.Buried{}
	metrics, limits, traces := route.NewMetrics(p.Metrics), slackapi.NewMetrics(p.Metrics, methods...), tracing.New(p.Traces)
	owner := fmt.Sprintf("%s/%d", cfg.Instance, time.Now().UnixNano())
	most := maxTold(memoryLimit(), len(cfg.Routes))
	p.Log.Info("events that a route remembers at most", "events", most)
	var out []*route.Route
	for _, rc := range cfg.Routes {
		metrics.Open(rc.Name)
		o := slackapi.Options{BotToken: rc.token(), APIURL: rc.Slack.APIURL, Metrics: limits}
		a, ok := apps[o]
		if !ok {
			api := slackapi.New(o)
			a = app{api, slackapi.NewDirectory(api), sink.NewQuota()}
			apps[o] = a
		}
		to := sink.New(a.api, a.directory, cfg.Pipeline, rc.Name, rc.Slack.Channel)
		to.Traces = traces
		channel := normal(rc.Slack.Channel)
		out = append(out, &route.Route{
			Config: rc.config(), Pipeline: cfg.Pipeline, Owner: owner, Topics: cfg.Topics,
			Format: feedback.Format(cfg.ValueFormat), Write: client.Write,
			Scan: func(ctx context.Context, f func(kafka.Record) error) error {
				return client.ScanAll(ctx, cfg.Topics.Notifications, f)
			},
			Sink:  to,
			Pace:  func(id string) *sink.Pacer { return pacers.For(rc.Slack.APIURL + " " + cmp.Or(normal(id), channel)) },
			Quota: a.quota, MaxTold: most, MaxWaiting: maxWaiting(memoryLimit(), len(cfg.Routes)), Buried: buried,
			Health: reporter, Metrics: metrics, Traces: traces, Log: p.Log.With("route", rc.Name),
		})
	}
	return out
}

// normal is a channel's name or id as a key.
func normal(channel string) string { return strings.ToLower(strings.TrimPrefix(channel, "#")) }
