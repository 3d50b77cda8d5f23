package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// scorer turns records of events into records of scored events.
type scorer struct {
	backend *patient
	topic   string
	format  feedback.Format
	metrics *metrics
	health  *health.Reporter
	now     func() time.Time
}

func newScorer(cfg *config, m *metrics, reporter *health.Reporter, backend sentiment.Backend) *scorer {
	return &scorer{
		backend: newPatient(backend, reporter, cfg.Fallback.Backend != ""), topic: cfg.outputs()[0], format: cfg.format(),
		metrics: m, health: reporter, now: time.Now,
	}
}

// handle is the loop's handler: one scored event for each event, in the batch's order. All
// records are decoded before any is scored, so that a batch with one that cannot be is taken
// apart cheaply.
func (s *scorer) handle(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	events := make([]*feedbackv1.Event, len(batch))
	for i, r := range batch {
		event, err := feedback.DecodeEvent(r)
		if err != nil {
			return nil, stream.Permanent(err)
		}
		events[i] = event
	}
	sentiments, err := s.score(ctx, events)
	if err != nil {
		return nil, err
	}
	out := make([]kafka.Record, len(batch))
	at := s.now()
	scoredAt := timestamppb.New(at)
	for i, event := range events {
		scored := &feedbackv1.ScoredEvent{Event: event, Sentiment: sentiments[i], ScoredAt: scoredAt}
		if out[i], err = feedback.ScoredRecordOf(batch[i], s.topic, s.format, scored); err != nil {
			return nil, stream.Permanent(err)
		}
		carry(batch[i], &out[i])
		s.metrics.latency(event, at)
	}
	s.health.Event(at)
	return out, nil
}

// score returns one sentiment for each event: a deletion has nothing to score, the rest is
// the backend's.
func (s *scorer) score(ctx context.Context, events []*feedbackv1.Event) ([]*feedbackv1.Sentiment, error) {
	var documents []sentiment.Document
	var at []int
	out := make([]*feedbackv1.Sentiment, len(events))
	for i, e := range events {
		if e.GetDeleted() {
			out[i] = deleted(e)
			s.metrics.count(out[i])
			continue
		}
		documents = append(documents, sentiment.Document{Text: e.GetText(), Language: e.GetLanguage(), Kind: e.GetKind()})
		at = append(at, i)
	}
	if len(documents) == 0 {
		return out, nil
	}
	sentiments, err := s.backend.Score(ctx, documents)
	if err != nil {
		return nil, err
	}
	if len(sentiments) != len(documents) {
		return nil, fmt.Errorf("score: the backend gave %d sentiments for %d documents", len(sentiments), len(documents))
	}
	for n, i := range at {
		out[i] = sentiments[n]
	}
	return out, nil
}

// telling tells whether a record that passes shows that the backend works: it has a text to score.
func telling(r kafka.Record) bool {
	e, err := feedback.DecodeEvent(r)
	return err == nil && !e.GetDeleted() && strings.TrimSpace(e.GetText()) != ""
}

func deleted(e *feedbackv1.Event) *feedbackv1.Sentiment {
	return unscored(e, feedbackv1.UnscoredReason_UNSCORED_REASON_DELETED, "the event was deleted")
}

// unscored is the sentiment of an event that no backend has scored, in the language that its source says.
func unscored(e *feedbackv1.Event, reason feedbackv1.UnscoredReason, why string) *feedbackv1.Sentiment {
	language := e.GetLanguage()
	if language == "" {
		language = sentiment.Undetermined
	}
	return sentiment.Unscored("", &feedbackv1.Language{Tag: language}, reason, why)
}

// carry copies the headers that a scored event has from its event: the trace, and what
// CloudEvents attributes the record does not set itself.
func carry(from kafka.Record, to *kafka.Record) {
	for _, h := range from.Headers {
		trace := h.Key == feedback.HeaderTrace || h.Key == "tracestate"
		if !trace && !strings.HasPrefix(h.Key, "ce_") {
			continue
		}
		if !slices.ContainsFunc(to.Headers, func(own kafka.Header) bool { return own.Key == h.Key }) {
			to.Headers = append(to.Headers, h)
		}
	}
}
