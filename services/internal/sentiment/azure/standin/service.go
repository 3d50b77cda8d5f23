// Package standin plays Azure AI Language and Text Analytics v2.0, for tests and for the simulator. It has no part in
// production.
//
// It keeps the limits that the services document (texts and bytes a request, characters a text, one task a request), and
// answers in their words: what concerns a request is an HTTP error, what concerns one text stands among the answer's
// errors. Its scores are not Azure's: they are those of the backend that it is given, and the model's version says so.
package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// The operations, as faults name them.
const (
	Languages = "languages"
	Sentiment = "sentiment"
)

// Version is the model's version in answers, which Azure gives as a date.
const Version = "stand-in"

// Limits that the services document.
const (
	maxBody       = 1 << 20
	maxText       = 5_120 // characters a text
	maxDetected   = 1_000 // texts a request for languages, and of both kinds in v2.0
	maxScored     = 10    // texts a request for scores
	keyHeader     = "Ocp-Apim-Subscription-Key"
	analyzePath   = "/language/:analyze-text"
	analyzeSince  = "2022-05-01" // the first api-version of :analyze-text
	v2Path        = "/text/analytics/v2.0/"
	wrongKey      = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."
	noSuchPath    = "Resource not found"
	badBody       = "Invalid Request."
	tooLong       = "A document within the request was too large to be processed. Limit document size to: 5120 text elements."
	emptyDocument = "Document text is empty."
	refusedText   = "The document cannot be processed."
)

// Options are who may ask, what is answered, and what goes wrong.
type Options struct {
	// Takes tells whether a key is one of the resource's.
	Takes func(key string) bool
	// Backend gives the scores and the languages.
	Backend sentiment.Backend
	// Misbehave answers an operation's request in the service's place where it returns true; nil never does.
	Misbehave func(w http.ResponseWriter, r *http.Request, operation string) bool
	// Refuse tells whether an operation refuses a text by itself; nil refuses none.
	Refuse func(operation, text string) bool
}

// Service is one resource of either service. Its methods may be called at the same time.
type Service struct {
	o Options

	mu     sync.Mutex
	counts map[string]int
}

var _ http.Handler = (*Service)(nil)

// New returns a Service.
func New(o Options) *Service {
	if o.Misbehave == nil {
		o.Misbehave = func(http.ResponseWriter, *http.Request, string) bool { return false }
	}
	if o.Refuse == nil {
		o.Refuse = func(string, string) bool { return false }
	}
	return &Service{o: o, counts: map[string]int{}}
}

// Counts are the requests and the texts that were answered, by operation, and the requests that were refused.
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

// document is one text of a request, in both services.
type document struct {
	ID       string `json:"id"`
	Text     string `json:"text"`
	Language string `json:"language"`
}

// refusal is an answer about a whole request.
type refusal struct {
	status        int
	code, message string
	inner         string // code of the inner error, empty for none
}

// ServeHTTP serves both services.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, refused := s.serve(w, r)
	if refused != nil {
		s.count("refused", 1)
		write(w, refused.status, refused.body(r.URL.Path))
		return
	}
	if answer != nil {
		write(w, http.StatusOK, answer)
	}
}

// serve returns an answer or a refusal, or neither where a fault has answered.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) (any, *refusal) {
	v2, isV2 := strings.CutPrefix(r.URL.Path, v2Path)
	isV2 = isV2 && (v2 == Languages || v2 == Sentiment)
	switch {
	case !s.o.Takes(r.Header.Get(keyHeader)):
		return nil, &refusal{status: http.StatusUnauthorized, code: "401", message: wrongKey}
	case r.URL.Path != analyzePath && !isV2, r.Method != http.MethodPost:
		return nil, &refusal{status: http.StatusNotFound, code: "404", message: noSuchPath}
	}
	body, refused := read(r)
	if refused != nil {
		return nil, refused
	}
	if isV2 {
		if s.o.Misbehave(w, r, v2) {
			return nil, nil
		}
		return s.v2(r, v2, body)
	}
	in, refused := parseAnalysis(r.URL.Query().Get("api-version"), body)
	if refused != nil {
		return nil, refused
	}
	if s.o.Misbehave(w, r, in.operation) {
		return nil, nil
	}
	return s.analyze(r, in)
}

// read returns the body of a request whose type and size are right.
func read(r *http.Request) ([]byte, *refusal) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, code: "415", message: "Unsupported media type: send application/json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, code: "InvalidRequest", message: "Request is too large.", inner: "InvalidDocumentBatch"}
	}
	if err != nil || !utf8.Valid(body) {
		return nil, &refusal{status: http.StatusBadRequest, code: "InvalidRequest", message: badBody, inner: "InvalidRequestBodyFormat"}
	}
	return body, nil
}

// checkBatch says what of a batch as a whole is wrong.
func checkBatch(documents []document, most int) *refusal {
	bad := func(inner, message string) *refusal {
		return &refusal{status: http.StatusBadRequest, code: "InvalidRequest", message: message, inner: inner}
	}
	if len(documents) == 0 {
		return bad("MissingInputDocuments", "Missing input documents.")
	}
	if len(documents) > most {
		return bad("InvalidDocumentBatch", fmt.Sprintf("Batch request contains too many records. Max %d records are permitted.", most))
	}
	seen := map[string]bool{}
	for _, d := range documents {
		if d.ID == "" {
			return bad("InvalidDocument", "Document id is empty.")
		}
		if seen[d.ID] {
			return bad("InvalidDocument", "Request contains duplicated Ids. Make sure each document has a unique Id.")
		}
		seen[d.ID] = true
	}
	return nil
}

// reject says why an operation refuses one text, empty where it does not.
func (s *Service) reject(operation string, d document) string {
	switch {
	case strings.TrimSpace(d.Text) == "":
		return emptyDocument
	case utf8.RuneCountInString(d.Text) > maxText:
		return tooLong
	case s.o.Refuse(operation, d.Text):
		return refusedText
	}
	return ""
}

// body is the refusal in the words of the service of that path.
func (f *refusal) body(path string) any {
	if strings.HasPrefix(path, v2Path) && f.status == http.StatusBadRequest {
		return map[string]any{"code": "BadRequest", "message": "Invalid request", "innerError": map[string]any{"code": "InvalidRequestContent", "message": f.message}}
	}
	e := map[string]any{"code": f.code, "message": f.message}
	if f.inner != "" {
		e["innererror"] = map[string]any{"code": f.inner, "message": f.message}
	}
	return map[string]any{"error": e}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
