package azure_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure/standin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/conformance"
)

func TestConformance(t *testing.T) {
	for _, api := range []azure.API{azure.Language, azure.TextAnalyticsV2} {
		t.Run(string(api), func(t *testing.T) {
			const secret = "a-key-of-the-resource"
			conformance.Run(t, conformance.Stand{Secret: secret, Open: func(t *testing.T, away *atomic.Bool) sentiment.Backend {
				t.Helper()
				server := httptest.NewServer(standin.New(standin.Options{
					Takes:   func(got string) bool { return got == secret },
					Backend: conformance.Backend{},
					Refuse:  func(operation, text string) bool { return operation == standin.Sentiment && conformance.Refused(text) },
					Misbehave: func(w http.ResponseWriter, _ *http.Request, _ string) bool {
						if away.Load() {
							w.Header().Set("Retry-After-Ms", "1")
							w.WriteHeader(http.StatusServiceUnavailable)
						}
						return away.Load()
					},
				}))
				t.Cleanup(server.Close)
				b, err := azure.Open(azure.Options{Endpoint: server.URL, Key: secret, API: api})
				if err != nil {
					t.Fatal(err)
				}
				return b
			}})
		})
	}
}
