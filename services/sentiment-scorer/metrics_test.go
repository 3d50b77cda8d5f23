package main

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
	"github.com/feedback-pipelines/feedback-pipelines/services/sentiment-scorer/internal/tokens"
)

func TestMetricsAreDocumented(t *testing.T) {
	runtest.Metrics(t, "../../docs/metrics.md", "sentiment-scorer", func(reg prometheus.Registerer) {
		newMetrics(reg)
		newLLMMetrics(reg, tokens.New("one", 1000, nil, time.Now))
		newSilence(reg, "builtin", func() time.Duration { return 0 })
		stream.NewMetrics(reg)
		kafka.NewProgress(reg, "group", "topic")
	})
}
