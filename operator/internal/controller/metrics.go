package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// leftBehind counts pipelines that went without their topics being deleted.
var leftBehind = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "feedback_operator_topics_left_behind_total",
	Help: "Pipelines with deletionPolicy Delete that were deleted while their topics could not be.",
})

func init() { metrics.Registry.MustRegister(leftBehind) }
