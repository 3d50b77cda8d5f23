package builtin

import "strings"

// Kind is what kind of text a model is for.
type Kind uint8

// The kinds.
const (
	Tweet Kind = iota // what people post in public
	Dev               // what developers write of their work
	Chat              // what people write to each other
	kinds
)

// String is the kind's name.
func (k Kind) String() string { return [...]string{"tweet", "dev", "chat", "?"}[min(k, kinds)] }

// Kinds are the names of all kinds.
func Kinds() []string { return []string{Tweet.String(), Dev.String(), Chat.String()} }

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, bool) {
	for k := range kinds {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Reader reads one text after the other. It allocates nothing once its buffers have grown to what a text of the greatest
// length needs. It is not safe for concurrent use.
type Reader struct {
	weights  *Weights
	text     string
	tokens   tokens
	runs     []uint32
	features Features
}

// NewReader returns a reader to which the names of w's terms say nothing.
func (w *Weights) NewReader() *Reader {
	r := &Reader{weights: w}
	r.tokens.names = w.names
	return r
}

// Read takes a text apart, of which at most the first 4,096 bytes are read. It returns false for one without words,
// numbers, signs or emoji.
func (r *Reader) Read(text string) bool {
	r.text = head(text)
	r.tokens.scan(r.text)
	return len(r.tokens.list) > 0
}

// fewestLetters is how many letters a text must have for the detector to be asked.
const fewestLetters = 3

// longestOutcry is how many letters an outcry has at most.
const longestOutcry = 100

// mostExclaimed is how many letters an exclamation has at most, in which the detector finds little to go by, and exclamation
// the confidence in a language that its words tell.
const (
	mostExclaimed = 20
	exclamation   = 0.5
	sure          = 0.9 // confidence of the detector that stands, whatever words of opinion there are
)

// exclaimed is the language of which all words are ones of opinion, and no other's: broken, so buggy, kaputt. It is empty
// where there is none, or several.
func (r *Reader) exclaimed() (only string) {
	if r.opinions(English) {
		only = English
	}
	for language := range r.weights.World.Heads {
		if r.opinions(language) {
			if only != "" {
				return ""
			}
			only = language
		}
	}
	return only
}

// opinions tells whether all words are a language's words of opinion.
func (r *Reader) opinions(language string) bool {
	told, salt := false, Salt(language)
	for i := range r.tokens.list {
		k := &r.tokens.list[i]
		if k.is&isWord == 0 {
			continue
		}
		e, ok := r.weights.Lexicon.find(lexiconKey(k.hash, salt))
		if !ok {
			return false
		}
		if e.Valence != 0 { // which what only negates or strengthens has not
			told = true
		}
	}
	return told
}

// tellingLetter is the confidence in a language that one of its letters tells.
const tellingLetter = 0.95

// Guess is the language that a text seems to be in.
type Guess struct {
	Tag        string  // ISO 639-1, empty where nothing tells
	Confidence float64 // from 0 to 1
	Script     string  // ISO 15924, empty for a text without letters
	Letters    int
}

// Language returns the language of the text that was read last.
func (r *Reader) Language() Guess {
	script, share := r.tokens.writing()
	g := Guess{Script: scripts[script].name}
	for _, n := range r.tokens.scripts {
		g.Letters += int(n)
	}
	switch script {
	case NoScript, OtherScript:
		return g
	case Latin:
		if r.tokens.tells != "" {
			g.Tag, g.Confidence = r.tokens.tells, tellingLetter
			return g
		}
		if r.tokens.outcry() {
			if g.Letters > longestOutcry { // which is no outcry any more, and in no language that could be assumed
				g.Script = scripts[OtherScript].name
			}
			return g
		}
		if g.Letters < fewestLetters {
			return g
		}
		r.runs = r.tokens.languageRuns(r.runs[:0])
		tag, confidence := r.weights.Detector.best(r.runs)
		if g.Letters <= mostExclaimed && confidence < sure && !r.opinions(tag) {
			if only := r.exclaimed(); only != "" {
				tag, confidence = only, exclamation
			}
		}
		if confidence >= float64(r.weights.Detector.Floor) {
			g.Tag, g.Confidence = tag, confidence
		}
		return g
	}
	g.Tag, g.Confidence = scripts[script].language, share
	for _, t := range &tellingLetters {
		if t.script == script && strings.ContainsAny(r.text, t.letters) {
			g.Tag = t.language
			return g
		}
	}
	return g
}

// Result is what a model says of a text.
type Result struct {
	Probabilities
	Class int // see Head.Class
	Model *Model
}

// Score scores the text that was read last as one of that kind in that language (ISO 639-1); false if no model knows
// the language.
func (r *Reader) Score(kind Kind, language string) (Result, bool) {
	m := r.weights.World
	if language == English {
		m = r.weights.Kinds[kind]
	}
	h, ok := m.Heads[language]
	if !ok {
		return Result{}, false
	}
	s := Salt(language)
	r.features.extract(&r.tokens, r.weights.Lexicon, s)
	p := h.Calibrated(m.Raw(&r.features, &h, s))
	return Result{Probabilities: p, Class: h.Class(p), Model: m}, true
}

// Features returns what the models see of the text that was read last, in that language: for training. They hold until
// the next text.
func (r *Reader) Features(language string) *Features {
	r.features.extract(&r.tokens, r.weights.Lexicon, Salt(language))
	return &r.features
}

// LanguageRuns returns what the detector sees of the text that was read last: for training. They hold until the next
// text.
func (r *Reader) LanguageRuns() []uint32 {
	r.runs = r.tokens.languageRuns(r.runs[:0])
	return r.runs
}
