package sentiment

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	english    = "en"
	vietnamese = "vi"

	// telling, usual and weak are what a word counts for a language: one that no other language
	// has, one that only languages other than English share, and one that English shares.
	telling = 3
	usual   = 2
	weak    = 1

	// lead is by how much English must be ahead of the language with most evidence besides it, or
	// that ahead of English, for the words to decide.
	lead = 2

	// longestWord is the length of the longest word that is looked up, in bytes.
	longestWord = 24
)

// languages is a set of commonWords' languages, a bit for each; English is bit 0.
type languages uint32

// word is what is known of a common word or of a letter.
type word struct {
	in     languages
	points int // for each of them
}

var (
	wordTable   = buildWords()
	letterTable = buildLetters()
)

// letters are the letters of the languages that English has not.
var letters = map[string]string{
	"de": "äöüß", "fr": "àâçéèêëîïôùûœæ", "es": "áéíñóú", "it": "àèéìòù", "pt": "áâãàçéêíóôõú", "nl": "ëéï",
	"pl": "ąćęłńóśźż", "tr": "çğıöşüâ", "sv": "åäöé", "no": "åæø", "da": "åæø", "fi": "äö",
	"cs": "áčďéěíňóřšťúůýž", "ro": "ăâîșțşţ", "hu": "áéíóöőúüű",
	vietnamese: "ăâđêôơư",
}

func buildWords() map[string]word {
	table := map[string]word{}
	for bit, list := range commonWords {
		for w := range strings.FieldsSeq(list.words) {
			known := table[w]
			known.in |= 1 << bit
			table[w] = known
		}
	}
	for w := range strings.FieldsSeq(weakEnglish) {
		known := table[w]
		known.in |= 1
		known.points = weak
		table[w] = known
	}
	for w, known := range table {
		switch {
		case known.points == weak:
		case bits.OnesCount32(uint32(known.in)) == 1:
			known.points = telling
		case known.in&1 == 0:
			known.points = usual
		default:
			known.points = weak
		}
		table[w] = known
	}
	return table
}

// firstLetter and lastLetter bound the letters outside ASCII that letterTable knows.
const firstLetter, lastLetter = 'À', 'ɏ'

func buildLetters() (table [lastLetter - firstLetter + 1]languages) {
	for bit, list := range commonWords {
		for _, r := range letters[list.language] {
			table[r-firstLetter] |= 1 << bit
		}
	}
	return table
}

// evidence is what the words and letters of a text in Latin script say of its language.
type evidence struct {
	points [32]int // for each language of commonWords
	words  int     // that were read: those of letters alone
	marked bool    // has letters that English has not
}

// weigh reads the words of a text. It costs a hundredth of the detector, and short texts, where
// the detector guesses, are where it is needed.
func weigh(text string) evidence {
	var e evidence
	for token := range strings.FieldsSeq(text) {
		if strings.HasPrefix(token, "--") {
			continue // an option of a command
		}
		if strings.ContainsAny(token, "¿¡") {
			e.add(word{in: spanish, points: telling})
		}
		token = strings.TrimFunc(token, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
		if !plain(token) {
			continue
		}
		for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r != '\'' && !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
			e.word(part)
		}
	}
	return e
}

var spanish, onlyVietnamese = bitOf("es"), bitOf(vietnamese)

func bitOf(language string) languages {
	for bit, list := range commonWords {
		if list.language == language {
			return 1 << bit
		}
	}
	return 0
}

// plain tells whether a token is one word or some that a hyphen, a slash, dots or a comma join:
// not a file name, an assignment or a version.
func plain(token string) bool {
	for i, r := range token {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), r == '\'', r == '-', r == '/', r == ',', r == '!', r == '?', r == '…':
		case r == '.' && strings.HasPrefix(token[i+1:], "."), r == '.' && i > 0 && token[i-1] == '.':
		default:
			return false
		}
	}
	return token != ""
}

func (e *evidence) word(w string) {
	e.words++
	var buffer [longestWord + utf8.UTFMax]byte
	lower := buffer[:0]
	capitals, runes, quote := 0, 0, -1
	own := ^languages(0)
	for _, r := range w {
		runes++
		if unicode.IsUpper(r) {
			capitals++
			r = unicode.ToLower(r)
		}
		switch {
		case r == '\'':
			quote = len(lower)
		case r >= 'Ạ' && r <= 'ỹ':
			e.marked = true
			own = onlyVietnamese
		case r >= firstLetter && r <= lastLetter:
			e.marked = true
			if in := letterTable[r-firstLetter]; own&in != 0 {
				own &= in
			}
		}
		if len(lower) <= longestWord {
			lower = utf8.AppendRune(lower, r)
		}
	}
	switch {
	case len(lower) > longestWord:
	case capitals == runes && runes > 1 && runes < 4: // an abbreviation: IT, US, DES
	case e.known(lower):
		return
	case quote >= 0:
		before, after := e.known(lower[:quote+1]), e.known(lower[quote:])
		if before || after {
			return
		}
		e.known(lower[:quote])
		e.known(lower[quote+1:])
	}
	if own != ^languages(0) {
		e.add(word{in: own, points: pointsOfLetters(own)})
	}
}

func pointsOfLetters(in languages) int {
	switch n := bits.OnesCount32(uint32(in)); {
	case n == 1:
		return telling
	case n <= 4:
		return usual
	default:
		return weak
	}
}

// mayBeForeign tells whether nothing in a text speaks for English more than for another language.
func (e *evidence) mayBeForeign() bool {
	return e.points[0] == 0 || e.points[0] < e.points[e.foremost()]
}

// known counts a word, if it is a common one.
func (e *evidence) known(lower []byte) bool {
	w, ok := wordTable[string(lower)]
	if ok {
		e.add(w)
	}
	return ok
}

func (e *evidence) add(w word) {
	for in := uint32(w.in); in != 0; in &= in - 1 {
		e.points[bits.TrailingZeros32(in)] += w.points
	}
}

// foremost is the language other than English with most evidence.
func (e *evidence) foremost() int {
	best := 1
	for i := 2; i < len(commonWords); i++ {
		if e.points[i] > e.points[best] {
			best = i
		}
	}
	return best
}

// decide returns the language that the evidence is for and how sure that is, or nothing where
// it is for none.
func (e *evidence) decide() (string, float64) {
	best := e.foremost()
	second := e.points[0]
	switch {
	case e.points[0] >= e.points[best]+lead:
		best, second = 0, e.points[best]
	case e.points[best] < e.points[0]+lead:
		return "", 0
	}
	return commonWords[best].language, float64(e.points[best]) / float64(e.points[best]+second+1)
}
