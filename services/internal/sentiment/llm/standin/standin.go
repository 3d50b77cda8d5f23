// Package standin plays an OpenAI-compatible endpoint with structured outputs, for tests and for the simulator. It has no
// part in production.
//
// It answers POST .../chat/completions as OpenAI, Azure OpenAI, vLLM and Ollama document it, keeps to the part of that
// which this project uses, and refuses the rest in their words. It is no language model: it reads the texts out of the
// user's message and rates them by the backend that it is given. So it cannot be talked into anything, and shows nothing
// of what a model would be.
package standin

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// Model is the model that answers, whatever name it was asked by.
const Model = "stand-in"

// Options are who may ask, what is answered, and what goes wrong.
type Options struct {
	// Takes tells whether a key, empty where none was sent, may ask.
	Takes func(key string) bool
	// Models are the names by which it can be asked; empty: any.
	Models []string
	// Backend gives the scores.
	Backend sentiment.Backend
	// Misbehave answers a request in the endpoint's place where it returns true; nil never does.
	Misbehave func(w http.ResponseWriter, r *http.Request) bool
	// Refuse tells whether the content filter refuses a request with a text; nil refuses none.
	Refuse func(text string) bool
	// Broken tells whether an answer leaves out its last result; nil breaks none.
	Broken func() bool
}

// Service is one endpoint. Its methods may be called at the same time.
type Service struct {
	o Options

	mu     sync.Mutex
	counts map[string]int
}

var _ http.Handler = (*Service)(nil)

// New returns a Service.
func New(o Options) *Service {
	if o.Misbehave == nil {
		o.Misbehave = func(http.ResponseWriter, *http.Request) bool { return false }
	}
	if o.Refuse == nil {
		o.Refuse = func(string) bool { return false }
	}
	if o.Broken == nil {
		o.Broken = func() bool { return false }
	}
	return &Service{o: o, counts: map[string]int{}}
}

// Counts are the requests and texts that were answered, the tokens that they took, and the requests that were refused.
func (s *Service) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

func (s *Service) count(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name] += n
}

// refusal is an answer that refuses.
type refusal struct {
	status                     int
	code, kind, param, message string
	filter                     bool // the content filter's
}

// Paths of the two kinds of addresses.
var (
	plainPath      = regexp.MustCompile(`^(/openai)?/v1/chat/completions$`)
	deploymentPath = regexp.MustCompile(`^/openai/deployments/([^/]+)/chat/completions$`)
)

// structuredSince is Azure's first api-version that takes JSON schemas.
const structuredSince = "2024-08-01"

// ServeHTTP serves one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, refused := s.serve(w, r)
	if refused != nil {
		s.count("refused", 1)
		write(w, refused.status, refused.body())
		return
	}
	if answer != nil {
		write(w, http.StatusOK, answer)
	}
}

// serve returns an answer or a refusal, or neither where a fault has answered.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) (any, *refusal) {
	deployment := deploymentPath.FindStringSubmatch(r.URL.Path)
	version := r.URL.Query().Get("api-version")
	switch {
	case deployment == nil && !plainPath.MatchString(r.URL.Path), deployment != nil && version == "":
		return nil, &refusal{status: http.StatusNotFound, code: "404", message: "Resource not found"}
	case r.Method != http.MethodPost:
		return nil, &refusal{status: http.StatusMethodNotAllowed, kind: "invalid_request_error", message: "Only POST requests are accepted."}
	case !s.o.Takes(keyOf(r)):
		return nil, &refusal{status: http.StatusUnauthorized, kind: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided: " + keyOf(r)}
	case deployment != nil && version < structuredSince:
		return nil, &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", param: "response_format", message: "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"}
	}
	var in request
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if s.o.Misbehave(w, r) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", message: "We could not parse the JSON body of your request."}
	}
	if deployment != nil {
		in.Model = deployment[1]
	}
	if refused := s.check(in); refused != nil {
		return nil, refused
	}
	return s.answer(r, in)
}

func keyOf(r *http.Request) string {
	if key := r.Header.Get("api-key"); key != "" {
		return key
	}
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// request is what is read of one.
type request struct {
	Model       string   `json:"model"`
	Temperature *float64 `json:"temperature"`
	MaxTokens   int      `json:"max_tokens"`
	Messages    []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Format struct {
		Type   string `json:"type"`
		Schema struct {
			Name   string          `json:"name"`
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// reasoning are the names of models that take no temperature.
var reasoning = regexp.MustCompile(`^(o[0-9]|gpt-5)`)

// check refuses what an endpoint refuses of a request.
func (s *Service) check(in request) *refusal {
	bad := func(param, message string) *refusal {
		return &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, message: message}
	}
	switch {
	case in.Model == "" || len(s.o.Models) > 0 && !slices.Contains(s.o.Models, in.Model) && !reasoning.MatchString(in.Model):
		return &refusal{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found", message: "The model `" + in.Model + "` does not exist or you do not have access to it."}
	case reasoning.MatchString(in.Model) && in.Temperature != nil:
		return bad("temperature", "Unsupported parameter: 'temperature' is not supported with this model.")
	case len(in.Messages) != 2 || in.Messages[0].Role != "system" || in.Messages[1].Role != "user":
		return bad("messages", "The stand-in takes a system's message and a user's.")
	case in.Format.Type != "json_schema" || !in.Format.Schema.Strict || in.Format.Schema.Name == "":
		return bad("response_format", "The stand-in takes response_format json_schema with a name and strict.")
	}
	return checkSchema(in.Format.Schema.Schema)
}

// checkSchema refuses what strict mode refuses: an object that does not require all its properties, or allows others.
func checkSchema(raw json.RawMessage) *refusal {
	var schema struct {
		Type       string                     `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		More       *bool                      `json:"additionalProperties"`
		Items      json.RawMessage            `json:"items"`
	}
	bad := &refusal{
		status: http.StatusBadRequest, kind: "invalid_request_error", param: "response_format",
		message: "Invalid schema for response_format: 'additionalProperties' is required to be supplied and to be false, and 'required' to include every key in properties.",
	}
	if json.Unmarshal(raw, &schema) != nil {
		return bad
	}
	if schema.Type == "array" {
		return checkSchema(schema.Items)
	}
	if schema.Type == "object" && (schema.More == nil || *schema.More || len(schema.Required) != len(schema.Properties)) {
		return bad
	}
	for _, property := range schema.Properties {
		if refused := checkSchema(property); refused != nil {
			return refused
		}
	}
	return nil
}

func (f *refusal) body() any {
	detail := map[string]any{"message": f.message, "type": orNull(f.kind), "param": orNull(f.param), "code": orNull(f.code)}
	if f.filter {
		detail["status"] = f.status
		detail["innererror"] = map[string]any{
			"code":                  "ResponsibleAIPolicyViolation",
			"content_filter_result": map[string]any{"hate": map[string]any{"filtered": true, "severity": "high"}, "violence": map[string]any{"filtered": false, "severity": "safe"}},
		}
	}
	return map[string]any{"error": detail}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// tokens is how many tokens a text may be: some four bytes each.
func tokens(s string) int { return (len(s) + 3) / 4 }

// completion is an answer with some content.
func (s *Service) completion(in request, content, finish string) any {
	prompt := 16 + tokens(string(in.Format.Schema.Schema))
	for _, m := range in.Messages {
		prompt += tokens(m.Content)
	}
	used := tokens(content)
	s.count("requests", 1)
	s.count("tokens", prompt+used)
	return map[string]any{
		"id": "chatcmpl-standin", "object": "chat.completion", "created": time.Now().Unix(), "model": Model, "system_fingerprint": "fp_standin",
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": finish, "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": content, "refusal": nil},
		}},
		"usage": map[string]any{"prompt_tokens": prompt, "completion_tokens": used, "total_tokens": prompt + used},
	}
}
