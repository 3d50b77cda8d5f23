package main

import (
	"log/slog"

	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// instead is what a shadow produces of a record that it cannot handle, in place of a dead letter: the dead letters are
// the pipeline's, and people redrive them into it. An event that the backend fails on, while others pass, is unscored with
// that as its reason. What is no event, or is too large with a score, is left out and counted: the scorer has the same
// record, and says what is wrong with it.
func (s *scorer) instead(r kafka.Record, reason string, cause error) []kafka.Record {
	event, err := feedback.DecodeEvent(r)
	if err == nil && reason != stream.ReasonTooLarge {
		unscored := &feedbackv1.ScoredEvent{
			Event: event, ScoredAt: timestamppb.New(s.now()),
			Sentiment: unscored(event, feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, cause.Error()),
		}
		var out kafka.Record
		if out, err = feedback.ScoredRecordOf(r, s.topic, s.format, unscored); err == nil {
			carry(r, &out)
			s.metrics.count(unscored.GetSentiment())
			return []kafka.Record{out}
		}
	}
	s.metrics.leftOut.WithLabelValues(reason).Inc()
	slog.Warn("left out of the shadow", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "reason", reason, "error", cause)
	return nil
}
