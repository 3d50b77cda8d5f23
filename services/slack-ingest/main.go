// Command slack-ingest takes what people say in Slack's channels into Kafka.
//
// It guarantees at least once: Slack is told that an event arrived only after the broker
// has acknowledged it, and what a connection lost is read back from the history.
package main

import (
	"context"
	"os"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

func main() { os.Exit(run.Main("slack-ingest", &config{}, start)) }

// start wires the service and runs it until ctx ends.
func start(ctx context.Context, p *run.Process, cfg *config) error {
	client, err := kafka.Open(cfg.Kafka, "slack-ingest."+cfg.Source)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	s := newService(p, cfg, client)
	stop := s.background(p.Work())
	defer stop()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	err = s.receive(ctx)
	return s.finish(p.Work(), err)
}
