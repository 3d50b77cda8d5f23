package azure

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// languageAPI is Azure AI Language: POST /language/:analyze-text.
type languageAPI struct{}

const analyzeText = "/language/:analyze-text?api-version=2023-04-01"

type analysis struct {
	Kind       string        `json:"kind"`
	Parameters parameters    `json:"parameters"`
	Input      analysisInput `json:"analysisInput"`
}

type parameters struct {
	ModelVersion string `json:"modelVersion"`
	// LoggingOptOut keeps the service from storing what it is sent.
	LoggingOptOut bool `json:"loggingOptOut"`
}

type analysisInput struct {
	Documents []analysisDocument `json:"documents"`
}

type analysisDocument struct {
	ID       string `json:"id"`
	Language string `json:"language,omitempty"`
	Text     string `json:"text"`
}

// analysisResults are those of both kinds; each document has what its kind gives.
type analysisResults struct {
	Results struct {
		Documents []struct {
			ID               string `json:"id"`
			Sentiment        string `json:"sentiment"`
			Scores           shares `json:"confidenceScores"`
			DetectedLanguage struct {
				ISO6391Name     string  `json:"iso6391Name"`
				ConfidenceScore float64 `json:"confidenceScore"`
			} `json:"detectedLanguage"`
		} `json:"documents"`
		Errors []struct {
			ID    string        `json:"id"`
			Error documentError `json:"error"`
		} `json:"errors"`
		ModelVersion string `json:"modelVersion"`
	} `json:"results"`
}

type documentError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Inner   *documentError `json:"innererror"`
}

// limits are the service's: 1,000 texts for languages, 10 for scores. A text may have 20 kB and a request 1 MB.
func (languageAPI) limits() (languages, scores int) { return 40, 10 }

func (languageAPI) detect(ctx context.Context, b *Backend, texts []string) ([]language, error) {
	request := analysis{Kind: "LanguageDetection", Parameters: parameters{ModelVersion: "latest", LoggingOptOut: true}}
	for i, t := range texts {
		request.Input.Documents = append(request.Input.Documents, analysisDocument{ID: strconv.Itoa(i), Text: t})
	}
	var answer analysisResults
	if err := b.post(ctx, analyzeText, request, &answer); err != nil {
		return nil, err
	}
	out := make([]language, len(texts))
	for _, d := range answer.Results.Documents {
		i, err := index(d.ID, len(texts))
		if err != nil {
			return nil, err
		}
		out[i] = language{known(d.DetectedLanguage.ISO6391Name), d.DetectedLanguage.ConfidenceScore}
	}
	return out, nil
}

// known is a language's tag, empty for "(Unknown)".
func known(tag string) string {
	if strings.HasPrefix(tag, "(") {
		return ""
	}
	return tag
}

func (languageAPI) score(ctx context.Context, b *Backend, texts []text) ([]*feedbackv1.Sentiment, error) {
	request := analysis{Kind: "SentimentAnalysis", Parameters: parameters{ModelVersion: "latest", LoggingOptOut: true}}
	for i, t := range texts {
		request.Input.Documents = append(request.Input.Documents, analysisDocument{ID: strconv.Itoa(i), Language: t.language.GetTag(), Text: t.text})
	}
	var answer analysisResults
	if err := b.post(ctx, analyzeText, request, &answer); err != nil {
		return nil, err
	}
	out := make([]*feedbackv1.Sentiment, len(texts))
	model := Name + "-language/" + answer.Results.ModelVersion
	for _, d := range answer.Results.Documents {
		i, err := index(d.ID, len(texts))
		if err != nil {
			return nil, err
		}
		score, err := d.Scores.score(d.ID)
		if err != nil {
			return nil, err
		}
		out[i] = &feedbackv1.Sentiment{Score: &score, Label: labels[d.Sentiment], Language: texts[i].language, Model: model}
	}
	for _, e := range answer.Results.Errors {
		i, err := index(e.ID, len(texts))
		if err != nil {
			return nil, err
		}
		out[i] = refused(model, texts[i], e.Error)
	}
	return out, complete(out)
}

// shares are how sure the service is of each label.
type shares struct {
	Positive float64 `json:"positive"`
	Neutral  float64 `json:"neutral"`
	Negative float64 `json:"negative"`
}

// roundings is how far the sum of three shares, each with two decimals, may be from 1, with room to spare.
const roundings = 0.1

// score is P(positive) + P(neutral)/2. What are no shares of a whole, as where they are left out, is an error: a score of 0
// would be an alarm.
func (s shares) score(id string) (float64, error) {
	if sum := s.Positive + s.Neutral + s.Negative; min(s.Positive, s.Neutral, s.Negative) < 0 || sum < 1-roundings || sum > 1+roundings {
		return 0, answerErrorf("the confidenceScores of document %q are positive %v, neutral %v and negative %v, which are no shares of 1", id, s.Positive, s.Neutral, s.Negative)
	}
	return min(1, s.Positive+s.Neutral/2), nil
}

// labels are the service's; mixed is neither the one nor the other.
var labels = map[string]feedbackv1.Label{
	"positive": feedbackv1.Label_LABEL_POSITIVE, "negative": feedbackv1.Label_LABEL_NEGATIVE,
	"neutral": feedbackv1.Label_LABEL_NEUTRAL, "mixed": feedbackv1.Label_LABEL_NEUTRAL,
}

// refused is the sentiment of a text that the service has refused by itself.
func refused(model string, t text, e documentError) *feedbackv1.Sentiment {
	reason := feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED
	for e.Inner != nil {
		e = *e.Inner
	}
	if e.Code == "UnsupportedLanguageCode" {
		reason = feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE
	}
	return sentiment.Unscored(model, t.language, reason, strings.TrimSpace("azure: "+e.Code+" "+e.Message))
}

// index is the place of the document that an answer calls id.
func index(id string, n int) (int, error) {
	i, err := strconv.Atoi(id)
	if err != nil || i < 0 || i >= n {
		return 0, answerErrorf("the answer has a document %q, which was not asked about", id)
	}
	return i, nil
}

// complete is an error where an answer leaves out a document.
func complete(all []*feedbackv1.Sentiment) error {
	for i, s := range all {
		if s == nil {
			return answerErrorf("the answer has neither a score nor an error for document %d of %d", i+1, len(all))
		}
	}
	return nil
}

// answerError says what of an answer is not as the service's interface has it.
type answerError struct{ what string }

func (e *answerError) Error() string { return e.what }

func answerErrorf(format string, args ...any) error {
	return &answerError{fmt.Sprintf(format, args...)}
}
