package llm_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/conformance"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm/standin"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Stand{Secret: key, Open: func(t *testing.T, away *atomic.Bool) sentiment.Backend {
		t.Helper()
		server := httptest.NewServer(standin.New(standin.Options{
			Takes:   func(got string) bool { return got == key },
			Backend: conformance.Backend{},
			Refuse:  conformance.Refused,
			Misbehave: func(w http.ResponseWriter, _ *http.Request) bool {
				if away.Load() {
					w.Header().Set("Retry-After-Ms", "1")
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return away.Load()
			},
		}))
		t.Cleanup(server.Close)
		b, err := llm.Open(llm.Options{Endpoint: server.URL + "/v1", Model: "small", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}})
}
