package sentiment

import (
	"strings"
	"unicode"
)

// writing is the script that a text is written in.
type writing struct {
	script  string  // ISO 15924 of the script with most letters; empty without letters
	share   float64 // of the letters that are in it
	letters int
}

const latin = "Latn"

// scripts are the scripts that are told apart, with the language where there is only one
// that many people write in it.
var scripts = []struct {
	table    *unicode.RangeTable
	name     string
	language string
}{
	{unicode.Latin, latin, ""},
	{unicode.Cyrillic, "Cyrl", ""},
	{unicode.Arabic, "Arab", ""},
	{unicode.Han, "Hani", "zh"},
	{unicode.Hiragana, "Jpan", "ja"},
	{unicode.Katakana, "Jpan", "ja"},
	{unicode.Hangul, "Kore", "ko"},
	{unicode.Devanagari, "Deva", ""},
	{unicode.Greek, "Grek", "el"},
	{unicode.Hebrew, "Hebr", ""},
	{unicode.Thai, "Thai", "th"},
	{unicode.Bengali, "Beng", "bn"},
	{unicode.Tamil, "Taml", "ta"},
	{unicode.Telugu, "Telu", "te"},
	{unicode.Gujarati, "Gujr", "gu"},
	{unicode.Gurmukhi, "Guru", "pa"},
	{unicode.Kannada, "Knda", "kn"},
	{unicode.Malayalam, "Mlym", "ml"},
	{unicode.Sinhala, "Sinh", "si"},
	{unicode.Georgian, "Geor", "ka"},
	{unicode.Armenian, "Armn", "hy"},
	{unicode.Khmer, "Khmr", "km"},
	{unicode.Myanmar, "Mymr", "my"},
	{unicode.Lao, "Laoo", "lo"},
	{unicode.Ethiopic, "Ethi", ""},
}

// writtenIn counts the letters of a text by script. Japanese counts as such from a tenth of
// kana on, as most of its letters may be Han.
func writtenIn(text string) writing {
	var counts [26]int // one for each script, and the last for all others
	letters := 0
	for _, r := range text {
		switch {
		case r < 0x80:
			if r|0x20 >= 'a' && r|0x20 <= 'z' {
				counts[0]++
				letters++
			}
		case unicode.IsLetter(r), unicode.IsMark(r):
			counts[scriptOf(r)]++
			letters++
		}
	}
	if letters == 0 {
		return writing{}
	}
	const han, hiragana, katakana = 3, 4, 5
	kana := counts[hiragana] + counts[katakana]
	if kana*10 >= kana+counts[han] {
		counts[hiragana], counts[katakana], counts[han] = kana+counts[han], 0, 0
	}
	most := 0
	for s, count := range counts {
		if count > counts[most] {
			most = s
		}
	}
	w := writing{script: "Zyyy", share: float64(counts[most]) / float64(letters), letters: letters}
	if most < len(scripts) {
		w.script = scripts[most].name
	}
	return w
}

func scriptOf(r rune) int {
	for s := range scripts {
		if unicode.Is(scripts[s].table, r) {
			return s
		}
	}
	return len(scripts)
}

// language returns the one language that is written in the script, or nothing.
func (w writing) language() string {
	for _, s := range scripts {
		if s.name == w.script {
			return s.language
		}
	}
	return ""
}

// tellingLetters are letters by which the languages of one script are told apart, the most
// telling first.
var tellingLetters = []struct{ script, letters, language string }{
	{"Cyrl", "ўЎ", "be"},
	{"Cyrl", "ѓќЃЌ", "mk"},
	{"Cyrl", "ђћљњЂЋЉЊ", "sr"},
	{"Cyrl", "їєґЇЄҐ", "uk"},
	{"Cyrl", "ыэёЫЭЁ", "ru"},
	{"Cyrl", "іІ", "uk"},
	{"Arab", "ٹڈڑںے", "ur"},
	{"Arab", "پچگژ", "fa"},
}

// byLetters returns the language of a text in that script if its letters tell it.
func byLetters(text, script string) string {
	for _, t := range tellingLetters {
		if t.script == script && strings.ContainsAny(text, t.letters) {
			return t.language
		}
	}
	return ""
}
