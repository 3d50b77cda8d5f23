package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
)

// analysis is a request of :analyze-text that was understood.
type analysis struct {
	kind, operation string
	documents       []document
}

// tasks are the kinds that are played.
var tasks = map[string]struct {
	operation string
	most      int
}{
	"LanguageDetection": {Languages, maxDetected},
	"SentimentAnalysis": {Sentiment, maxScored},
}

var dated = regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`)

// parseAnalysis reads a request of :analyze-text.
func parseAnalysis(version string, body []byte) (analysis, *refusal) {
	bad := func(inner, message string) (analysis, *refusal) {
		return analysis{}, &refusal{status: http.StatusBadRequest, code: "InvalidRequest", message: message, inner: inner}
	}
	if !dated.MatchString(version) || version < analyzeSince {
		return bad("InvalidParameterValue", fmt.Sprintf("The api-version %q is not supported: name one such as 2023-04-01.", version))
	}
	var in struct {
		Kind  string `json:"kind"`
		Input struct {
			Documents []document `json:"documents"`
		} `json:"analysisInput"`
		Parameters struct {
			ModelVersion string `json:"modelVersion"`
		} `json:"parameters"`
	}
	if json.Unmarshal(body, &in) != nil {
		return bad("InvalidRequestBodyFormat", badBody)
	}
	task, ok := tasks[in.Kind]
	switch v := in.Parameters.ModelVersion; {
	case !ok:
		return bad("InvalidParameterValue", fmt.Sprintf("Invalid kind %q: only LanguageDetection and SentimentAnalysis are played.", in.Kind))
	case v != "" && v != "latest":
		return bad("ModelVersionIncorrect", fmt.Sprintf("Invalid model version %q: only latest is played.", v))
	}
	return analysis{in.Kind, task.operation, in.Input.Documents}, checkBatch(in.Input.Documents, task.most)
}

// analyze answers a request of :analyze-text.
func (s *Service) analyze(r *http.Request, in analysis) (any, *refusal) {
	failures := []any{}
	var good []document
	for _, d := range in.documents {
		inner, why := "InvalidDocument", s.reject(in.operation, d)
		if why == "" && in.operation == Sentiment && !speaks(languages, d.Language) {
			inner, why = "UnsupportedLanguageCode", fmt.Sprintf("Invalid language code %q.", d.Language)
		}
		if why == "" {
			good = append(good, d)
			continue
		}
		failures = append(failures, map[string]any{"id": d.ID, "error": map[string]any{
			"code": "InvalidArgument", "message": "Invalid document in request.", "innererror": map[string]any{"code": inner, "message": why}}})
	}
	read, err := s.feel(r.Context(), good)
	if err != nil {
		return nil, unavailable(err)
	}
	answers := []any{}
	for i, d := range good {
		if in.operation == Languages {
			answers = append(answers, map[string]any{"id": d.ID, "warnings": []any{}, "detectedLanguage": map[string]any{
				"name": read[i].name(), "iso6391Name": read[i].tag(), "confidenceScore": read[i].confidence()}})
			continue
		}
		answers = append(answers, map[string]any{"id": d.ID, "warnings": []any{}, "sentiment": read[i].label,
			"confidenceScores": read[i].scores, "sentences": read[i].sentences})
	}
	s.count(in.operation+"_requests", 1)
	s.count(in.operation+"_texts", len(good))
	return map[string]any{"kind": in.kind + "Results", "results": map[string]any{
		"documents": answers, "errors": failures, "modelVersion": Version}}, nil
}

func unavailable(err error) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: err.Error()}
}
