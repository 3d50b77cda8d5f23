package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

func TestMetricsAreDocumented(t *testing.T) {
	runtest.Metrics(t, "../../docs/metrics.md", "sentiment-scorer", func(reg prometheus.Registerer) {
		newMetrics(reg)
		stream.NewMetrics(reg)
		kafka.NewProgress(reg, "group", "topic")
	})
}
