package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/sentiment-scorer/internal/tokens"
)

// alone is where the only replica keeps what it has taken of the budget.
type alone struct{}

func (alone) Write(context.Context, tokens.Entry, int64) error { return nil }

func (alone) Read(context.Context) (map[string]tokens.Entry, error) { return nil, nil }

// TestABackendsErrorsNameTheFieldToChange: a shadow's are those below spec.scorer.shadow.
func TestABackendsErrorsNameTheFieldToChange(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(refusing.Close)
	for _, test := range []struct{ backend, settings, field string }{
		{"azure", "SCORER_AZURE_KEY=k SCORER_AZURE_ENDPOINT=" + refusing.URL, "azure.credentialsSecretRef"},
		{"llm", "SCORER_LLM_MODEL=m SCORER_LLM_DAILY_BUDGET=100000 SCORER_LLM_ENDPOINT=" + refusing.URL, "llm.credentialsSecretRef"},
		{"grpc", "SCORER_GRPC_ADDRESS=127.0.0.1:1 SCORER_GRPC_TIMEOUT=30s", "grpc.address"},
	} {
		for _, shadow := range []string{"", "t.shadow"} {
			t.Run(test.backend+shadow, func(t *testing.T) {
				var cfg config
				environ := append(strings.Fields(test.settings), "KAFKA_BOOTSTRAP_SERVERS=localhost:9092", "SCORER_BACKEND="+test.backend, "TOPIC_SHADOW="+shadow)
				if err := run.Parse(name, &cfg, nil, environ, io.Discard); err != nil {
					t.Fatal(err)
				}
				backend, err := cfg.open(tokens.New("one", 100_000, alone{}, time.Now), prometheus.NewRegistry())
				if err != nil {
					t.Fatal(err)
				}
				want := "spec.scorer." + test.field
				if shadow != "" {
					want = "spec.scorer.shadow." + test.field
				}
				if _, err = backend.Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}}); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s in it", err, want)
				}
			})
		}
	}
}
