package azure_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure"
)

const key = "0123456789abcdef"

// stand is a stand-in for the service: a text with "love" is positive, one with "hate" negative, "forbidden" is refused
// by itself, "???" is in no language it knows, and it keeps the documented limits.
type stand struct {
	requests atomic.Int32
	broken   func(n int, w http.ResponseWriter) bool // answers in its place where it returns true
}

type document struct{ ID, Text, Language string }

func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(s.requests.Add(1))
	if s.broken != nil && s.broken(n, w) {
		return
	}
	if r.Header.Get("Ocp-Apim-Subscription-Key") != key {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}`)
		return
	}
	var in struct {
		Kind          string
		AnalysisInput struct{ Documents []document }
		Documents     []document
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case path == "/language/:analyze-text" && r.URL.Query().Get("api-version") == "2023-04-01":
		s.language(w, in.Kind, in.AnalysisInput.Documents)
	case strings.HasPrefix(path, "/text/analytics/v2.0/"):
		s.v2(w, strings.TrimPrefix(path, "/text/analytics/v2.0/"), in.Documents)
	default:
		http.NotFound(w, r)
	}
}

func (s *stand) language(w http.ResponseWriter, kind string, documents []document) {
	limit := map[string]int{"LanguageDetection": 1000, "SentimentAnalysis": 10}[kind]
	if len(documents) > limit {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"code":"InvalidRequest","message":"at most %d"}}`, limit)
		return
	}
	var out, errs []any
	for _, d := range documents {
		switch {
		case len([]rune(d.Text)) > 5120 || strings.Contains(d.Text, "forbidden"):
			errs = append(errs, map[string]any{"id": d.ID, "error": map[string]any{"code": "InvalidArgument", "message": "Invalid.",
				"innererror": map[string]any{"code": "InvalidDocument", "message": "it is forbidden"}}})
		case kind == "SentimentAnalysis" && d.Language == "tlh":
			errs = append(errs, map[string]any{"id": d.ID, "error": map[string]any{"code": "InvalidArgument", "message": "Invalid Language Code.",
				"innererror": map[string]any{"code": "UnsupportedLanguageCode", "message": "tlh"}}})
		case kind == "SentimentAnalysis":
			label, p, n, u := feeling(d.Text)
			out = append(out, map[string]any{"id": d.ID, "sentiment": label, "confidenceScores": map[string]float64{"positive": p, "negative": n, "neutral": u}})
		default:
			out = append(out, map[string]any{"id": d.ID, "detectedLanguage": map[string]any{"iso6391Name": tongue(d.Text), "confidenceScore": 0.9}})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": map[string]any{"documents": out, "errors": errs, "modelVersion": "2022-11-01"}})
}

func (s *stand) v2(w http.ResponseWriter, what string, documents []document) {
	var out, errs []any
	for _, d := range documents {
		_, p, _, u := feeling(d.Text)
		switch {
		case what == "sentiment" && strings.Contains(d.Text, "forbidden"):
			errs = append(errs, map[string]any{"id": d.ID, "message": "it is forbidden"})
		case what == "sentiment":
			out = append(out, map[string]any{"id": d.ID, "score": p + u/2})
		default:
			out = append(out, map[string]any{"id": d.ID, "detectedLanguages": []any{map[string]any{"iso6391Name": tongue(d.Text), "score": 1}}})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"documents": out, "errors": errs})
}

func feeling(text string) (label string, positive, negative, neutral float64) {
	switch {
	case strings.Contains(text, "love") && strings.Contains(text, "hate"):
		return "mixed", 0.5, 0.5, 0
	case strings.Contains(text, "love"):
		return "positive", 0.9, 0, 0.1
	case strings.Contains(text, "hate"):
		return "negative", 0, 0.9, 0.1
	}
	return "neutral", 0, 0, 1
}

func tongue(text string) string {
	if text == "???" {
		return "(Unknown)"
	}
	return "en"
}

func open(t *testing.T, s *stand, o azure.Options) *azure.Backend {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	o.Endpoint = server.URL
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
		{Text: "I hate it", Language: "tlh"}, {Text: "I love and hate it"},
	}
	for _, c := range []struct {
		api  azure.API
		want []string
	}{
		{azure.Language, []string{"positive 0.95 en", "negative 0.05 en", "no_text und", "neutral 0.50 en-GB", "language und", "language und", "language tlh", "neutral 0.50 en"}},
		{azure.TextAnalyticsV2, []string{"positive 0.95 en", "negative 0.05 en", "no_text und", "neutral 0.50 en-GB", "refused en", "language und", "negative 0.05 tlh", "neutral 0.50 en"}},
	} {
		t.Run(string(c.api), func(t *testing.T) {
			got, err := open(t, &stand{}, azure.Options{API: c.api}).Score(t.Context(), documents)
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
	got, err := open(t, &stand{}, azure.Options{}).Score(t.Context(), []sentiment.Document{{Text: "forbidden", Language: "en"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := got[0]; s.GetUnscoredReason() != feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED || s.GetUnscoredDetail() != "azure: InvalidDocument it is forbidden" {
		t.Errorf("got %v, want it refused with the service's words", s)
	}
}

func TestKeepsTheServicesLimits(t *testing.T) {
	for _, api := range []azure.API{azure.Language, azure.TextAnalyticsV2} {
		documents := slices.Repeat([]sentiment.Document{{Text: "I love it"}}, 95)
		documents = append(documents, sentiment.Document{Text: "I hate it " + strings.Repeat("ä", 6_000)})
		got, err := open(t, &stand{}, azure.Options{API: api}).Score(t.Context(), documents)
		if err != nil {
			t.Fatalf("%s: %v", api, err)
		}
		if got := words(got); len(got) != 96 || got[94] != "positive 0.95 en" || got[95] != "negative 0.05 en" {
			t.Errorf("%s: %d sentiments, want 96, the last of the head of its text: %q", api, len(got), got[len(got)-1])
		}
	}
}

func TestThrottledIsAskedAgain(t *testing.T) {
	s := &stand{broken: func(n int, w http.ResponseWriter) bool {
		if n > 2 {
			return false
		}
		w.Header().Set("Retry-After-Ms", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}}
	got, err := open(t, s, azure.Options{}).Score(t.Context(), []sentiment.Document{{Text: "I love it", Language: "en"}})
	if got := words(got); err != nil || got[0] != "positive 0.95 en" {
		t.Errorf("got %v %v, want the third answer", got, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	always := func(status int, body string) *stand {
		return &stand{broken: func(_ int, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}}
	}
	for _, c := range []struct {
		name, want string
		stand      *stand
		key        string
	}{
		{"wrong key", "401 401: it refuses the key", &stand{}, "ffff"},
		{"no such interface", "404", always(http.StatusNotFound, "{}"), ""},
		{"throttled for good", "429 : it throttles us", always(http.StatusTooManyRequests, "{}"), ""},
		{"a document too few", "neither a score nor an error for document 0 of 1", always(http.StatusOK, `{"results":{"documents":[]}}`), ""},
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

func TestOptions(t *testing.T) {
	_, err := azure.Open(azure.Options{Endpoint: "example", API: "v3"})
	for _, want := range []string{`endpoint "example"`, "the key is empty", `api "v3" is unknown`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
