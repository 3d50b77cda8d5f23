package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

func TestMetricsAreDocumented(t *testing.T) {
	runtest.Metrics(t, "../../docs/metrics.md", "slack-ingest", func(reg prometheus.Registerer) {
		metrics.New(reg)
		slackapi.NewMetrics(reg)
	})
}
