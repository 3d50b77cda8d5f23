package azure

import (
	"context"
	"strconv"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// textAnalyticsAPI is Text Analytics v2.0, as the container images and stand-ins still speak it: POST
// /text/analytics/v2.0/languages and /text/analytics/v2.0/sentiment.
type textAnalyticsAPI struct{}

const (
	v2Languages = "/text/analytics/v2.0/languages"
	v2Sentiment = "/text/analytics/v2.0/sentiment"

	// v2Negative and v2Positive bound what is called neutral. The service gives a score and no label.
	v2Negative, v2Positive = 0.4, 0.6
)

type v2Request struct {
	Documents []analysisDocument `json:"documents"`
}

type v2Answer struct {
	Documents []struct {
		ID                string   `json:"id"`
		Score             *float64 `json:"score"`
		DetectedLanguages []struct {
			ISO6391Name string  `json:"iso6391Name"`
			Score       float64 `json:"score"`
		} `json:"detectedLanguages"`
	} `json:"documents"`
	Errors []struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	} `json:"errors"`
}

// limits keep within the service's 1,000 texts and 1 MB a request.
func (textAnalyticsAPI) limits() (languages, scores int) { return 40, 40 }

func (textAnalyticsAPI) detect(ctx context.Context, b *Backend, texts []string) ([]language, error) {
	var request v2Request
	for i, t := range texts {
		request.Documents = append(request.Documents, analysisDocument{ID: strconv.Itoa(i), Text: t})
	}
	var answer v2Answer
	if err := b.post(ctx, v2Languages, request, &answer); err != nil {
		return nil, err
	}
	out := make([]language, len(texts))
	for _, d := range answer.Documents {
		i, err := index(d.ID, len(texts))
		if err != nil {
			return nil, err
		}
		for _, l := range d.DetectedLanguages[:min(1, len(d.DetectedLanguages))] {
			out[i] = language{known(l.ISO6391Name), l.Score}
		}
	}
	return out, nil
}

func (textAnalyticsAPI) score(ctx context.Context, b *Backend, texts []text) ([]*feedbackv1.Sentiment, error) {
	var request v2Request
	for i, t := range texts {
		request.Documents = append(request.Documents, analysisDocument{ID: strconv.Itoa(i), Language: t.language.GetTag(), Text: t.text})
	}
	var answer v2Answer
	if err := b.post(ctx, v2Sentiment, request, &answer); err != nil {
		return nil, err
	}
	const model = Name + "-text-analytics/v2.0"
	out := make([]*feedbackv1.Sentiment, len(texts))
	for _, d := range answer.Documents {
		i, err := index(d.ID, len(texts))
		if err != nil {
			return nil, err
		}
		if d.Score == nil {
			continue
		}
		score := *d.Score
		if score < 0 || score > 1 {
			return nil, answerErrorf("the score of document %q is %v; a score is 0 to 1", d.ID, score)
		}
		out[i] = &feedbackv1.Sentiment{Score: &score, Label: v2Label(score), Language: texts[i].language, Model: model}
	}
	for _, e := range answer.Errors {
		i, err := index(e.ID, len(texts))
		if err != nil {
			return nil, err
		}
		out[i] = refused(model, texts[i], documentError{Message: e.Message})
	}
	return out, complete(out)
}

func v2Label(score float64) feedbackv1.Label {
	switch {
	case score < v2Negative:
		return feedbackv1.Label_LABEL_NEGATIVE
	case score > v2Positive:
		return feedbackv1.Label_LABEL_POSITIVE
	}
	return feedbackv1.Label_LABEL_NEUTRAL
}
