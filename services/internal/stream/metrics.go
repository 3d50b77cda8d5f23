package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what a Loop counts. A nil *Metrics counts nothing.
type Metrics struct {
	consumed, produced, retries, overtakenOffsets prometheus.Counter
	deadLetters                                   *prometheus.CounterVec
	size                                          prometheus.Histogram
	duration                                      prometheus.Histogram
}

// NewMetrics registers a loop's metrics. Dead letters are served as 0 for each reason from the start, so that the first is
// seen as an increase.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		consumed:         prometheus.NewCounter(prometheus.CounterOpts{Name: "feedback_records_consumed_total", Help: "Records that were handled and committed or are about to be."}),
		produced:         prometheus.NewCounter(prometheus.CounterOpts{Name: "feedback_records_produced_total", Help: "Records that the broker has acknowledged."}),
		retries:          prometheus.NewCounter(prometheus.CounterOpts{Name: "feedback_handler_retries_total", Help: "Batches that the handler failed and that were tried again."}),
		overtakenOffsets: prometheus.NewCounter(prometheus.CounterOpts{Name: "feedback_offsets_overtaken_total", Help: "Offsets that retention deleted before they were read."}),
		deadLetters:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "feedback_dead_letters_total", Help: "Records that could not be handled, by reason."}, []string{"reason"}),
		size:             prometheus.NewHistogram(prometheus.HistogramOpts{Name: "feedback_batch_records", Help: "Records in a batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 6)}),
		duration:         prometheus.NewHistogram(prometheus.HistogramOpts{Name: "feedback_batch_seconds", Help: "From fetched to acknowledged, a batch.", Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 12)}),
	}
	for _, reason := range []string{ReasonPermanent, ReasonFailed, ReasonTooLarge} {
		m.deadLetters.WithLabelValues(reason)
	}
	reg.MustRegister(m.consumed, m.produced, m.retries, m.overtakenOffsets, m.deadLetters, m.size, m.duration)
	return m
}

func (m *Metrics) batch(in, out int, d time.Duration) {
	if m == nil {
		return
	}
	m.consumed.Add(float64(in))
	m.produced.Add(float64(out))
	m.size.Observe(float64(in))
	m.duration.Observe(d.Seconds())
}

func (m *Metrics) deadLetter(reason string) {
	if m != nil {
		m.deadLetters.WithLabelValues(reason).Inc()
	}
}

func (m *Metrics) retry() {
	if m != nil {
		m.retries.Inc()
	}
}

func (m *Metrics) overtaken(n int64) {
	if m != nil && n > 0 {
		m.overtakenOffsets.Add(float64(n))
	}
}
