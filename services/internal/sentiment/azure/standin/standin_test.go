package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// one and many are batches in JSON.
func one(text string) string { return many(1, text, "en") }

func many(n int, text, language string) string {
	var all []map[string]string
	for i := range n {
		all = append(all, map[string]string{"id": fmt.Sprint(i), "text": text, "language": language})
	}
	b, _ := json.Marshal(all) //nolint:errchkjson // strings alone
	return string(b)
}

func analyze(kind, documents string) string {
	return `{"kind":"` + kind + `","parameters":{"modelVersion":"latest"},"analysisInput":{"documents":` + documents + `}}`
}

func newService(t *testing.T) *Service {
	t.Helper()
	b, err := sentiment.NewBuiltin(sentiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Takes: func(key string) bool { return key == "k" }, Backend: b})
}

// ask sends a body and returns the status and the answer.
func ask(t *testing.T, s *Service, path, key, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(keyHeader, key)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const current = analyzePath + "?api-version=2023-04-01"

func TestRefusesWhatTheServicesRefuse(t *testing.T) {
	scores := func(documents string) string { return analyze("SentimentAnalysis", documents) }
	for _, c := range []struct {
		name, path, key, body string
		status                int
		want                  string
	}{
		{"another's key", current, "x", scores(one("fine")), 401, `"code":"401"`},
		{"no key", "/text/analytics/v2.0/sentiment", "", "{}", 401, "invalid subscription key"},
		{"no api-version", analyzePath, "k", scores(one("fine")), 400, "InvalidParameterValue"},
		{"an api-version before it", analyzePath + "?api-version=2021-05-01", "k", scores(one("fine")), 400, "2021-05-01"},
		{"another path", "/language/analyze-text", "k", scores(one("fine")), 404, "Resource not found"},
		{"another operation", "/text/analytics/v2.0/keyPhrases", "k", "{}", 404, "Resource not found"},
		{"another task", current, "k", analyze("KeyPhraseExtraction", one("fine")), 400, "KeyPhraseExtraction"},
		{"no JSON", current, "k", "love", 400, "InvalidRequestBodyFormat"},
		{"no documents", current, "k", scores("[]"), 400, "MissingInputDocuments"},
		{"11 to score", current, "k", scores(many(11, "fine", "en")), 400, "Max 10 records"},
		{"1001 to detect", current, "k", analyze("LanguageDetection", many(1001, "fine", "")), 400, "Max 1000 records"},
		{"1001 by v2.0", "/text/analytics/v2.0/languages", "k", `{"documents":` + many(1001, "fine", "") + "}", 400, "InvalidRequestContent"},
		{"an id twice", current, "k", scores(`[{"id":"1","text":"a"},{"id":"1","text":"b"}]`), 400, "duplicated Ids"},
		{"a megabyte", current, "k", scores(one(strings.Repeat("a", 1<<20))), 413, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(t, newService(t), c.path, c.key, c.body)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s, want %d with %q", status, body, c.status, c.want)
			}
		})
	}
}

func TestRefusesTextsByThemselves(t *testing.T) {
	s := newService(t)
	s.o.Refuse = func(operation, text string) bool { return operation == Sentiment && text == "no" }
	documents := `[{"id":"a","text":"I love it","language":"en"},{"id":"b","text":" "},{"id":"c","text":"qo'","language":"tlh"},{"id":"d","text":"no"},
		{"id":"e","text":"` + strings.Repeat("ä", 5_121) + `"},{"id":"f","text":"` + strings.Repeat("ä", 5_120) + `"}]`
	want := map[string]string{"b": "empty", "c": "nvalid language code", "d": "cannot be processed", "e": "5120 text elements"}
	status, body := ask(t, s, current, "k", analyze("SentimentAnalysis", documents))
	var got struct {
		Results struct {
			Documents []struct{ ID string }
			Errors    []struct {
				ID    string
				Error struct{ Innererror struct{ Message string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v: %s", status, err, body)
	}
	if r := got.Results; len(r.Documents) != 2 || r.Documents[0].ID != "a" || r.Documents[1].ID != "f" || len(r.Errors) != len(want) {
		t.Errorf("got %s, want a and f answered, and errors for the others", body)
	}
	for _, e := range got.Results.Errors {
		if !strings.Contains(e.Error.Innererror.Message, want[e.ID]) {
			t.Errorf("%s: %q, want %q in it", e.ID, e.Error.Innererror.Message, want[e.ID])
		}
	}
	if c := s.Counts(); c["sentiment_texts"] != 2 || c["sentiment_requests"] != 1 {
		t.Errorf("counts %v, want 2 texts in 1 request", c)
	}
}

func TestScoresAreTheBackends(t *testing.T) {
	s := newService(t)
	_, body := ask(t, s, current, "k", analyze("SentimentAnalysis", `[{"id":"0","text":"I love this, it is great."},{"id":"1","text":"I love it, great! I hate it, it is terrible."}]`))
	var got struct {
		Results struct {
			Documents []struct {
				Sentiment        string
				ConfidenceScores scores
				Sentences        []sentence
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, d := range got.Results.Documents {
		labels = append(labels, d.Sentiment)
		if c := d.ConfidenceScores; c.Positive+c.Neutral+c.Negative < 0.98 || c.Positive+c.Neutral+c.Negative > 1.02 {
			t.Errorf("confidence %+v, want a sum of 1", c)
		}
	}
	if !slices.Equal(labels, []string{"positive", "mixed"}) || got.Results.Documents[1].Sentences[1].Offset != len("I love it, great! ") {
		t.Errorf("got %s, want a positive and a mixed text, its second sentence at %d", body, len("I love it, great! "))
	}
}

func TestDetects(t *testing.T) {
	for _, c := range []struct{ path, body string }{
		{current, analyze("LanguageDetection", `[{"id":"0","text":"Das Portal ist heute wieder sehr langsam und ich verstehe nicht warum"},{"id":"1","text":"123"}]`)},
		{"/text/analytics/v2.0/languages", `{"documents":[{"id":"0","text":"Das Portal ist heute wieder sehr langsam und ich verstehe nicht warum"},{"id":"1","text":"123"}]}`},
	} {
		status, body := ask(t, newService(t), c.path, "k", c.body)
		for _, want := range []string{`"iso6391Name":"de"`, `"name":"German"`, `"iso6391Name":"(Unknown)"`} {
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s: %d %s, want %s in it", c.path, status, body, want)
			}
		}
	}
}
