package sentiment

import (
	"fmt"
	"strings"

	"github.com/abadojack/whatlanggo"
	"golang.org/x/text/language"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	// Undetermined is BCP 47's tag of a text whose language is not known.
	Undetermined = "und"

	// maxDetected is how many runes of a text are read for its language.
	maxDetected = 500

	// fewestDetected is how many words without evidence of a language a text in Latin script must
	// have for the detector to be asked: it takes most short texts for anything.
	fewestDetected = 8

	// fewestMarked is the same for a text with letters that English has not.
	fewestMarked = 2

	// confidenceFloor is the detector's confidence below which its answer is not taken.
	confidenceFloor = 0.30

	// foreignFloor is the same for a text that cannot be English by its letters.
	foreignFloor = 0.01

	// wordConfidence is the confidence of a language that was told by letters that its neighbours
	// don't have.
	wordConfidence = 0.95
)

// Identifier tells in which language a text stands. It is safe for concurrent use.
type Identifier struct {
	assume       string // canonical tag, empty for none
	assumeScript string // ISO 15924, such as Latn
}

// NewIdentifier returns an Identifier that takes a text for one in the language assume (BCP 47;
// empty, none or und for none) where neither the source nor the detector knows better and the text's script
// is that of the language: a Cyrillic text is never assumed to be English.
func NewIdentifier(assume string) (*Identifier, error) {
	switch assume {
	case "", "none", Undetermined:
		return &Identifier{}, nil
	}
	tag := sourceTag(assume)
	if tag == "" {
		return nil, fmt.Errorf("assumed language %q is no language: use a BCP 47 tag such as en, or none", assume)
	}
	script, _ := language.Make(tag).Script()
	return &Identifier{assume: tag, assumeScript: script.String()}, nil
}

// Identify returns the language of a text. The source's own tag is trusted where it names a
// language (und, zxx and X's private qme, qht, ... name none). Without one the script decides
// where only one language is written in it, then the words, then the detector. What stays
// unknown is the assumed language if the script allows it, and `und` otherwise.
func (i *Identifier) Identify(text, source string) *feedbackv1.Language {
	return i.identify(clean(text, maxDetected), source)
}

// identify is Identify for a text that clean has been over.
func (i *Identifier) identify(cleaned, source string) *feedbackv1.Language {
	if tag := sourceTag(source); tag != "" {
		return found(tag, 1, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE)
	}
	words := prose(cleaned, maxDetected)
	w := writtenIn(words)
	if tag, confidence := detect(words, w); tag != "" {
		return found(tag, confidence, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_DETECTED)
	}
	if i.assume != "" && (w.script == "" || w.script == i.assumeScript) {
		return found(i.assume, 0, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_ASSUMED)
	}
	return found(Undetermined, 0, feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_UNSPECIFIED)
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

// detect returns the language that words are in and how sure that is; nothing where it is not
// sure enough.
func detect(words string, w writing) (string, float64) {
	if w.letters == 0 {
		return "", 0
	}
	if tag := w.language(); tag != "" {
		return tag, w.share
	}
	if tag := byLetters(words, w.script); tag != "" {
		return tag, wordConfidence
	}
	floor := foreignFloor
	if w.script == latin {
		e := weigh(words)
		if tag, confidence := e.decide(); tag != "" {
			return tag, confidence
		}
		switch {
		case e.marked && e.mayBeForeign() && e.words >= fewestMarked: // as in another script
		case e.words < fewestDetected, !e.mayBeForeign():
			return "", 0
		default:
			floor = confidenceFloor
		}
	}
	info := whatlanggo.DetectWithOptions(words, detectable)
	switch {
	case info.Lang < 0 || info.Confidence < floor:
		return "", 0
	case info.Lang == whatlanggo.Nob:
		return "no", info.Confidence // as the sources tag it
	default:
		return info.Lang.Iso6391(), info.Confidence
	}
}

// detectable are the languages between which the detector decides: those with many speakers
// online. With all of its 84 it takes every other short English text for Tagalog or Shona.
var detectable = whatlanggo.Options{Whitelist: map[whatlanggo.Lang]bool{
	whatlanggo.Eng: true, whatlanggo.Spa: true, whatlanggo.Por: true, whatlanggo.Fra: true, whatlanggo.Deu: true,
	whatlanggo.Ita: true, whatlanggo.Nld: true, whatlanggo.Pol: true, whatlanggo.Tur: true, whatlanggo.Swe: true,
	whatlanggo.Dan: true, whatlanggo.Nob: true, whatlanggo.Fin: true, whatlanggo.Ces: true, whatlanggo.Ron: true,
	whatlanggo.Hun: true, whatlanggo.Ind: true, whatlanggo.Vie: true, whatlanggo.Hrv: true, whatlanggo.Tgl: true,
	whatlanggo.Rus: true, whatlanggo.Ukr: true, whatlanggo.Bul: true, whatlanggo.Srp: true, whatlanggo.Bel: true, whatlanggo.Mkd: true,
	whatlanggo.Arb: true, whatlanggo.Pes: true, whatlanggo.Urd: true, whatlanggo.Heb: true, whatlanggo.Ydd: true,
	whatlanggo.Hin: true, whatlanggo.Mar: true, whatlanggo.Nep: true, whatlanggo.Amh: true, whatlanggo.Tir: true,
}}
