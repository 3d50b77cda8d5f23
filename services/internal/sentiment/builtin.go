package sentiment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

// Builtin scores by the models of package builtin: one for each kind of English text, and one for the other languages.
// The score is P(positive) + P(neutral)/2, where the three probabilities are calibrated for a stream with a given mix of the
// classes (see builtin.Head); the label is the class that the text speaks for most. Text in a language without a model is
// unscored with the reason.
type Builtin struct {
	weights  *builtin.Weights
	identify *Identifier
	readers  sync.Pool // of *builtin.Reader
	kindOf   map[feedbackv1.SourceKind]builtin.Kind
	kind     builtin.Kind // of a source that kindOf has not
	models   map[*builtin.Model]string
	known    string // the languages that have a model, for people
}

var _ Backend = (*Builtin)(nil)

// NewBuiltin returns the backend. It reads o.Weights, if that is set, and takes some milliseconds.
func NewBuiltin(o Options) (*Builtin, error) {
	identifier, err := NewIdentifier(o.AssumeLanguage)
	if err != nil {
		return nil, err
	}
	b := &Builtin{identify: identifier, kindOf: map[feedbackv1.SourceKind]builtin.Kind{}, models: map[*builtin.Model]string{}}
	for _, k := range []struct {
		source     feedbackv1.SourceKind
		set, usual string
	}{
		{feedbackv1.SourceKind_SOURCE_KIND_SLACK, o.SlackKind, builtin.Chat.String()},
		{feedbackv1.SourceKind_SOURCE_KIND_X, o.XKind, builtin.Tweet.String()},
		{feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED, o.Kind, builtin.Tweet.String()},
	} {
		name := k.set
		if name == "" {
			name = k.usual
		}
		kind, ok := builtin.ParseKind(name)
		if !ok {
			return nil, fmt.Errorf("kind of text %q is unknown: use one of %s", name, strings.Join(builtin.Kinds(), ", "))
		}
		b.kindOf[k.source] = kind
	}
	b.kind = b.kindOf[feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED]
	if b.weights, err = builtin.Load(o.Weights); err != nil {
		return nil, err
	}
	if b.weights, err = b.weights.Neutral(o.NeutralTerms); err != nil {
		return nil, err
	}
	b.readers.New = func() any { return b.weights.NewReader() }
	for _, m := range append(b.weights.Kinds[:], b.weights.World) {
		b.models[m] = BuiltinName + "/" + m.Name + "-" + m.Version
	}
	languages := b.weights.Languages()
	slices.Sort(languages)
	b.known = strings.Join(languages, ", ")
	return b, nil
}

// Score implements Backend. Its only error is that of ctx.
func (b *Builtin) Score(ctx context.Context, documents []Document) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, len(documents))
	err := inParallel(ctx, len(documents), func(first, last int) error {
		reader, _ := b.readers.Get().(*builtin.Reader)
		defer b.readers.Put(reader)
		answers := make([]answer, last-first)
		for i := first; i < last; i++ {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("score: %w", context.Cause(ctx))
			}
			out[i] = b.one(reader, &documents[i], &answers[i-first])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// answer has room for a sentiment and what it points to, so that a batch is allocated at once.
type answer struct {
	sentiment feedbackv1.Sentiment
	language  feedbackv1.Language
	score     float64
}

// one scores one document. A panic, which the next try would only repeat, leaves it unscored.
func (b *Builtin) one(r *builtin.Reader, d *Document, a *answer) (s *feedbackv1.Sentiment) {
	defer func() {
		if p := recover(); p != nil {
			s = Unscored(BuiltinName, &feedbackv1.Language{Tag: Undetermined},
				feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED, fmt.Sprintf("the scorer failed on this text: %v", p))
		}
	}()
	kind, ok := b.kindOf[d.Kind]
	if !ok {
		kind = b.kind
	}
	if !r.Read(d.Text) {
		return Unscored(b.models[b.weights.Kinds[kind]], noText(d.Language), feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT, "there is no text to score")
	}
	b.identify.choose(r, d, &a.language)
	result, ok := r.Score(kind, Base(a.language.GetTag()))
	if !ok {
		return Unscored(b.models[b.weights.Kinds[kind]], &a.language, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, b.foreign(a.language.GetTag()))
	}
	a.score = result.Score()
	a.sentiment.Score, a.sentiment.Language = &a.score, &a.language
	a.sentiment.Model, a.sentiment.Label = b.models[result.Model], labelOf[result.Class]
	return &a.sentiment
}

var labelOf = [...]feedbackv1.Label{
	builtin.Negative: feedbackv1.Label_LABEL_NEGATIVE, builtin.Neutral: feedbackv1.Label_LABEL_NEUTRAL, builtin.Positive: feedbackv1.Label_LABEL_POSITIVE,
}

// foreign says why a text in that language has no score.
func (b *Builtin) foreign(tag string) string {
	if tag == Undetermined {
		return "the language could not be determined, and builtin knows " + b.known
	}
	return fmt.Sprintf("the text is in %s (%s), and builtin knows %s", display.English.Tags().Name(language.Make(tag)), tag, b.known)
}
