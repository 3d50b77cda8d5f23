package route

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Why a record became a dead letter.
const (
	sinkRefused = "SinkRefused" // its channel does not take it, alone and in short
	malformed   = "Malformed"   // it cannot be read
)

// Metrics are what the notifier counts, by route.
type Metrics struct {
	told      *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	limited   *prometheus.CounterVec
	healed    *prometheus.CounterVec
	overtaken *prometheus.CounterVec
	dead      *prometheus.CounterVec
	pending   *prometheus.GaugeVec
	overdue   *prometheus.GaugeVec
	oldest    *prometheus.GaugeVec
	memory    *prometheus.GaugeVec
	since     *prometheus.GaugeVec
	changes   *prometheus.GaugeVec
}

// NewMetrics registers the notifier's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "feedback_" + name, Help: help}, append([]string{"route"}, labels...))
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "feedback_" + name, Help: help}, []string{"route"})
		reg.MustRegister(g)
		return g
	}
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "feedback_event_to_post_seconds", Help: "From when a live event was said to when it was told by a card or, of a route that tells each, by the digest of a burst.",
		Buckets: []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800},
	}, []string{"route"})
	reg.MustRegister(latency)
	return &Metrics{
		told:      counter("notifications_total", "What became of events and digests.", "state"),
		latency:   latency,
		limited:   counter("rate_limit_waits_total", "Times that Slack asked to wait."),
		healed:    counter("healed_total", "Surplus messages that were deleted again."),
		overtaken: counter("notifier_offsets_overtaken_total", "Offsets that retention deleted before they were read."),
		dead:      counter("notifier_dead_letters_total", "Records that could not be told.", "reason"),
		pending:   gauge("notifications_pending", "Events that wait for their turn or their digest."),
		overdue:   gauge("notifications_overdue", "Events that wait for longer than they should."),
		oldest:    gauge("oldest_untold_seconds", "How long the oldest waiting event has waited."),
		since:     gauge("notifications_remembered_since_seconds", "From when on outcomes are remembered, in seconds since the Unix epoch."),
		changes:   gauge("notifications_changes_pending", "Edits, deletions and counts of what was told that are not shown yet."),
		memory:    gauge("notifications_remembered", "Events whose outcome is remembered."),
	}
}

// Open serves what a route counts as 0 from now on, for each known label, so that the first is seen as an increase.
func (m *Metrics) Open(route string) {
	for n := range feedbackv1.Notification_State_name {
		if state := feedbackv1.Notification_State(n); state > feedbackv1.Notification_STATE_INTENT {
			m.told.WithLabelValues(route, stateLabel(state))
		}
	}
	for _, reason := range []string{sinkRefused, malformed} {
		m.dead.WithLabelValues(route, reason)
	}
	m.latency.WithLabelValues(route)
	for _, c := range []*prometheus.CounterVec{m.limited, m.healed, m.overtaken} {
		c.WithLabelValues(route)
	}
}

// stateLabel is a state in metrics, such as posted.
func stateLabel(state feedbackv1.Notification_State) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "STATE_"))
}
