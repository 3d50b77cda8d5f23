package run

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

// newBuildInfo is a gauge that is always 1; its labels tell what runs.
func newBuildInfo() prometheus.Collector {
	b := version.Read()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "feedback_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go},
	})
	g.Set(1)
	return g
}
