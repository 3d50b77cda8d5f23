package card

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	joiner   = '\u200d' // zero width joiner: breaks a mention without being seen
	gap      = "\u200b" // zero width space: a word boundary for Slack's bold
	ellipsis = "…"
	// Marks that Slack would read as formatting, and what stands for them.
	lookalikes = "*∗_ˍ~∼`ˋ"
	// A cluster with more marks than this is a prank, not a language.
	maxMarks = 6
	// Longer keywords are not marked.
	maxKeyword = 200
	// Of a text no more bytes than these are looked at: many times what any part of a card shows.
	maxLooked = 64 << 10
)

// head is the part of text that is looked at, and tells whether there is more of it.
func head(text string) (string, bool) {
	if len(text) <= maxLooked {
		return text, false
	}
	end := maxLooked
	for end > maxLooked-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end], true
}

// clean makes text of unknown origin fit to be shown: valid UTF-8, no control
// characters, no characters that turn the direction of what follows, at most one empty
// line in a row, no towers of combining marks.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	b.Grow(len(s))
	lines, marks := 0, 0
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029':
			lines++
			marks = 0
			if lines <= 2 {
				b.WriteByte('\n')
			}
			continue
		case r == '\t':
			r = ' '
		case hidden(r):
			continue
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMarks {
				continue
			}
		default:
			marks = 0
		}
		if !unicode.IsSpace(r) {
			lines = 0
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// hidden tells characters that show nothing and change what stands around them: controls
// and those that set the direction of text.
func hidden(r rune) bool {
	switch {
	case unicode.IsControl(r):
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	case r == '\u200e', r == '\u200f', r == '\u061c', r == '\ufeff', r == '\u200b':
		return true
	}
	return false
}

// extends tells whether r belongs to the character before it, so that a text is never cut
// between the two.
func extends(prev, r rune) bool {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc):
		return true
	case r == joiner || prev == joiner:
		return true
	case r >= 0x1F3FB && r <= 0x1F3FF, r >= 0xE0020 && r <= 0xE007F: // skin tones, tags of flags
		return true
	}
	return false
}

// cluster returns how many runes at the start of rs make one character as people see it.
func cluster(rs []rune) int {
	n := 1
	if regional(rs[0]) && len(rs) > 1 && regional(rs[1]) {
		n = 2
	}
	for n < len(rs) && extends(rs[n-1], rs[n]) {
		n++
	}
	return n
}

func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func word(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// units is the length of s as Slack's limits count it at worst: in UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// marked tells for each rune of rs whether it belongs to a place where one of the words
// stands, in any case.
func marked(rs []rune, words []string) []bool {
	marks := make([]bool, len(rs))
	folded := make([]rune, len(rs))
	for i, r := range rs {
		folded[i] = fold(r)
	}
	for _, w := range words {
		key := []rune(strings.TrimSpace(clean(w)))
		for i, r := range key {
			key[i] = fold(r)
		}
		if len(key) == 0 || len(key) > maxKeyword {
			continue
		}
		for i := 0; i+len(key) <= len(folded); i++ {
			if equal(folded[i:i+len(key)], key) {
				for j := range key {
					marks[i+j] = rs[i+j] != '\n'
				}
				i += len(key) - 1
			}
		}
	}
	return marks
}

func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

func equal(a, b []rune) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// writer builds mrkdwn out of text that must show as it is, up to a limit.
type writer struct {
	b     strings.Builder
	left  int    // units that may still be written
	line  string // what every line begins with
	bold  bool
	count int // characters of the text that were written
}

// mrkdwn returns text as Slack's mrkdwn that shows it literally, with the given words
// bold, every line beginning with prefix. The result is at most limit UTF-16 units long,
// and of the text at most chars characters; what is cut is cut between characters and
// ends with "…". A text's first 64 KiB are all that is looked at.
func mrkdwn(text string, words []string, prefix string, chars, limit int) string {
	shown, more := head(text)
	return render([]rune(clean(shown)), more, words, prefix, chars, limit)
}

// render is mrkdwn of a text that is clean; more tells that it goes on behind rs.
func render(rs []rune, more bool, words []string, prefix string, chars, limit int) string {
	if len(rs) == 0 {
		if more {
			return prefix + ellipsis
		}
		return ""
	}
	// What lies far behind the limit can't be shown and need not be looked at.
	if most := 16*chars + 16; len(rs) > most {
		rs, more = rs[:most], true
	}
	marks := marked(rs, words)
	w := &writer{left: limit - units(ellipsis) - 2*units(gap) - 1, line: prefix}
	w.raw(prefix)
	for i := 0; i < len(rs); {
		n := cluster(rs[i:])
		if w.count >= chars || !w.character(rs, marks, i, n) {
			return w.cut(rs[max(i-1, 0)])
		}
		w.count++
		i += n
	}
	if more {
		return w.cut(rs[len(rs)-1])
	}
	w.endBold(false)
	return w.b.String()
}

// cut ends the text behind the rune last, where the rest does not fit. A mark inside a word is
// literal only as long as the word goes on.
func (w *writer) cut(last rune) string {
	bold := w.bold
	w.endBold(false)
	s := w.b.String()
	if !bold && strings.ContainsRune("*_~", last) && strings.HasSuffix(s, string(last)) {
		s = strings.TrimSuffix(s, string(last)) + lookalike(last)
	}
	return s + ellipsis
}

// character writes rs[i:i+n]; false where it does not fit.
func (w *writer) character(rs []rune, marks []bool, i, n int) bool {
	var s strings.Builder
	for j := i; j < i+n; j++ {
		s.WriteString(literal(rs, marks, j))
	}
	text := s.String()
	if rs[i] == '\n' {
		text += w.line
	}
	const around = 5 // what bold may add: two marks, two gaps and one to spare
	if units(text)+around > w.left {
		return false
	}
	if w.bold && !marks[i] {
		w.endBold(!unicode.IsSpace(rs[i]))
	}
	if !w.bold && marks[i] && !unicode.IsSpace(rs[i]) {
		if i > 0 && !unicode.IsSpace(rs[i-1]) {
			w.raw(gap)
		}
		w.raw("*")
		w.bold = true
	}
	w.raw(text)
	return true
}

func (w *writer) endBold(boundary bool) {
	if !w.bold {
		return
	}
	w.b.WriteString("*")
	w.left--
	w.bold = false
	if boundary {
		w.raw(gap)
	}
}

func (w *writer) raw(s string) {
	w.b.WriteString(s)
	w.left -= units(s)
}

// literal returns the rune at i in a form that Slack shows and never obeys.
func literal(rs []rune, marks []bool, i int) string {
	r := rs[i]
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '@':
		if i+1 < len(rs) && unicode.IsSpace(rs[i+1]) {
			return "@"
		}
		return "@" + string(joiner)
	case '*', '_', '~', '`':
		if r != '`' && inWord(rs, marks, i) {
			return string(r)
		}
		return lookalike(r)
	}
	return string(r)
}

// lookalike stands for a mark that Slack would read as formatting.
func lookalike(mark rune) string {
	k := strings.IndexRune(lookalikes, mark)
	stand, _ := utf8.DecodeRuneInString(lookalikes[k+1:])
	return string(stand)
}

// inWord tells whether rs[i] stands inside a word, as in snake_case, where Slack takes it
// literally.
func inWord(rs []rune, marks []bool, i int) bool {
	return i > 0 && i+1 < len(rs) && word(rs[i-1]) && word(rs[i+1]) && !marks[i-1] && !marks[i] && !marks[i+1]
}

// inline returns text of unknown origin on one line, safe, at most chars characters.
func inline(text string, chars int) string {
	shown, more := head(text)
	return render([]rune(strings.Join(strings.Fields(clean(shown)), " ")), more, nil, "", chars, 8*chars+8)
}
