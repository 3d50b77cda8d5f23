package sentiment

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
)

const (
	// Undetermined is BCP 47's tag of a text whose language is not known.
	Undetermined = "und"

	// overrule and overruleLetters are how sure the detector must be, and of how many letters, to be believed where
	// X, which guesses too, says otherwise.
	overrule        = 0.98
	overruleLetters = 40
)

// Identifier tells in which language a text stands. It is safe for concurrent use.
type Identifier struct {
	assume       string // canonical tag, empty for none
	assumeScript string // ISO 15924, such as Latn

	weights *builtin.Weights
	readers *sync.Pool // of *builtin.Reader
}

// NewIdentifier returns an Identifier that takes a text for one in the language assume (BCP 47;
// empty, none or und for none) where neither the source nor the detector knows better and the text's script
// is that of the language: a Cyrillic text is never assumed to be English.
func NewIdentifier(assume string) (*Identifier, error) {
	tag, err := AssumedLanguage(assume)
	if err != nil {
		return nil, err
	}
	weights, err := builtin.Load("")
	if err != nil {
		return nil, err
	}
	i := &Identifier{weights: weights, readers: &sync.Pool{New: func() any { return weights.NewReader() }}}
	if tag != "" {
		script, _ := language.Make(tag).Script()
		i.assume, i.assumeScript = tag, script.String()
	}
	return i, nil
}

// AssumedLanguage returns the canonical tag of a language that is to be assumed, empty for none. It loads nothing, so that
// settings can be checked without the weights of a detector that is perhaps not used.
func AssumedLanguage(assume string) (tag string, err error) {
	switch assume {
	case "", "none", Undetermined:
		return "", nil
	}
	if tag = sourceTag(assume); tag == "" {
		return "", fmt.Errorf("assumed language %q is no language: use a BCP 47 tag such as en, or none", assume)
	}
	return tag, nil
}

// Identify returns the language of a text. The source's own tag is taken where it names a language (und, zxx and X's
// private qme, qht, ... name none). Without one the script decides where most people write only one language in it, then
// its letters; between those in Latin script the detector decides. What stays unknown is the assumed language if the
// script allows it, and `und` otherwise.
func (i *Identifier) Identify(text, source string) *feedbackv1.Language {
	return i.identify(&Document{Text: text, Language: source})
}

func (i *Identifier) identify(d *Document) *feedbackv1.Language {
	l := &feedbackv1.Language{}
	if d.Kind != feedbackv1.SourceKind_SOURCE_KIND_X {
		if tag := sourceTag(d.Language); tag != "" {
			set(l, tag, 1, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE)
			return l
		}
	}
	r, _ := i.readers.Get().(*builtin.Reader)
	r.Read(d.Text)
	i.choose(r, d, l)
	i.readers.Put(r)
	return l
}

// choose sets l to the language of the document that r has read.
func (i *Identifier) choose(r *builtin.Reader, d *Document, l *feedbackv1.Language) {
	tag := sourceTag(d.Language)
	if tag != "" && d.Kind != feedbackv1.SourceKind_SOURCE_KIND_X {
		set(l, tag, 1, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE)
		return
	}
	switch guess := r.Language(); {
	case tag != "" && !i.overruled(tag, guess):
		set(l, tag, 1, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE)
	case guess.Tag != "":
		set(l, guess.Tag, guess.Confidence, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_DETECTED)
	case i.assume != "" && (guess.Script == "" || guess.Script == i.assumeScript):
		set(l, i.assume, 0, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_ASSUMED)
	default:
		set(l, Undetermined, 0, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_UNSPECIFIED)
	}
}

// overruled tells whether the detector knows better than a tag: it is sure, of a long text, and knows the tag's language
// too.
func (i *Identifier) overruled(tag string, g builtin.Guess) bool {
	base := Base(tag)
	return g.Confidence >= overrule && g.Letters >= overruleLetters && g.Tag != base && slices.Contains(i.weights.Detector.Languages, base)
}

// Base returns the language of a BCP 47 tag without its region, script and variants: en for
// en-GB. It is empty where the tag is none.
func Base(tag string) string {
	if len(tag) == 2 {
		return tag
	}
	base, _, _ := strings.Cut(tag, "-")
	return base
}

func set(l *feedbackv1.Language, tag string, confidence float64, origin feedbackv1.LanguageOrigin) {
	l.Tag, l.Confidence, l.Origin = tag, confidence, origin
}

func found(tag string, confidence float64, origin feedbackv1.LanguageOrigin) *feedbackv1.Language {
	return &feedbackv1.Language{Tag: tag, Confidence: confidence, Origin: origin}
}

// sourceTag returns the canonical form of a tag (en-US for en_us, id for in), or nothing where
// it is malformed or names no language.
func sourceTag(tag string) string {
	switch tag {
	case "en", "de", "es", "fr", "pt", "it", "ja":
		return tag
	case "", Undetermined, "zxx":
		return ""
	}
	parsed, err := language.Parse(tag)
	if err != nil {
		return ""
	}
	base, _ := parsed.Base()
	switch b := base.String(); {
	case b == Undetermined, b == "zxx", b == "mis", b == "mul",
		len(b) == 3 && b >= "qaa" && b <= "qtz":
		return ""
	}
	return parsed.String()
}
