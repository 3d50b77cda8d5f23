package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure/standin"
)

const key = "0123456789abcdef"

// fixed is a backend by which a text with "love" is positive, one with "hate" negative, and "???" in no language.
type fixed struct{}

func (fixed) Score(_ context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	var out []*feedbackv1.Sentiment
	for _, d := range documents {
		s := &feedbackv1.Sentiment{Score: new(0.5), Label: feedbackv1.Label_LABEL_NEUTRAL, Language: &feedbackv1.Language{Tag: "en", Confidence: 0.9}}
		switch love, hate := strings.Contains(d.Text, "love"), strings.Contains(d.Text, "hate"); {
		case love && !hate:
			s.Score, s.Label = new(0.95), feedbackv1.Label_LABEL_POSITIVE
		case hate && !love:
			s.Score, s.Label = new(0.05), feedbackv1.Label_LABEL_NEGATIVE
		case d.Text == "???":
			s.Language = &feedbackv1.Language{Tag: sentiment.Undetermined}
		}
		out = append(out, s)
	}
	return out, nil
}

// stand is the stand-in with one key; a text with "forbidden" is refused by itself.
func stand(misbehave func(w http.ResponseWriter, r *http.Request) bool) http.Handler {
	return standin.New(standin.Options{
		Takes: func(k string) bool { return k == key }, Backend: fixed{},
		Refuse: func(operation, text string) bool {
			return operation == standin.Sentiment && strings.Contains(text, "forbidden")
		},
		Misbehave: func(w http.ResponseWriter, r *http.Request, _ string) bool {
			return misbehave != nil && misbehave(w, r)
		},
	})
}

func open(t *testing.T, s http.Handler, o azure.Options) *azure.Backend {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	o.Endpoint, o.RetryDelay = server.URL, time.Millisecond
	if o.Key == "" {
		o.Key = key
	}
	b, err := azure.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// words are a sentiment in a line: label, score and language, or why there is no score.
func words(all []*feedbackv1.Sentiment) []string {
	var out []string
	for _, s := range all {
		line := strings.ToLower(strings.TrimPrefix(s.GetLabel().String(), "LABEL_")) + fmt.Sprintf(" %.2f ", s.GetScore()) + s.GetLanguage().GetTag()
		if s.Score == nil {
			line = strings.ToLower(strings.TrimPrefix(s.GetUnscoredReason().String(), "UNSCORED_REASON_")) + " " + s.GetLanguage().GetTag()
		}
		out = append(out, line)
	}
	return out
}

func TestScoresInOrder(t *testing.T) {
	documents := []sentiment.Document{
		{Text: "I love it"}, {Text: "I hate it"}, {Text: "  "}, {Text: "It has a button", Language: "en-GB"}, {Text: "forbidden"}, {Text: "???"},
		{Text: "I hate it", Language: "tlh"}, {Text: "I love it. I hate it."},
	}
	for _, c := range []struct {
		api  azure.API
		want []string
	}{
		{azure.Language, []string{"positive 0.95 en", "negative 0.05 en", "no_text und", "neutral 0.50 en-GB", "refused en", "language und", "language tlh", "neutral 0.50 en"}},
		{azure.TextAnalyticsV2, []string{"positive 0.95 en", "negative 0.05 en", "no_text und", "neutral 0.50 en-GB", "refused en", "language und", "refused tlh", "neutral 0.50 en"}},
	} {
		t.Run(string(c.api), func(t *testing.T) {
			got, err := open(t, stand(nil), azure.Options{API: c.api}).Score(t.Context(), documents)
			if err != nil {
				t.Fatal(err)
			}
			if got := words(got); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestRefusedBySaysWhy(t *testing.T) {
	got, err := open(t, stand(nil), azure.Options{}).Score(t.Context(), []sentiment.Document{{Text: "forbidden", Language: "en"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := got[0]; s.GetUnscoredReason() != feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED || s.GetUnscoredDetail() != "azure: InvalidDocument The document cannot be processed." {
		t.Errorf("got %v, want it refused with the service's words", s)
	}
}

func TestKeepsTheServicesLimits(t *testing.T) {
	for _, api := range []azure.API{azure.Language, azure.TextAnalyticsV2} {
		documents := slices.Repeat([]sentiment.Document{{Text: "I love it"}}, 95)
		documents = append(documents, sentiment.Document{Text: "I hate it " + strings.Repeat("ä", 6_000)})
		got, err := open(t, stand(nil), azure.Options{API: api}).Score(t.Context(), documents)
		if err != nil {
			t.Fatalf("%s: %v", api, err)
		}
		if got := words(got); len(got) != 96 || got[94] != "positive 0.95 en" || got[95] != "negative 0.05 en" {
			t.Errorf("%s: %d sentiments, want 96, the last of the head of its text: %q", api, len(got), got[len(got)-1])
		}
	}
}

func TestThrottledIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	s := stand(func(w http.ResponseWriter, _ *http.Request) bool {
		if asked.Add(1) > 2 {
			return false
		}
		w.Header().Set("Retry-After-Ms", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	got, err := open(t, s, azure.Options{}).Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
	if got := words(got); err != nil || got[0] != "positive 0.95 en" {
		t.Errorf("got %v %v, want the third answer", got, err)
	}
}

func TestSaysWhatWasAnsweredWhereNobodyWaits(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []int // one after the other; 0 is none, and nobody waits any longer
		want    string
	}{
		{"away", []int{503, 0}, "answered 503 last"},
		{"overcome", []int{429, 200, 0}, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			s := stand(func(w http.ResponseWriter, r *http.Request) bool {
				if n++; n == len(c.answers) {
					cancel()
					_, _ = io.Copy(io.Discard, r.Body) // who has not read it does not hear that nobody waits
					<-r.Context().Done()
					return true
				}
				status := c.answers[n-1]
				if status != http.StatusOK {
					w.Header().Set("Retry-After-Ms", "1")
					w.WriteHeader(status)
				}
				return status != http.StatusOK
			})
			_, err := open(t, s, azure.Options{}).Score(ctx, []sentiment.Document{{Text: "I love it"}}) // its language, then its score
			if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v, want %q at its end", err, c.want)
			}
		})
	}
}

func TestSaysWhoAsks(t *testing.T) {
	var agent string
	s := stand(func(_ http.ResponseWriter, r *http.Request) bool { agent = r.UserAgent(); return false })
	if _, err := open(t, s, azure.Options{Version: "v1.2.3"}).Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}}); err != nil {
		t.Fatal(err)
	}
	if want := "feedback-pipelines azsdk-go-scorer/v1.2.3 ("; !strings.HasPrefix(agent, want) {
		t.Errorf("User-Agent %q, want it to begin with %q", agent, want)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	always := func(status int, body string) http.Handler {
		return stand(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		})
	}
	for _, c := range []struct {
		name, want string
		stand      http.Handler
		key        string
	}{
		{"wrong key", "answered 401: it refuses the key of spec.scorer.azure.credentialsSecretRef", stand(nil), "ffff"},
		{"no such interface", "404", always(http.StatusNotFound, "{}"), ""},
		{"throttled for good", "429: it throttles us", always(http.StatusTooManyRequests, "{}"), ""},
		{"a document too few", "neither a score nor an error for document 1 of 1", always(http.StatusOK, `{"results":{"documents":[]}}`), ""},
		{"a page", "not with an answer of Azure AI Language or Text Analytics: is spec.scorer.azure.endpoint right", always(http.StatusOK, "<!doctype html><title>Log in</title>"), ""},
		{"no number", "not with an answer of", always(http.StatusOK, `{"results":{"documents":[{"id":"0","confidenceScores":{"positive":NaN}}]}}`), ""},
		{"no shares", `the confidenceScores of document "0" are positive 0, neutral 0 and negative 0`, always(http.StatusOK, `{"results":{"documents":[{"id":"0","sentiment":"positive"}]}}`), ""},
		{"shares of more than a whole", "positive 7", always(http.StatusOK, `{"results":{"documents":[{"id":"0","confidenceScores":{"positive":7}}]}}`), ""},
		{"a share below none", "negative -1", always(http.StatusOK, `{"results":{"documents":[{"id":"0","confidenceScores":{"positive":2,"negative":-1}}]}}`), ""},
		{"an answer without end", "its answer is larger than 16 MiB; no such service", always(http.StatusOK, strings.Repeat(" ", 17<<20)), ""},
		{"trouble of its own", "answered 501: it fails by itself", always(http.StatusNotImplemented, ""), ""},
		{"elsewhere", "answered 302: it sends us elsewhere: set spec.scorer.azure.endpoint", always(http.StatusFound, ""), ""},
		{"hangs up", "is it running, is spec.scorer.azure.endpoint right", stand(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }), ""},
		{"another's document", `a document "7", which was not asked about`, always(http.StatusOK, `{"results":{"documents":[{"id":"7"}]}}`), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, c.stand, azure.Options{Key: c.key}).Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q in it", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), key) {
				t.Errorf("got %q, want one line without the key", err)
			}
		})
	}
}

func TestTextAnalyticsRefusesAScoreThatIsNone(t *testing.T) {
	s := stand(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `{"documents":[{"id":"0","score":7}]}`)
		return true
	})
	_, err := open(t, s, azure.Options{API: azure.TextAnalyticsV2}).Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
	if err == nil || !strings.Contains(err.Error(), `the score of document "0" is 7`) {
		t.Errorf("got %v, want the score refused", err)
	}
}

func TestARedirectGetsNoKey(t *testing.T) {
	got := make(chan string, 8)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Ocp-Apim-Subscription-Key") }))
	defer elsewhere.Close()
	s := stand(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		return true
	})
	_, err := open(t, s, azure.Options{}).Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
	if err == nil || len(got) > 0 {
		t.Errorf("got %v, and %d requests at another address, want an error and none", err, len(got))
	}
}

func TestOptions(t *testing.T) {
	_, err := azure.Open(azure.Options{Endpoint: "example", API: "v3"})
	for _, want := range []string{`endpoint "example"`, "the key is empty", `api "v3" is unknown`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
