// Package llm plays an OpenAI-compatible endpoint with the simulator's faults. The built-in models give its ratings.
package llm

import (
	"context"
	"net/http"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm/standin"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// Models are the names by which it can be asked, beside those of models that reason, which it refuses as OpenAI does.
var Models = []string{standin.Model, "gpt-4.1-mini", "gpt-4.1", "gpt-4o-mini", "qwen3:8b", "llama3.1:8b"}

// New returns the endpoint, which takes one key, and requests without any. It serves /v1/ and /openai/.
func New(key string, faults *fault.Set) *standin.Service {
	var mu sync.Mutex
	refused := map[string]bool{} // a text that the filter refused it refuses again
	faults.On(fault.Restore, func(fault.Fault) {
		mu.Lock()
		defer mu.Unlock()
		clear(refused)
	})
	return standin.New(standin.Options{
		Models: Models,
		Takes: func(got string) bool {
			if f, revoked := faults.Active(fault.Revoke, "llm"); revoked && f.Target == "llm" {
				faults.Hit(fault.Revoke, "llm")
				return false
			}
			return got == key || got == ""
		},
		Backend:   &lazy{open: sync.OnceValues(func() (*sentiment.Builtin, error) { return sentiment.NewBuiltin(sentiment.Options{}) })},
		Misbehave: func(w http.ResponseWriter, r *http.Request) bool { return misbehave(faults, w, r) },
		Refuse: func(text string) bool {
			mu.Lock()
			defer mu.Unlock()
			if _, hit := faults.Hit(fault.LLMRefuse, ""); hit {
				refused[text] = true
			}
			return refused[text]
		},
		Broken: func() bool {
			_, hit := faults.Hit(fault.LLMBroken, "")
			return hit
		},
	})
}

// misbehave answers in the endpoint's place where a fault wants that.
func misbehave(faults *fault.Set, w http.ResponseWriter, r *http.Request) bool {
	if f, ok := faults.Hit(fault.LLMSlow, ""); ok {
		select {
		case <-time.After(time.Duration(f.Delay)):
		case <-r.Context().Done():
			return true
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if _, ok := faults.Hit(fault.LLM503, ""); ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"message":"The server is overloaded or not ready yet.","type":"server_error","param":null,"code":null}}`))
		return true
	}
	if _, ok := faults.Hit(fault.LLM429, ""); ok {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("X-Ratelimit-Remaining-Tokens", "0")
		w.Header().Set("X-Ratelimit-Reset-Tokens", "1s")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"error":{"message":"Rate limit reached on tokens per min (TPM). Please try again in 1s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`))
		return true
	}
	return false
}

// lazy is a backend that is opened when somebody asks: most pipelines that are played have no language model.
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
