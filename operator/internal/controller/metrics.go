package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

// leftBehind counts pipelines that went without their topics being deleted.
var leftBehind = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "feedback_operator_topics_left_behind_total",
	Help: "Pipelines with deletionPolicy Delete that were deleted while their topics could not be.",
})

// gapsFound counts what sources could not read back.
var gapsFound = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "feedback_operator_gaps_total",
	Help: "Times that a source stood still for longer than it reaches back.",
})

// newBuildInfo is a gauge that is always 1; its labels tell what runs, as those of the services do.
func newBuildInfo() prometheus.Collector {
	b := version.Read()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "feedback_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go},
	})
	g.Set(1)
	return g
}

func init() { metrics.Registry.MustRegister(leftBehind, gapsFound, newBuildInfo()) }
