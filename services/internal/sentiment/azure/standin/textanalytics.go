package standin

import (
	"encoding/json"
	"net/http"
	"strings"
)

// v2Languages are those that v2.0 scores.
const v2Languages = "da de el en es fi fr it nl no pl pt pt-BR pt-PT ru sv tr"

// v2 answers a request of Text Analytics v2.0.
func (s *Service) v2(r *http.Request, operation string, body []byte) (any, *refusal) {
	var in struct {
		Documents []document `json:"documents"`
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, &refusal{status: http.StatusBadRequest, code: "InvalidRequest", message: badBody}
	}
	if refused := checkBatch(in.Documents, maxDetected); refused != nil {
		return nil, refused
	}
	failures := []any{}
	var good []document
	for _, d := range in.Documents {
		why := s.reject(operation, d)
		if why == "" && operation == Sentiment && !speaks(v2Languages, d.Language) {
			why = "Supplied language not supported. Pass in one of: " + strings.ReplaceAll(v2Languages, " ", ",")
		}
		if why != "" {
			failures = append(failures, map[string]any{"id": d.ID, "message": why})
			continue
		}
		good = append(good, d)
	}
	read, err := s.feel(r.Context(), good)
	if err != nil {
		return nil, unavailable(err)
	}
	answers := []any{}
	for i, d := range good {
		if operation == Languages {
			answers = append(answers, map[string]any{"id": d.ID, "detectedLanguages": []any{map[string]any{
				"name": read[i].name(), "iso6391Name": read[i].tag(), "score": read[i].confidence()}}})
			continue
		}
		answers = append(answers, map[string]any{"id": d.ID, "score": read[i].scores.Positive + read[i].scores.Neutral/2})
	}
	s.count(operation+"_requests", 1)
	s.count(operation+"_texts", len(good))
	return map[string]any{"documents": answers, "errors": failures}, nil
}
