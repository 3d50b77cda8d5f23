package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

// metrics are what Prometheus sees of a source.
type metrics struct {
	requests    *prometheus.CounterVec
	waits       *prometheus.CounterVec
	waited      *prometheus.CounterVec
	elements    *prometheus.CounterVec
	lost        prometheus.Counter
	connections prometheus.Counter
	seconds     prometheus.Histogram
}

// newMetrics makes the metrics. Those that alerts and dashboard name are served as 0 for each known label from the start,
// so that the first is seen as an increase.
func newMetrics() *metrics {
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	m := &metrics{
		requests: prometheus.NewCounterVec(counter("feedback_x_requests_total",
			"Requests to X by endpoint and HTTP status; 0: no answer."), []string{"endpoint", "status"}),
		waits: prometheus.NewCounterVec(counter("feedback_x_rate_limited_total",
			"Answers of X after which its rate limit asks to wait, by endpoint."), []string{"endpoint"}),
		waited: prometheus.NewCounterVec(counter("feedback_x_rate_limited_seconds_total",
			"Seconds that X's rate limit asked to wait, by endpoint."), []string{"endpoint"}),
		elements: prometheus.NewCounterVec(counter("feedback_x_posts_total",
			"Posts by what became of them: ingested, repeated (published before, left out), dead_lettered, deleted."), []string{"outcome"}),
		lost: prometheus.NewCounter(counter("feedback_x_gaps_lost_total",
			"Gaps that were open for longer than X's search reaches back; their posts are lost.")),
		connections: prometheus.NewCounter(counter("feedback_x_stream_connections_total", "Connections to the filtered stream.")),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "feedback_x_latency_seconds",
			Help: "From when a post was made to when Kafka had it, for posts that arrived live.", Buckets: prometheus.ExponentialBuckets(0.5, 2, 10)}),
	}
	for _, endpoint := range xapi.Limited {
		m.waits.WithLabelValues(endpoint)
		m.waited.WithLabelValues(endpoint)
	}
	for _, outcome := range []string{"ingested", "repeated", "dead_lettered", "deleted"} {
		m.elements.WithLabelValues(outcome)
	}
	return m
}

// register has reg serve the metrics; now gives the gauges.
func (m *metrics) register(reg prometheus.Registerer, now func() figures) {
	gauge := func(name, help string, f func(figures) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return f(now()) })
	}
	reg.MustRegister(m.requests, m.waits, m.waited, m.elements, m.lost, m.connections, m.seconds,
		gauge("feedback_x_budget_used", "Posts read on this UTC day, those that were asked for included.", func(f figures) float64 { return f.used }),
		gauge("feedback_x_budget_limit", "Most posts to read on a UTC day.", func(f figures) float64 { return f.limit }),
		gauge("feedback_x_budget_left", "Posts that may still be read on this UTC day.", func(f figures) float64 { return max(0, f.limit-f.used) }),
		gauge("feedback_x_window_lag_seconds", "Age of the oldest post that may be unread.", func(f figures) float64 { return f.lag }),
		gauge("feedback_x_window_gaps", "Open gaps below the newest post.", func(f figures) float64 { return f.gaps }))
}

func (m *metrics) request(endpoint string, status int) {
	m.requests.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
}

func (m *metrics) wait(endpoint string, d time.Duration) {
	m.waits.WithLabelValues(endpoint).Inc()
	m.waited.WithLabelValues(endpoint).Add(d.Seconds())
}

func (m *metrics) posts(ingested, repeated, dead int) {
	m.elements.WithLabelValues("ingested").Add(float64(ingested))
	m.elements.WithLabelValues("repeated").Add(float64(repeated))
	m.elements.WithLabelValues("dead_lettered").Add(float64(dead))
}

func (m *metrics) latency(d time.Duration, backfilled bool) {
	if !backfilled {
		m.seconds.Observe(d.Seconds())
	}
}
