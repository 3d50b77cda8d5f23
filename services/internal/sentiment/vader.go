package sentiment

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/jonreiter/govader"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	vaderModel = "vader/govader-f6505c8d03cc+1" // +1: with addedWords and changedEmoji

	// labelThreshold is where VADER's authors cut its compound value into labels.
	labelThreshold = 0.05

	// parallelFrom is the size of a batch from which on it is shared out among the cores.
	parallelFrom = 64
)

// Vader scores English text by VADER, a lexicon of words, emoticons and emoji with rules for
// negation, emphasis and contrast (Hutto and Gilbert, 2014). Its compound value in [-1, 1]
// becomes the score (compound+1)/2; the label follows the authors' thresholds of ±0.05. Text
// in another language is unscored with the reason.
type Vader struct {
	analyzer *govader.SentimentIntensityAnalyzer // only read after construction
	identify *Identifier
}

var _ Backend = (*Vader)(nil)

// NewVader returns the backend. It does no I/O and takes some 10 ms, as it reads the lexicon.
func NewVader(o Options) (*Vader, error) {
	identifier, err := NewIdentifier(o.AssumeLanguage)
	if err != nil {
		return nil, err
	}
	return &Vader{analyzer: newAnalyzer(), identify: identifier}, nil
}

// Score implements Backend. Its only error is that of ctx.
func (v *Vader) Score(ctx context.Context, documents []Document) ([]*feedbackv1.Sentiment, error) {
	sentiments := make([]*feedbackv1.Sentiment, len(documents))
	err := inParallel(ctx, len(documents), func(first, last int) error {
		for i := first; i < last; i++ {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("score: %w", context.Cause(ctx))
			}
			sentiments[i] = v.one(documents[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sentiments, nil
}

// inParallel calls do for all of n documents: a batch that is large enough is shared out among the cores.
func inParallel(ctx context.Context, n int, do func(first, last int) error) error {
	if n < parallelFrom {
		return do(0, n)
	}
	workers := runtime.GOMAXPROCS(0)
	share := (n + workers - 1) / workers
	group, _ := errgroup.WithContext(ctx)
	for first := 0; first < n; first += share {
		last := min(first+share, n)
		group.Go(func() error { return do(first, last) })
	}
	return group.Wait()
}

// one scores one document. A panic of a library, which the next try would only repeat, leaves
// the document unscored.
func (v *Vader) one(d Document) (s *feedbackv1.Sentiment) {
	defer func() {
		if p := recover(); p != nil {
			s = Unscored(vaderModel, &feedbackv1.Language{Tag: Undetermined},
				feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, fmt.Sprintf("the scorer failed on this text: %v", p))
		}
	}()
	text := clean(d.Text, maxScored)
	if text == "" {
		return Unscored(vaderModel, noText(d.Language),
			feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT, "there is no text to score")
	}
	lang := v.identify.identify(&d)
	if Base(lang.GetTag()) != "en" {
		return Unscored(vaderModel, lang, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, foreign(lang.GetTag()))
	}
	compound := v.analyzer.PolarityScores(v.spaced(text)).Compound
	score := (compound + 1) / 2
	return &feedbackv1.Sentiment{Score: &score, Label: label(compound), Language: lang, Model: vaderModel}
}

// spaced sets every emoji apart from the words beside it: the library replaces it by its
// description, which would grow together with a word that follows.
func (v *Vader) spaced(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	from := 0
	for i, r := range text {
		if r < 0x2000 {
			continue
		}
		if _, emoji := v.analyzer.EmojiDict[string(r)]; !emoji {
			continue
		}
		end := i + len(string(r))
		b.WriteString(text[from:i])
		if s := b.String(); s != "" && !strings.HasSuffix(s, " ") {
			b.WriteByte(' ')
		}
		b.WriteString(text[i:end])
		if end < len(text) && text[end] != ' ' {
			b.WriteByte(' ')
		}
		from = end
	}
	if from == 0 {
		return text
	}
	b.WriteString(text[from:])
	return b.String()
}

func label(compound float64) feedbackv1.Label {
	switch {
	case compound >= labelThreshold:
		return feedbackv1.Label_LABEL_POSITIVE
	case compound <= -labelThreshold:
		return feedbackv1.Label_LABEL_NEGATIVE
	default:
		return feedbackv1.Label_LABEL_NEUTRAL
	}
}

func noText(source string) *feedbackv1.Language {
	if tag := sourceTag(source); tag != "" {
		return found(tag, 1, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE)
	}
	return found(Undetermined, 0, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_UNSPECIFIED)
}

// foreign says why a text in that language has no score.
func foreign(tag string) string {
	if tag == Undetermined {
		return "the language could not be determined, and vader knows English only"
	}
	name := display.English.Tags().Name(language.Make(tag))
	return fmt.Sprintf("the text is in %s (%s), and vader knows English only", name, tag)
}
