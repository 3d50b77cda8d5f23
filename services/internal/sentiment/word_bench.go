//go:build bench

package sentiment

import (
	"context"
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

func init() { extra["word"] = func(Options) (Backend, error) { return oneWord{}, nil } }

// oneWord is a lexicon of one word, for make bench: it costs next to nothing, so that what is measured is
// the loop around it. Programs have it only if they are built with the tag bench.
type oneWord struct{}

var _ Backend = oneWord{}

// Score gives texts with the word love 0.9 and all others 0.5.
func (oneWord) Score(_ context.Context, documents []Document) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, len(documents))
	for i, d := range documents {
		score, label := 0.5, feedbackv1.Label_LABEL_NEUTRAL
		if strings.Contains(strings.ToLower(d.Text), "love") {
			score, label = 0.9, feedbackv1.Label_LABEL_POSITIVE
		}
		out[i] = &feedbackv1.Sentiment{
			Score: &score, Label: label, Model: "word",
			Language: &feedbackv1.Language{Tag: "en", Origin: feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_ASSUMED},
		}
	}
	return out, nil
}
