package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/route"
)

func TestMetricsAreDocumented(t *testing.T) {
	runtest.Metrics(t, "../../docs/metrics.md", "notifier", func(reg prometheus.Registerer) {
		route.NewMetrics(reg)
		slackapi.NewMetrics(reg)
		kafka.NewProgress(reg, "group", "topic")
	})
}
