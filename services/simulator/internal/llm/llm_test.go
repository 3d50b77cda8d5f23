package llm_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	client "github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/llm"
)

// TestFaults has the scorer's own backend meet each fault.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fault.Fault
		o     client.Options
		err   string // empty: the answer is a score
		why   string // empty: it is scored
	}{
		{"none", fault.Fault{Kind: fault.Restore}, client.Options{}, "", ""},
		{"none, without a key", fault.Fault{Kind: fault.Restore}, client.Options{Key: "-"}, "", ""},
		{"none, at Azure's newer address", fault.Fault{Kind: fault.Restore}, client.Options{Endpoint: "/openai/v1"}, "", ""},
		{"none, at Azure's older address", fault.Fault{Kind: fault.Restore}, client.Options{Endpoint: "/openai/deployments/gpt-4.1-mini", APIVersion: "2024-10-21"}, "", ""},
		{"an older version than takes schemas", fault.Fault{Kind: fault.Restore}, client.Options{Endpoint: "/openai/deployments/gpt-4.1-mini", APIVersion: "2023-05-15"}, "it takes no JSON schema", ""},
		{"another key", fault.Fault{Kind: fault.Restore}, client.Options{Key: "sk-other"}, "401 Unauthorized; it refuses the key", ""},
		{"another model", fault.Fault{Kind: fault.Restore}, client.Options{Model: "gpt-3"}, "The model `gpt-3` does not exist", ""},
		{"a model that reasons", fault.Fault{Kind: fault.Restore}, client.Options{Model: "o4-mini"}, "takes no temperature of 0", ""},
		{"another path", fault.Fault{Kind: fault.Restore}, client.Options{Endpoint: "/api/v2"}, "404", ""},
		{"key revoked", fault.Fault{Kind: fault.Revoke, Target: "llm"}, client.Options{}, "refuses the key", ""},
		{"503 for good", fault.Fault{Kind: fault.LLM503, Count: 100}, client.Options{}, "503", ""},
		{"503 once", fault.Fault{Kind: fault.LLM503}, client.Options{}, "", ""},
		{"429 once", fault.Fault{Kind: fault.LLM429}, client.Options{}, "", ""},
		{"slow", fault.Fault{Kind: fault.LLMSlow, Delay: fault.Duration(time.Minute), Count: 100}, client.Options{}, "it took longer than", ""},
		{"a text refused", fault.Fault{Kind: fault.LLMRefuse}, client.Options{}, "", "the service's content filter refused it (hate)"},
		{"a broken answer", fault.Fault{Kind: fault.LLMBroken}, client.Options{}, "", ""},
		{"broken answers for good", fault.Fault{Kind: fault.LLMBroken, Count: 100}, client.Options{}, "keep to response_format json_schema", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			faults := fault.New(time.Now)
			server := httptest.NewServer(llm.New("key", faults))
			t.Cleanup(server.Close)
			o := c.o
			if o.Endpoint == "" {
				o.Endpoint = "/v1"
			}
			if o.Model == "" {
				o.Model = "gpt-4.1-mini"
			}
			switch o.Key {
			case "":
				o.Key = "key"
			case "-":
				o.Key = ""
			}
			o.Endpoint, o.Timeout = server.URL+o.Endpoint, 2*time.Second
			backend, err := client.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := faults.Start(c.fault); err != nil {
				t.Fatal(err)
			}
			got, err := backend.Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "sk-other") {
					t.Errorf("got %v, want %q", err, c.err)
				}
			case err != nil:
				t.Errorf("got %v, want an answer", err)
			case c.why == "" && got[0].GetScore() < 0.6, !strings.Contains(got[0].GetUnscoredDetail(), c.why):
				t.Errorf("got %v, want a score, or unscored for %q", got[0], c.why)
			}
		})
	}
}
