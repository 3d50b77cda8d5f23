package standin

import (
	"encoding/json"
	"math"
	"net/http"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// result is what is said of a text.
type result struct {
	ID       string  `json:"id"`
	Positive float64 `json:"positive"`
	Neutral  float64 `json:"neutral"`
	Negative float64 `json:"negative"`
}

// answer rates the texts that stand in the user's message.
func (s *Service) answer(r *http.Request, in request) (any, *refusal) {
	var user struct {
		Texts []struct {
			ID   string `json:"id"`
			Text string `json:"text"`
		} `json:"texts"`
	}
	if err := json.Unmarshal([]byte(in.Messages[1].Content), &user); err != nil {
		return s.completion(in, "I can only rate the texts of a JSON object.", "stop"), nil
	}
	var ask []sentiment.Document
	for _, t := range user.Texts {
		if s.o.Refuse(t.Text) {
			return nil, &refusal{
				status: http.StatusBadRequest, param: "prompt", code: "content_filter", filter: true,
				message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.",
			}
		}
		ask = append(ask, sentiment.Document{Text: t.Text})
	}
	rated, err := s.o.Backend.Score(r.Context(), ask)
	if err != nil {
		return nil, &refusal{status: http.StatusInternalServerError, kind: "server_error", message: err.Error()}
	}
	results := []result{}
	for i, t := range user.Texts {
		results = append(results, rate(t.ID, rated[i].Score))
	}
	if s.o.Broken() && len(results) > 0 {
		results = results[:len(results)-1]
	}
	content, err := json.Marshal(map[string]any{"results": results})
	if err != nil {
		return nil, &refusal{status: http.StatusInternalServerError, kind: "server_error", message: err.Error()}
	}
	if most := 4 * in.MaxTokens; most > 0 && len(content) > most {
		return s.completion(in, string(content[:most]), "length"), nil
	}
	s.count("texts", len(results))
	return s.completion(in, string(content), "stop"), nil
}

// rate makes shares of a score, in steps of a twentieth, as a model would; no score is neutral.
func rate(id string, score *float64) result {
	if score == nil {
		return result{ID: id, Neutral: 1}
	}
	n := math.Round(*score*20) / 20
	return result{
		ID: id, Positive: round(max(0, 2*n-1)), Neutral: round(1 - math.Abs(2*n-1)), Negative: round(max(0, 1-2*n)),
	}
}

func round(f float64) float64 { return math.Round(f*100) / 100 }
