package azure_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	client "github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// TestFaults has the scorer's own backend meet each fault, with both interfaces.
func TestFaults(t *testing.T) {
	for _, api := range []client.API{client.Language, client.TextAnalyticsV2} {
		for _, c := range []struct {
			name  string
			fault fault.Fault
			err   string // empty: the answer is a score
			why   string // empty: it is scored
		}{
			{"none", fault.Fault{Kind: fault.Restore}, "", ""},
			{"key revoked", fault.Fault{Kind: fault.Revoke, Target: "azure"}, "refuses the key", ""},
			{"503 for good", fault.Fault{Kind: fault.Azure503, Count: 100}, "503", ""},
			{"503 once", fault.Fault{Kind: fault.Azure503}, "", ""},
			{"429 once", fault.Fault{Kind: fault.Azure429}, "", ""},
			{"429 for languages alone", fault.Fault{Kind: fault.Azure429, Target: "languages", Count: 100}, "", ""},
			{"slow", fault.Fault{Kind: fault.AzureSlow, Delay: fault.Duration(time.Minute), Count: 100}, "deadline", ""},
			{"a text refused", fault.Fault{Kind: fault.AzureRefuse, Target: "sentiment"}, "", "cannot be processed"},
		} {
			if c.fault.Count > 1 && api != client.Language && c.err != "" {
				continue // the seconds of the retries are waited once
			}
			t.Run(string(api)+" "+c.name, func(t *testing.T) {
				t.Parallel()
				faults := fault.New(time.Now)
				server := httptest.NewServer(azure.New("key", faults))
				t.Cleanup(server.Close)
				backend, err := client.Open(client.Options{Endpoint: server.URL, Key: "key", API: api, Timeout: time.Second / 4})
				if err != nil {
					t.Fatal(err)
				}
				if err := faults.Start(c.fault); err != nil {
					t.Fatal(err)
				}
				got, err := backend.Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
				switch {
				case c.err != "":
					if err == nil || !strings.Contains(err.Error(), c.err) {
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
}
