package builtin

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxBytes is how much of a text is read: more than any post holds of one thought, and the bound on what a text costs.
	maxBytes = 4096
	// maxTokens and maxSymbols bound what is kept of it.
	maxTokens  = 1024
	maxSymbols = maxBytes + 2*maxTokens
	// maxWord is the length of a word in runes; what is longer goes on as the next word.
	maxWord = 40

	boundary = 1 // the symbol before and after a word
)

// What a token is.
const (
	isWord    = 1 << iota // it has symbols
	isCapital             // a word of capitals alone, three at least
	isCode                // has digits or underscores, or stands in a path, a name with dots or an assignment
	isPicture             // an emoji, an emoticon or the name of one, the same in all languages
	endsClause
	isNegation     // ends in n't
	isAbbreviation // two or three capitals
)

// token is one word, sign or emoji of a text.
type token struct {
	hash        uint64 // of its form in lower case
	first, last int32  // its symbols
	is          uint8
}

// tokens are a text's, with the symbols of its words: the buffers are used again for the next text.
type tokens struct {
	list    []token
	symbols []uint16
	scripts [scriptCount]int32 // letters in each
	tells   string             // the language of which there is a letter or sign that no other has
	// names are tokens that say nothing: see Options.NeutralTerms.
	names *names
}

// seeds set apart what has the same letters and is not the same.
const (
	seedWord     uint64 = 0x9E3779B97F4A7C15
	seedTag      uint64 = 0x3C6EF372FE94F82A
	seedSign     uint64 = 0xDAA66D2C7DDF743F
	seedSeveral  uint64 = 0x78DDE6E5FD29F054
	seedEmoji    uint64 = 0x1715609F7C746C69
	seedEmoticon uint64 = 0xB54CDA58FBBEE87E
	seedCode     uint64 = 0x538454127B096493
	seedMark     uint64 = 0xF1BBCDCBFA53E0A8
)

// Marks are tokens that stand for something in the text.
var (
	markURL     = finish(seedMark + 1)
	markMention = finish(seedMark + 2)
	markNumber  = finish(seedMark + 3)
	markLong    = finish(seedMark + 4) // a letter three times and more
	markMany    = finish(seedMark + 6) // an emoji several times
	markCode    = finish(seedMark + 7)
	markName    = finish(seedMark + 8) // a term that says nothing
)

// finish spreads h over all bits.
func finish(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	h ^= h >> 32
	return h
}

func step(h uint64, symbol uint16) uint64 { return (h + uint64(symbol)) * 0x9FB21C651E98DF25 }

// symbolOf is a rune in twelve bits: itself in most alphabets, folded else.
func symbolOf(r rune) uint16 {
	if r < 0x1000 {
		return uint16(r)
	}
	return uint16(0x80 + (uint32(r)*2654435761>>20)%0xF7F)
}

// head returns the part of a text that is read.
func head(s string) string {
	if len(s) <= maxBytes {
		return s
	}
	cut := maxBytes
	for cut > maxBytes-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// scan takes a text apart. Its time is linear in the part of the text that is read.
func (t *tokens) scan(text string) {
	s := head(text)
	t.list, t.symbols = t.list[:0], t.symbols[:0]
	t.scripts, t.tells = [scriptCount]int32{}, ""
	afterWord := false // no space since
	for i := 0; i < len(s) && len(t.list) < maxTokens-2; {
		c := s[i]
		n := 0
		switch {
		case c <= ' ':
			i++
			afterWord = false
			continue
		case letter(c):
			if n = address(s[i:]); n > 0 && !afterWord {
				t.mark(markURL)
				break
			}
			n = t.word(s[i:], seedWord, afterWord)
		case digit(c):
			n = t.number(s[i:])
		case c < utf8.RuneSelf:
			n = t.sign(s[i:], afterWord)
		default:
			n = t.other(s[i:], afterWord)
		}
		i += n
		afterWord = i > 0 && (letter(s[i-1]) || digit(s[i-1]))
	}
	if t.names != nil {
		t.names.blank(t)
	}
}

func (t *tokens) mark(hash uint64) { t.list = append(t.list, token{hash: hash}) }

// address is the length of the address at the beginning of s.
func address(s string) int {
	if s[0]|0x20 != 'h' && s[0]|0x20 != 'w' {
		return 0
	}
	if !prefix(s, "http://") && !prefix(s, "https://") && !prefix(s, "www.") {
		return 0
	}
	if n := strings.IndexAny(s, " \t\n\r<>|\"'"); n > 0 {
		return n
	}
	return len(s)
}

func prefix(s, p string) bool { return len(s) > len(p) && strings.EqualFold(s[:len(p)], p) }

// word reads the word at the beginning of s and returns its length. Letters are made lower case, and of a letter three
// times and more two are left, which a mark says.
func (t *tokens) word(s string, seed uint64, joined bool) int {
	w := token{hash: seedWord, first: int32(len(t.symbols)), is: isWord}
	t.symbols = append(t.symbols, boundary)
	var before rune
	repeated, capitals, letters, foreign, i := 0, 0, 0, 0, 0
	long := false
	for i < len(s) && letters < maxWord {
		r, n := rune(s[i]), 1
		switch {
		case r >= 'a' && r <= 'z':
			letters++
		case r >= 'A' && r <= 'Z':
			r |= 0x20
			letters++
			capitals++
		case digit(s[i]), r == '_':
			w.is |= isCode
			letters++
		case r == '\'' && i+1 < len(s) && letter(s[i+1]):
		case r < utf8.RuneSelf:
			n = 0
		default:
			r, n = letterAt(s[i:])
			if n > 0 && r > '\'' {
				letters++
				foreign++
				t.scripts[scriptOf(r)]++
				t.hear(r)
				if lower := unicode.ToLower(r); lower != r {
					r = lower
					capitals++
				}
			}
		}
		if n == 0 {
			break
		}
		i += n
		if r == 0 {
			continue
		}
		if r == before {
			repeated++
		} else {
			before, repeated = r, 1
		}
		if repeated > 2 {
			long = true
			continue
		}
		symbol := symbolOf(r)
		t.symbols = append(t.symbols, symbol)
		w.hash = step(w.hash, symbol)
	}
	if i == 0 { // cannot be: the caller saw a letter
		return 1
	}
	t.symbols = append(t.symbols, boundary)
	w.last = int32(len(t.symbols))
	w.hash = finish(w.hash)
	t.scripts[Latin] += int32(letters - foreign)
	if joined || codeAfter(s[i:]) {
		w.is |= isCode
	}
	if capitals == letters && letters > 2 {
		w.is |= isCapital
	}
	if capitals == letters && (letters == 2 || letters == 3) {
		w.is |= isAbbreviation
	}
	if k := len(t.symbols); w.last-w.first > 5 && t.symbols[k-2] == 't' && t.symbols[k-3] == '\'' && t.symbols[k-4] == 'n' {
		w.is |= isNegation
	}
	if seed != seedWord {
		t.mark(finish(w.hash ^ seed))
	}
	t.list = append(t.list, w)
	if long {
		t.mark(markLong)
	}
	return i
}

// hear notes the language of a letter or sign that only one language in Latin script has.
func (t *tokens) hear(r rune) {
	switch {
	case r >= 'Ạ' && r <= 'ỹ', r == 'ơ', r == 'ư', r == 'Ơ', r == 'Ư':
		t.tells = "vi"
	case r == 'ğ', r == 'ı', r == 'Ğ', r == 'İ':
		t.tells = "tr"
	case r == '¿', r == '¡':
		t.tells = "es"
	}
}

// letterAt reads a letter outside ASCII, a mark or an apostrophe; the length is 0 for anything else. What shows nothing
// is read as the rune 0.
func letterAt(s string) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError:
		return 0, 0
	case r == '’', r == 'ʼ':
		if next, _ := utf8.DecodeRuneInString(s[n:]); unicode.IsLetter(next) {
			return '\'', n
		}
		return 0, 0
	case unicode.IsLetter(r), r < 0x2000 && unicode.IsMark(r):
		return r, n
	case r >= 0x200B && r <= 0x200F:
		return 0, n
	}
	return 0, 0
}

// codeAfter tells whether a word goes on in a way that prose does not: a path, a name with dots, an assignment.
func codeAfter(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch s[0] {
	case '.', '/', '=', '@', '\\', '(', ':', '$':
		return letter(s[1]) || digit(s[1]) || s[1] == s[0] && s[0] != '.' || s[0] == '(' && s[1] == ')'
	}
	return false
}

func (t *tokens) number(s string) int {
	i := 1
	for i < len(s) && (digit(s[i]) || (s[i] == '.' || s[i] == ',' || s[i] == ':') && i+1 < len(s) && digit(s[i+1])) {
		i++
	}
	t.mark(markNumber)
	return i
}

// sign reads what begins with a sign of ASCII.
func (t *tokens) sign(s string, afterWord bool) int {
	switch s[0] {
	case '@':
		if n := nameAfter(s); n > 1 && !afterWord {
			t.mark(markMention)
			return n
		}
	case '#':
		if len(s) > 1 && letter(s[1]) {
			return 1 + t.word(s[1:], seedTag, false)
		}
		if len(s) > 1 && s[1] >= utf8.RuneSelf {
			if r, _ := utf8.DecodeRuneInString(s[1:]); unicode.IsLetter(r) {
				return 1 + t.word(s[1:], seedTag, false)
			}
		}
	case '<':
		if n := markup(s); n > 0 {
			t.mark(markMention)
			return n
		}
	case '&':
		if n, c := entity(s); n > 0 {
			t.punctuation(c, 1)
			return n
		}
	case '`':
		if strings.HasPrefix(s, "```") {
			t.mark(markCode)
			if n := strings.Index(s[3:], "```"); n >= 0 {
				return n + 6
			}
			return len(s)
		}
	case ':':
		if n := codeName(s); n > 0 && !afterWord {
			h := seedCode
			for i := 1; i < n-1; i++ {
				h = step(h, uint16(s[i]|0x20))
			}
			t.picture(pictureOf(finish(h)))
			return n
		}
	}
	if n, hash := emoticon(s); n > 0 && !afterWord {
		t.picture(hash)
		return n
	}
	n := 1
	for n < len(s) && s[n] == s[0] {
		n++
	}
	t.punctuation(s[0], n)
	return n
}

// punctuation adds a sign that stands n times.
func (t *tokens) punctuation(c byte, n int) {
	k := token{hash: finish(seedSign + uint64(c))}
	if n > 1 {
		k.hash = finish(seedSeveral + uint64(c))
	}
	switch c {
	case '.', '!', '?', ',', ';', ':':
		k.is = endsClause
	}
	t.list = append(t.list, k)
}

func (t *tokens) picture(hash uint64) {
	for i := len(t.list) - 1; i >= 0 && i >= len(t.list)-2; i-- {
		if t.list[i].hash == hash {
			if i == len(t.list)-1 {
				t.mark(markMany)
			}
			return
		}
	}
	t.list = append(t.list, token{hash: hash, is: isPicture})
}

// nameAfter is the length of the @name at the beginning of s.
func nameAfter(s string) int {
	i := 1
	for i < len(s) && (letter(s[i]) || digit(s[i]) || s[i] == '_') {
		i++
	}
	return i
}

// markup is the length of what Slack writes for a mention, a channel or an address.
func markup(s string) int {
	if len(s) < 3 || !strings.ContainsRune("@#!h", rune(s[1])) {
		return 0
	}
	return 1 + strings.IndexByte(s[:min(len(s), 300)], '>')
}

// entity reads the entities that posts have in the place of signs.
func entity(s string) (int, byte) {
	for _, e := range [...]struct {
		name string
		sign byte
	}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}} {
		if strings.HasPrefix(s, e.name) {
			return len(e.name), e.sign
		}
	}
	return 0, 0
}

// codeName is the length of an emoji's name between colons, such as :tada:.
func codeName(s string) int {
	for i := 1; i < min(len(s), 40); i++ {
		switch c := s[i]; {
		case letter(c), digit(c), c == '_', c == '+', c == '-':
		case c == ':' && i > 2:
			return i + 1
		case c == ':' && i > 1 && s[1] >= '1' && s[1] <= '9':
			return 0
		default:
			return 0
		}
	}
	return 0
}

// other reads what begins outside ASCII: a word, an emoji, a sign.
func (t *tokens) other(s string, joined bool) int {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError:
		return n
	case unicode.IsLetter(r):
		return t.word(s, seedWord, joined)
	case r == 0xFE0F, r >= 0x200B && r <= 0x200F, r >= 0x1F3FB && r <= 0x1F3FF, r == 0xA0, unicode.IsSpace(r):
		return n // selects a form, joins, tones a skin, or shows nothing
	case r >= 0x2190:
		t.picture(emoji(r))
		return n
	case r == '…':
		t.punctuation('.', 2)
		return n
	case r == '“', r == '”', r == '«', r == '»':
		t.punctuation('"', 1)
		return n
	case r == '¿', r == '¡', r == '؟':
		t.hear(r)
		t.list = append(t.list, token{hash: finish(seedSign + uint64(r))})
		return n
	case unicode.IsMark(r), unicode.IsControl(r):
		return n
	}
	t.list = append(t.list, token{hash: finish(seedSign + uint64(r))})
	return n
}

func emoji(r rune) uint64 { return finish(seedEmoji + uint64(r)) }
