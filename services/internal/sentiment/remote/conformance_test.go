package remote_test

import (
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/conformance"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Stand{Open: func(t *testing.T, away *atomic.Bool) sentiment.Backend {
		t.Helper()
		return open(t, &answering{answer: func(_ int, documents []*feedbackv1.Document) (*feedbackv1.ScoreResponse, error) {
			if away.Load() {
				return nil, status.Error(codes.ResourceExhausted, "too busy")
			}
			out := &feedbackv1.ScoreResponse{}
			for _, d := range documents {
				if conformance.Refused(d.GetText()) {
					return nil, status.Error(codes.InvalidArgument, "poison")
				}
				out.Sentiments = append(out.Sentiments, conformance.Sentiment(d.GetText()))
			}
			return out, nil
		}}, 10*time.Second)
	}})
}
