package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

func TestMetricsAreDocumented(t *testing.T) {
	runtest.Metrics(t, "../../docs/metrics.md", "twitter-ingest", func(reg prometheus.Registerer) {
		newMetrics().register(prometheus.WrapRegistererWith(prometheus.Labels{"source": "mentions"}, reg), func() figures { return figures{} })
	})
}
