package sentiment

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxScored is how many runes of a text are read for its score: about 1,700 words, more than
// any post or message of the sources holds of one thought, and a bound on what a text costs.
const maxScored = 10_000

// clean returns the first limit runes of text as words with one space between them. Broken
// UTF-8, control and invisible characters (variation selectors, joiners) are left out, and
// typographic apostrophes are made plain, so that "don’t" is the word "don't".
func clean(text string, limit int) string {
	text = strings.TrimSpace(text)
	var b strings.Builder
	b.Grow(min(len(text), 4*limit))
	space := false
	for i, n := 0, 0; i < len(text) && n < limit; n++ {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == utf8.RuneError, unicode.IsSpace(r), unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case invisible(r):
			continue
		case r == '’', r == 'ʼ':
			r = '\''
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// invisible tells whether r shows nothing by itself: variation selectors, zero-width and
// directional marks, the byte order mark, tags.
func invisible(r rune) bool {
	if r < 0x80 {
		return false
	}
	return unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Cf, r)
}
