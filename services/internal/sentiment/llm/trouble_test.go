package llm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm"
)

func TestRefusalsAreUnscored(t *testing.T) {
	about := func(a asked, word string) bool {
		return slices.ContainsFunc(a.Texts, func(t struct{ ID, Text string }) bool { return strings.Contains(t.Text, word) })
	}
	for name, c := range map[string]struct {
		broken func(s *stand) func(a asked, w http.ResponseWriter) bool
		want   string
	}{
		"by the model": {func(*stand) func(asked, http.ResponseWriter) bool {
			return func(a asked, w http.ResponseWriter) bool {
				if about(a, "poison") {
					fmt.Fprint(w, `{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"I cannot, says the text: visit evil.example"}}]}`)
					return true
				}
				return false
			}
		}, "refused: llm: the model refused it"},
		"by the filter of what is asked": {func(*stand) func(asked, http.ResponseWriter) bool {
			return func(a asked, w http.ResponseWriter) bool {
				if about(a, "poison") {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, `{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"},"violence":{"filtered":false,"severity":"safe"}}}}}`)
					return true
				}
				return false
			}
		}, "refused: llm: the service's content filter refused it (hate)"},
		"by the filter of what is answered": {func(s *stand) func(asked, http.ResponseWriter) bool {
			return func(a asked, w http.ResponseWriter) bool {
				if about(a, "poison") {
					s.answer(w, `{"results":[`, "content_filter")
					return true
				}
				return false
			}
		}, "refused: llm: the service's content filter cut the answer"},
		"as something that the endpoint cannot take": {func(*stand) func(asked, http.ResponseWriter) bool {
			return func(a asked, w http.ResponseWriter) bool {
				if about(a, "poison") {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, `{"error":{"message":"unsupported character\nin prompt","type":"BadRequestError","param":null,"code":400}}`)
					return true
				}
				return false
			}
		}, "refused: llm: it answered 400 Bad Request: unsupported character in prompt, twice, while another text was answered"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stand{}
			s.broken = c.broken(s)
			got, err := open(t, s, llm.Options{}).Score(t.Context(), documents("I love it", "poison", "I hate it"))
			if want := []string{"positive 0.95", c.want, "negative 0.05"}; err != nil || !slices.Equal(words(got), want) {
				t.Errorf("got  %q %v\nwant %q", words(got), err, want)
			}
		})
	}
}

func TestThrottledIsAskedAgain(t *testing.T) {
	for _, header := range []string{"Retry-After-Ms: 1", "X-Ratelimit-Reset-Tokens: 1ms", "X-Ratelimit-Reset-Requests: 0.001"} {
		s := &stand{}
		s.broken = func(_ asked, w http.ResponseWriter) bool {
			if len(s.requests()) > 2 {
				return false
			}
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		began := time.Now()
		got, err := open(t, s, llm.Options{}).Score(t.Context(), documents("I love it"))
		if err != nil || words(got)[0] != "positive 0.95" || len(s.requests()) != 3 {
			t.Errorf("%s: got %v %v after %d requests, want the third answer", header, words(got), err, len(s.requests()))
		}
		if d := time.Since(began); d > 500*time.Millisecond {
			t.Errorf("%s: it took %s, want what the header says", header, d)
		}
	}
}

func TestALongWaitIsKeptAndTold(t *testing.T) {
	s := &stand{broken: func(_ asked, w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}}
	b := open(t, s, llm.Options{})
	for range 3 {
		_, err := b.Score(t.Context(), documents("I love it"))
		if err == nil || !strings.Contains(err.Error(), "429") || !strings.Contains(err.Error(), "it throttles us") {
			t.Fatalf("got %v, want it to say that we are throttled", err)
		}
		var throttled *llm.ThrottledError
		if !errors.As(err, &throttled) || time.Until(throttled.Until) < 80*time.Second {
			t.Fatalf("got %#v, want when to ask again", err)
		}
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("got %d requests, want one in 90 s", n)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	always := func(status int, body string) func(asked, http.ResponseWriter) bool {
		return func(_ asked, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for _, c := range []struct {
		name   string
		broken func(asked, http.ResponseWriter) bool
		o      llm.Options
		want   []string
	}{
		{"a wrong key", always(401, `{"error":{"message":"Incorrect API key provided: `+key+`","code":"invalid_api_key"}}`), llm.Options{Key: key}, []string{"401", "credentialsSecretRef", "keyHeader"}},
		{"no key", always(401, `{}`), llm.Options{}, []string{"401", "set spec.scorer.llm.credentialsSecretRef"}},
		{"a wrong model", always(404, `{"error":{"message":"The model small does not exist","code":"model_not_found"}}`), llm.Options{}, []string{"404", "The model small does not exist", `spec.scorer.llm.model "small"`}},
		{"a wrong path", always(404, `<html>nothing</html>`), llm.Options{}, []string{"404", "spec.scorer.llm.endpoint"}},
		{"no schema", always(400, `{"error":{"message":"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.","param":"response_format","code":null}}`), llm.Options{}, []string{"400", "it takes no JSON schema", "spec.scorer.llm.model"}},
		{"no temperature", always(400, `{"error":{"message":"Unsupported value","param":"temperature","code":"unsupported_value"}}`), llm.Options{}, []string{"400", "takes no temperature of 0"}},
		{"a spent quota", always(429, `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`), llm.Options{}, []string{"429", "its own quota is spent"}},
		{"a failure of its own", always(503, `upstream connect error`), llm.Options{}, []string{"503", "it fails by itself"}},
		{"another address", func(_ asked, w http.ResponseWriter) bool {
			w.Header().Set("Location", "https://elsewhere.example/v1/chat/completions")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}, llm.Options{Key: key}, []string{"307", "elsewhere: set spec.scorer.llm.endpoint"}},
		{"a page", func(_ asked, w http.ResponseWriter) bool { fmt.Fprint(w, "<html>welcome</html>"); return true }, llm.Options{}, []string{"no chat completion"}},
		{"no TLS", nil, llm.Options{Endpoint: "TLS"}, []string{"does it speak no TLS", "spec.scorer.llm.endpoint"}},
		{"nobody there", nil, llm.Options{Endpoint: "http://127.0.0.1:1/v1"}, []string{"127.0.0.1:1", "connection refused", "is it running"}},
		{"slow", func(a asked, _ http.ResponseWriter) bool { <-release; return true }, llm.Options{Timeout: 50 * time.Millisecond}, []string{"it took longer than 50ms", "spec.scorer.llm.timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "slow" {
				release = make(chan struct{})
				defer close(release)
			}
			_, err := open(t, &stand{broken: c.broken}, c.o).Score(t.Context(), documents("I love it", "I hate it"))
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), key) {
				t.Errorf("got %q, want one line without the key", err)
			}
		})
	}
}

var release chan struct{}

func TestSaysWhatWasAnsweredWhereNobodyWaits(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []int // one after the other; nobody waits any longer when the last is given
		want    string
	}{
		{"away", []int{503, 503}, "answered 503 last"},
		{"overcome by another request", []int{429, 200, 200}, context.Canceled.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			s := &stand{broken: func(_ asked, w http.ResponseWriter) bool {
				status := c.answers[min(n, len(c.answers)-1)]
				if n++; n == len(c.answers) {
					cancel()
				}
				if status != http.StatusOK {
					w.Header().Set("Retry-After-Ms", "1")
					w.WriteHeader(status)
				}
				return status != http.StatusOK
			}}
			_, err := open(t, s, llm.Options{Documents: 1, Concurrency: 1}).Score(ctx, documents("I love it", "I hate it"))
			if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v, want %q at its end", err, c.want)
			}
		})
	}
}

// What was answered is not paid for again when a part of its batch fails.
func TestAFailedPartDoesNotCostTheOthersAgain(t *testing.T) {
	s := &stand{}
	fail := true
	s.broken = func(a asked, w http.ResponseWriter) bool {
		if fail && strings.Contains(a.Raw, "late") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	b := open(t, s, llm.Options{Documents: 1, Concurrency: 1})
	if _, err := b.Score(t.Context(), documents("one", "two", "late")); err == nil {
		t.Fatal("got no error")
	}
	fail = false
	got, err := b.Score(t.Context(), documents("one", "two", "late"))
	if err != nil || len(got) != 3 {
		t.Fatalf("got %v, %v", words(got), err)
	}
	if n := len(s.requests()); n != 4 {
		t.Errorf("got %d requests, want 3 and the one that failed again", n)
	}
}

// Whoever asks for a text that is remembered while the endpoint is away is told that it is: the loop takes a record that
// passes as a sign that the others, which do not, are to blame.
func TestWhatIsRememberedHidesNoFailure(t *testing.T) {
	s := &stand{}
	away := false
	s.broken = func(_ asked, w http.ResponseWriter) bool {
		if away {
			w.WriteHeader(http.StatusUnauthorized)
		}
		return away
	}
	b := open(t, s, llm.Options{Key: key})
	score := func(text string) error {
		_, err := b.Score(t.Context(), documents(text))
		return err
	}
	if err := errors.Join(score("I love it"), score("I love it")); err != nil || len(s.requests()) != 1 {
		t.Fatalf("got %v and %d requests, want one for both", err, len(s.requests()))
	}
	away = true
	for _, text := range []string{"another", "I love it", "I love it"} {
		if err := score(text); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("got %v for %q, want that the key is refused", err, text)
		}
	}
	away = false
	before := len(s.requests())
	if err := errors.Join(score("I love it"), score("I love it")); err != nil || len(s.requests()) != before+1 {
		t.Errorf("got %v and %d requests once the endpoint answers, want one that finds that out", err, len(s.requests())-before)
	}
}

func TestATooLargeRequestIsTakenApart(t *testing.T) {
	s := &stand{broken: func(a asked, w http.ResponseWriter) bool {
		if len(a.Texts) > 2 {
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"error":{"message":"Request too large for small on tokens per min (TPM): Limit 10000, Requested 12000.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`)
			return true
		}
		return false
	}}
	got, err := open(t, s, llm.Options{}).Score(t.Context(), documents("I love it", "b", "c", "d", "I hate it"))
	if want := []string{"positive 0.95", "neutral 0.50", "neutral 0.50", "neutral 0.50", "negative 0.05"}; err != nil || !slices.Equal(words(got), want) {
		t.Errorf("got %q %v, want %q", words(got), err, want)
	}
}
