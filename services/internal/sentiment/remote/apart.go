package remote

import (
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// Apart asks for all documents at once. A batch that is refused for what it holds is taken apart, half by half, until
// the document that is to blame stands alone.
//
// refused returns the sentiment of a document that was refused with err, nil where err has other causes; such an error
// ends it and is returned.
func Apart(documents []sentiment.Document, ask func([]sentiment.Document) ([]*feedbackv1.Sentiment, error), refused func(sentiment.Document, error) *feedbackv1.Sentiment) ([]*feedbackv1.Sentiment, error) {
	sentiments, err := ask(documents)
	if err == nil {
		return sentiments, nil
	}
	s := refused(documents[0], err)
	switch {
	case s == nil:
		return nil, err
	case len(documents) == 1:
		return []*feedbackv1.Sentiment{s}, nil
	}
	half := len(documents) / 2
	first, err := Apart(documents[:half], ask, refused)
	if err != nil {
		return nil, err
	}
	second, err := Apart(documents[half:], ask, refused)
	if err != nil {
		return nil, err
	}
	return append(first, second...), nil
}
