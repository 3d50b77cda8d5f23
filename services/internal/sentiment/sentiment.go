// Package sentiment says how positive a text is and in which language it stands.
//
// It guarantees one sentiment for each document, in the documents' order: a text that
// cannot be scored has no score and a reason, and never fails the others. Whatever a text
// holds (a megabyte of one rune, broken UTF-8, emoji alone), the time and the memory that
// it costs are bounded, because only its head is read.
package sentiment

import (
	"context"
	"fmt"
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Document is one text to score.
type Document struct {
	// Text is what was said. It should be UTF-8; what is not is left out.
	Text string
	// Language is what its source says of its language (BCP 47), empty where it says nothing.
	Language string
	// Kind is what kind of source it comes from.
	Kind feedbackv1.SourceKind
}

// Backend scores texts. Implementations are safe for concurrent use.
type Backend interface {
	// Score returns one sentiment for each document, in the same order. A document that it
	// cannot score has no score and a reason. An error concerns the whole batch (ctx has
	// ended, a service is unreachable): nothing was scored, and trying again may help.
	Score(ctx context.Context, documents []Document) ([]*feedbackv1.Sentiment, error)
}

// Options are what a backend is opened with.
type Options struct {
	// AssumeLanguage is the language (BCP 47) of a text whose language neither its source nor
	// the detector knows, if its script is one in which that language is written. Empty or
	// none: such a text stays `und`.
	AssumeLanguage string

	// SlackKind and XKind are the kinds of text (tweet, dev or chat) that Builtin takes those sources' texts for: chat
	// and tweet if they are empty. Kind is that of texts of no source, tweet if it is empty.
	SlackKind, XKind, Kind string
	// NeutralTerms are words, or a few words each, to which Builtin gives no sentiment: a product's own name.
	NeutralTerms []string
	// Weights is a folder of weights that hack/train wrote, for Builtin to use in the place of its own; empty for these.
	Weights string
}

// The names of the backends that Open opens with NewBuiltin and NewVader.
const (
	BuiltinName = "builtin"
	VaderName   = "vader"
)

// Names returns the backends that Open knows, in the order in which people should read them.
func Names() []string { return []string{BuiltinName, VaderName} }

// extra are backends that only programs built with a tag have: see word_bench.go.
var extra = map[string]func(Options) (Backend, error){}

// Open returns the backend of that name. It does no I/O, but for Options.Weights. The error names what is wrong and
// what would be right.
func Open(name string, o Options) (Backend, error) {
	if open, ok := extra[name]; ok {
		return open(o)
	}
	switch name {
	case BuiltinName:
		return NewBuiltin(o)
	case VaderName:
		return NewVader(o)
	default:
		return nil, fmt.Errorf("scoring backend %q is unknown: use one of %s", name, strings.Join(Names(), ", "))
	}
}

// Unscored returns a sentiment without a score: detail says why in words.
func Unscored(model string, language *feedbackv1.Language, reason feedbackv1.UnscoredReason, detail string) *feedbackv1.Sentiment {
	return &feedbackv1.Sentiment{
		Language:       language,
		Model:          model,
		UnscoredReason: reason,
		UnscoredDetail: detail,
	}
}
