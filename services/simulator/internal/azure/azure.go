// Package azure plays an Azure AI Language resource, and Text Analytics v2.0, with the simulator's faults. The built-in
// models give its scores.
package azure

import (
	"context"
	"net/http"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure/standin"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// New returns the resource, which takes one key. It serves /language/ and /text/analytics/.
func New(key string, faults *fault.Set) *standin.Service {
	return standin.New(standin.Options{
		Takes: func(got string) bool {
			if f, revoked := faults.Active(fault.Revoke, "azure"); revoked && f.Target == "azure" {
				faults.Hit(fault.Revoke, "azure")
				return false
			}
			return got == key
		},
		Backend: &lazy{open: sync.OnceValues(func() (*sentiment.Builtin, error) { return sentiment.NewBuiltin(sentiment.Options{}) })},
		Misbehave: func(w http.ResponseWriter, r *http.Request, operation string) bool {
			return misbehave(faults, w, r, operation)
		},
		Refuse: func(operation, _ string) bool {
			_, refused := faults.Hit(fault.AzureRefuse, operation)
			return refused
		},
	})
}

// misbehave answers in the service's place where a fault wants that.
func misbehave(faults *fault.Set, w http.ResponseWriter, r *http.Request, operation string) bool {
	if f, ok := faults.Hit(fault.AzureSlow, operation); ok {
		select {
		case <-time.After(time.Duration(f.Delay)):
		case <-r.Context().Done():
			return true
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if _, ok := faults.Hit(fault.Azure503, operation); ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"code":"ServiceUnavailable","message":"The service is temporarily unavailable."}}`))
		return true
	}
	if _, ok := faults.Hit(fault.Azure429, operation); ok {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"error":{"code":"429","message":"Requests have exceeded the call rate limit of your current pricing tier. Please retry after 1 second."}}`))
		return true
	}
	return false
}

// lazy is a backend that is opened when somebody asks: most pipelines that are played have no Azure.
type lazy struct {
	open func() (*sentiment.Builtin, error)
}

func (l *lazy) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	b, err := l.open()
	if err != nil {
		return nil, err
	}
	return b.Score(ctx, documents)
}
