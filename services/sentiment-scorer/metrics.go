package main

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// metrics are what the scorer counts, beside the loop's own.
type metrics struct {
	scored   *prometheus.CounterVec
	unscored *prometheus.CounterVec
	fallback prometheus.Counter
	size     *prometheus.HistogramVec
	duration *prometheus.HistogramVec
	age      prometheus.Histogram
	since    prometheus.Histogram
	leftOut  *prometheus.CounterVec
}

// newMetrics registers the metrics. What is counted by label or reason is served as 0 for each of them from the start, in
// the undetermined language, so that the first is seen as an increase.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		scored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "feedback_scored_total", Help: "Texts that got a score, by label and language.",
		}, []string{"label", "language"}),
		unscored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "feedback_unscored_total", Help: "Texts that got none, by reason and language.",
		}, []string{"reason", "language"}),
		fallback: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "feedback_fallback_scored_total", Help: "Texts that a fallback scored, or left unscored, as the pipeline's backend did not answer.",
		}),
		size: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "feedback_score_batch_texts", Help: "Texts in a batch that was scored, by where it came from.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 6),
		}, []string{"via"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "feedback_score_seconds", Help: "How long the backend took for a batch, by where it came from.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
		}, []string{"via"}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "feedback_scored_age_seconds", Help: "From an event's ingest to its score.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 12),
		}),
		since: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "feedback_event_to_scored_seconds", Help: "From when a live event was said, or changed, to its score.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 10),
		}),
	}
	m.leftOut = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "feedback_shadow_left_out_total", Help: "Records that a shadow could not handle, by reason: what it has in place of dead letters.",
	}, []string{"reason"})
	for _, reason := range []string{stream.ReasonPermanent, stream.ReasonFailed, stream.ReasonTooLarge} {
		m.leftOut.WithLabelValues(reason)
	}
	for value, name := range feedbackv1.Label_name {
		if value != 0 {
			m.scored.WithLabelValues(word(name, "LABEL_"), sentiment.Undetermined)
		}
	}
	for value, name := range feedbackv1.UnscoredReason_name {
		if value != 0 {
			m.unscored.WithLabelValues(word(name, "UNSCORED_REASON_"), sentiment.Undetermined)
		}
	}
	reg.MustRegister(m.scored, m.unscored, m.fallback, m.size, m.duration, m.age, m.since, m.leftOut)
	return m
}

// newSilence registers for how long the backend has not answered; fallback is what scores meanwhile, empty for nothing.
func newSilence(reg prometheus.Registerer, fallback string, silent func() time.Duration) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "feedback_backend_silent_seconds", Help: "For how long the backend has not answered; 0 while it does.",
		ConstLabels: prometheus.Labels{"fallback": fallback},
	}, func() float64 { return silent().Seconds() }))
}

// count counts one sentiment.
func (m *metrics) count(s *feedbackv1.Sentiment) {
	if s.GetFallback() != nil {
		m.fallback.Inc()
	}
	language := languageLabel(s.GetLanguage().GetTag())
	if s.Score == nil {
		m.unscored.WithLabelValues(word(s.GetUnscoredReason().String(), "UNSCORED_REASON_"), language).Inc()
		return
	}
	m.scored.WithLabelValues(word(s.GetLabel().String(), "LABEL_"), language).Inc()
}

// latency observes how long an event that arrived live took from its ingest, and from when it was
// said, to its score.
func (m *metrics) latency(e *feedbackv1.Event, scored time.Time) {
	if t := e.GetRevisedAt(); !e.GetBackfilled() && t.IsValid() && t.GetSeconds() > 0 {
		m.since.Observe(max(0, scored.Sub(t.AsTime()).Seconds()))
	}
	if !e.GetBackfilled() && e.GetIngestedAt().IsValid() && e.GetIngestedAt().GetSeconds() > 0 {
		m.age.Observe(max(0, scored.Sub(e.GetIngestedAt().AsTime()).Seconds()))
	}
}

// measure returns the backend with its batches and sentiments counted; via says who asks.
func (m *metrics) measure(via string, b sentiment.Backend) sentiment.Backend {
	return &measured{Backend: b, metrics: m, via: via}
}

type measured struct {
	sentiment.Backend
	metrics *metrics
	via     string
}

func (b *measured) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	began := time.Now()
	sentiments, err := b.Backend.Score(ctx, documents)
	b.metrics.duration.WithLabelValues(b.via).Observe(time.Since(began).Seconds())
	b.metrics.size.WithLabelValues(b.via).Observe(float64(len(documents)))
	for _, s := range sentiments {
		b.metrics.count(s)
	}
	return sentiments, err
}

// languageLabel keeps the number of time series bounded, as a source may tag its texts with
// anything: the language without its region, and other for what has no ISO 639-1 code.
func languageLabel(tag string) string {
	base := sentiment.Base(tag)
	if len(base) == 2 || base == sentiment.Undetermined {
		return base
	}
	return "other"
}

func word(enum, prefix string) string {
	return strings.ToLower(strings.TrimPrefix(enum, prefix))
}
