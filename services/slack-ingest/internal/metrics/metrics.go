// Package metrics names what slack-ingest counts.
package metrics

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the counters of one slack-ingest. All begin with feedback_slack_.
type Metrics struct {
	// Published counts events that Kafka acknowledged, by how they came: live or backfill.
	Published *prometheus.CounterVec
	// LeftOut counts messages that are no feedback of this source, by reason.
	LeftOut *prometheus.CounterVec
	// DeadLetters counts what went to the dead letters, by reason: TooLarge or Unreadable.
	DeadLetters *prometheus.CounterVec
	// PublishErrors counts events that Kafka did not acknowledge; they are read back later.
	PublishErrors prometheus.Counter
	// AcksLate counts events that were not acknowledged to Slack because it took longer than 2.5 s.
	AcksLate prometheus.Counter
	// SignatureFailures counts HTTP requests with a wrong or old signature.
	SignatureFailures prometheus.Counter
	// UnknownEnvelopes counts deliveries that are no event this service knows, by type.
	UnknownEnvelopes *prometheus.CounterVec
	// Connects counts socket connections.
	Connects prometheus.Counter
	// Connected is 1 while a socket is connected. It is absent until Socket, which HTTP mode does not call.
	Connected *prometheus.GaugeVec
	// BackfillPages counts pages of history and of threads that were read.
	BackfillPages prometheus.Counter
	// RateLimitWaits counts waits that Slack asked for with Retry-After.
	RateLimitWaits prometheus.Counter
	// Swallowed counts messages that the sweep found and no connection delivered.
	Swallowed prometheus.Counter
}

// What went to the dead letters, and how events came.
const (
	TooLarge   = "TooLarge"   // an event that Kafka does not take
	Unreadable = "Unreadable" // a delivery that cannot be read

	Live     = "live"
	Backfill = "backfill"
)

// New registers the metrics with r. Those that alerts and dashboard name are served as 0 for each known label from the
// start, so that the first is seen as an increase.
func New(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "feedback_slack_" + name, Help: help})
		r.MustRegister(c)
		return c
	}
	vec := func(name, help, label string, known ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "feedback_slack_" + name, Help: help}, []string{label})
		for _, value := range known {
			c.WithLabelValues(value)
		}
		r.MustRegister(c)
		return c
	}
	connected := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "feedback_slack_connected", Help: "1 while a socket is connected."}, nil)
	r.MustRegister(connected)
	return &Metrics{
		Connected:         connected,
		Published:         vec("events_published_total", "Events that Kafka acknowledged.", "via", Live, Backfill),
		LeftOut:           vec("left_out_total", "Messages that are no feedback of this source.", "reason"),
		DeadLetters:       vec("dead_letters_total", "What went to the dead letters.", "reason", TooLarge, Unreadable),
		PublishErrors:     counter("publish_errors_total", "Events that Kafka did not acknowledge."),
		AcksLate:          counter("acks_late_total", "Events not acknowledged to Slack within 2.5 s."),
		SignatureFailures: counter("signature_failures_total", "HTTP requests with a wrong or old signature."),
		UnknownEnvelopes:  vec("unknown_envelopes_total", "Deliveries that are no known event.", "type"),
		Connects:          counter("connects_total", "Socket connections made."),
		BackfillPages:     counter("backfill_pages_total", "Pages of history and threads read."),
		RateLimitWaits:    counter("rate_limit_waits_total", "Waits that Slack asked for."),
		Swallowed:         counter("swallowed_total", "Messages that the sweep found and no connection delivered."),
	}
}

// Socket tells whether a socket is connected.
func (m *Metrics) Socket(connected bool) {
	value := 0.0
	if connected {
		value = 1
	}
	m.Connected.WithLabelValues().Set(value)
}
