// Package conformance is what every backend that asks a service has to pass: one table for all of them.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// Rate is how the service of a Stand rates: a text with "love" is positive, one with "hate" negative, all others neutral.
func Rate(text string) (positive, neutral, negative float64) {
	switch {
	case strings.Contains(text, "love"):
		return 0.9, 0.1, 0
	case strings.Contains(text, "hate"):
		return 0, 0.1, 0.9
	}
	return 0, 1, 0
}

// Refused tells whether the service of a Stand refuses a text by itself.
func Refused(text string) bool { return strings.Contains(text, "poison") }

// Stand is a backend with a service of the test's own behind it.
type Stand struct {
	// Open returns the backend. Its service rates by Rate and refuses by Refused; while away is true it fails as one does
	// that is overloaded.
	Open func(t *testing.T, away *atomic.Bool) sentiment.Backend
	// Secret stands in no error.
	Secret string
}

// Run runs the table.
func Run(t *testing.T, s Stand) {
	for name, test := range map[string]func(*testing.T, sentiment.Backend, *atomic.Bool){
		"no documents":            none,
		"order and refusals":      inOrder,
		"whatever a text holds":   whatever,
		"several at a time":       together,
		"away":                    s.away,
		"the end of its context":  ended,
		"all that a record needs": complete,
	} {
		t.Run(name, func(t *testing.T) {
			away := &atomic.Bool{}
			test(t, s.Open(t, away), away)
		})
	}
}

func english(texts ...string) []sentiment.Document {
	var out []sentiment.Document
	for _, text := range texts {
		out = append(out, sentiment.Document{Text: text, Language: "en", Kind: feedbackv1.SourceKind_SOURCE_KIND_SLACK})
	}
	return out
}

func none(t *testing.T, b sentiment.Backend, _ *atomic.Bool) {
	if got, err := b.Score(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v for no documents, want none", got, err)
	}
}

// mixed are n documents, each with a text of its own, of which every 25th is refused.
func mixed(n int) []sentiment.Document {
	var texts []string
	for i := range n {
		word := []string{"love", "hate", "have"}[i%3]
		if i%25 == 7 {
			word = "poison"
		}
		texts = append(texts, fmt.Sprintf("I %s it, %d times", word, i))
	}
	return english(texts...)
}

// wrong says what is wrong with the sentiment of one of mixed, empty for nothing.
func wrong(s *feedbackv1.Sentiment, d sentiment.Document) string {
	positive, _, negative := Rate(d.Text)
	switch {
	case Refused(d.Text):
		if s.Score != nil || s.GetUnscoredReason() != feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED || s.GetUnscoredDetail() == "" {
			return "want it refused with the reason"
		}
	case s.Score == nil,
		positive > 0 && (s.GetScore() <= 0.6 || s.GetLabel() != feedbackv1.Label_LABEL_POSITIVE),
		negative > 0 && (s.GetScore() >= 0.4 || s.GetLabel() != feedbackv1.Label_LABEL_NEGATIVE),
		positive+negative == 0 && (s.GetScore() != 0.5 || s.GetLabel() != feedbackv1.Label_LABEL_NEUTRAL):
		return fmt.Sprintf("want the score of shares %.1f and %.1f", positive, negative)
	}
	return ""
}

func inOrder(t *testing.T, b sentiment.Backend, _ *atomic.Bool) {
	documents := mixed(250)
	got, err := b.Score(t.Context(), documents)
	if err != nil || len(got) != len(documents) {
		t.Fatalf("got %d sentiments for %d documents, %v", len(got), len(documents), err)
	}
	for i, s := range got {
		if why := wrong(s, documents[i]); why != "" {
			t.Errorf("document %d, %q: got %v, %s", i, documents[i].Text, s, why)
		}
	}
}

func whatever(t *testing.T, b sentiment.Backend, _ *atomic.Bool) {
	documents := english("", " \n\t", "\xff\xfe\xfd", "love \xff", "nul \x00", strings.Repeat("ä", 1_000_000), strings.Repeat("\x01", 50_000),
		"👩‍👩‍👧‍👦", "\u202e\u2028", `"}]}`, "<|im_end|>", "hate "+strings.Repeat("<[&", 20_000))
	documents = append(documents, sentiment.Document{Text: "love", Language: "und"}, sentiment.Document{Text: "hate"})
	got, err := b.Score(t.Context(), documents)
	if err != nil || len(got) != len(documents) {
		t.Fatalf("got %d sentiments for %d documents, %v", len(got), len(documents), err)
	}
	for i, s := range got {
		if s == nil || s.Score == nil && s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED {
			t.Errorf("document %d: got %v, want a score or a reason", i, s)
		}
	}
	if got[3].GetScore() <= 0.6 || got[11].GetScore() >= 0.4 {
		t.Errorf("got %v and %v, want the scores of what can be read of the texts", got[3], got[11])
	}
}

func together(t *testing.T, b sentiment.Backend, _ *atomic.Bool) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			documents := mixed(30)
			got, err := b.Score(t.Context(), documents)
			if err != nil || len(got) != len(documents) {
				t.Errorf("got %d sentiments, %v", len(got), err)
				return
			}
			for i, s := range got {
				if why := wrong(s, documents[i]); why != "" {
					t.Errorf("document %d: got %v, %s", i, s, why)
				}
			}
		})
	}
	all.Wait()
}

// away: a service that is away is an error, also to who asks for what was answered before, and none once it is back.
func (s Stand) away(t *testing.T, b sentiment.Backend, away *atomic.Bool) {
	documents := mixed(3)
	if _, err := b.Score(t.Context(), documents); err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	for _, asked := range [][]sentiment.Document{english("I love it still"), documents} {
		got, err := b.Score(t.Context(), asked)
		if err == nil || len(got) != 0 {
			t.Fatalf("got %v, %v while the service is away, want an error", got, err)
		}
		if text := err.Error(); strings.Contains(text, "\n") || s.Secret != "" && strings.Contains(text, s.Secret) {
			t.Errorf("got %q, want one line without a key", text)
		}
	}
	away.Store(false)
	got, err := b.Score(t.Context(), documents)
	if err != nil || wrong(got[0], documents[0]) != "" {
		t.Errorf("got %v, %v once it is back, want scores", got, err)
	}
}

func ended(t *testing.T, b sentiment.Backend, away *atomic.Bool) {
	away.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	began := time.Now()
	if _, err := b.Score(ctx, english("I love it")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
		t.Errorf("got %v after %s, want the context's error at once", err, time.Since(began))
	}
}

func complete(t *testing.T, b sentiment.Backend, _ *atomic.Bool) {
	got, err := b.Score(t.Context(), english("I love it", "poison"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got {
		if s.GetLanguage().GetTag() != "en" || s.GetModel() == "" {
			t.Errorf("got %v, want a language and a model", s)
		}
	}
	if !(got[0].GetScore() >= 0 && got[0].GetScore() <= 1) {
		t.Errorf("got a score of %v, want 0 to 1", got[0].GetScore())
	}
}

// Sentiment is that of a text which the service of a Stand does not refuse.
func Sentiment(text string) *feedbackv1.Sentiment {
	positive, neutral, negative := Rate(text)
	score := positive + neutral/2
	label := feedbackv1.Label_LABEL_NEUTRAL
	switch {
	case positive > 0.5:
		label = feedbackv1.Label_LABEL_POSITIVE
	case negative > 0.5:
		label = feedbackv1.Label_LABEL_NEGATIVE
	}
	return &feedbackv1.Sentiment{Score: &score, Label: label, Model: "conformance", Language: &feedbackv1.Language{Tag: "en"}}
}

// Backend rates by Rate, for stand-ins that want a backend.
type Backend struct{}

// Score implements sentiment.Backend.
func (Backend) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	var out []*feedbackv1.Sentiment
	for _, d := range documents {
		out = append(out, Sentiment(d.Text))
	}
	return out, ctx.Err()
}
