package builtin

// Script is what a text is written in.
type Script uint8

// The scripts that are told apart. NoScript is that of a text without letters.
const (
	NoScript Script = iota
	Latin
	Cyrillic
	Greek
	Arabic
	Hebrew
	Han
	Hiragana
	Katakana
	Hangul
	Devanagari
	Thai
	Bengali
	Gurmukhi
	Gujarati
	Tamil
	Telugu
	Kannada
	Malayalam
	Sinhala
	Lao
	Myanmar
	Georgian
	Armenian
	Khmer
	Ethiopic
	OtherScript
	scriptCount
)

// scripts are their names by ISO 15924, and the language that is written in each, or that most people write in it.
var scripts = [scriptCount]struct{ name, language string }{
	NoScript: {}, Latin: {"Latn", ""}, Cyrillic: {"Cyrl", "ru"}, Greek: {"Grek", "el"}, Arabic: {"Arab", "ar"}, Hebrew: {"Hebr", "he"},
	Han: {"Hani", "zh"}, Hiragana: {"Jpan", "ja"}, Katakana: {"Jpan", "ja"}, Hangul: {"Kore", "ko"}, Devanagari: {"Deva", "hi"},
	Thai: {"Thai", "th"}, Bengali: {"Beng", "bn"}, Gurmukhi: {"Guru", "pa"}, Gujarati: {"Gujr", "gu"}, Tamil: {"Taml", "ta"},
	Telugu: {"Telu", "te"}, Kannada: {"Knda", "kn"}, Malayalam: {"Mlym", "ml"}, Sinhala: {"Sinh", "si"}, Lao: {"Laoo", "lo"},
	Myanmar: {"Mymr", "my"}, Georgian: {"Geor", "ka"}, Armenian: {"Armn", "hy"}, Khmer: {"Khmr", "km"}, Ethiopic: {"Ethi", "am"},
	OtherScript: {"Zyyy", ""},
}

// blocks are where the letters of the scripts lie in Unicode, in order.
var blocks = [...]struct {
	first, last rune
	script      Script
}{
	{0x0000, 0x02AF, Latin}, {0x0370, 0x03FF, Greek}, {0x0400, 0x052F, Cyrillic}, {0x0530, 0x058F, Armenian}, {0x0590, 0x05FF, Hebrew},
	{0x0600, 0x077F, Arabic}, {0x08A0, 0x08FF, Arabic}, {0x0900, 0x097F, Devanagari}, {0x0980, 0x09FF, Bengali}, {0x0A00, 0x0A7F, Gurmukhi},
	{0x0A80, 0x0AFF, Gujarati}, {0x0B80, 0x0BFF, Tamil}, {0x0C00, 0x0C7F, Telugu}, {0x0C80, 0x0CFF, Kannada}, {0x0D00, 0x0D7F, Malayalam},
	{0x0D80, 0x0DFF, Sinhala}, {0x0E00, 0x0E7F, Thai}, {0x0E80, 0x0EFF, Lao}, {0x1000, 0x109F, Myanmar}, {0x10A0, 0x10FF, Georgian},
	{0x1100, 0x11FF, Hangul}, {0x1200, 0x139F, Ethiopic}, {0x1780, 0x17FF, Khmer}, {0x1C90, 0x1CBF, Georgian}, {0x1E00, 0x1EFF, Latin},
	{0x1F00, 0x1FFF, Greek}, {0x2C60, 0x2C7F, Latin}, {0x2E80, 0x2FDF, Han}, {0x3005, 0x3007, Han}, {0x3040, 0x309F, Hiragana},
	{0x30A0, 0x30FF, Katakana}, {0x3130, 0x318F, Hangul}, {0x31F0, 0x31FF, Katakana}, {0x3400, 0x9FFF, Han}, {0xA720, 0xA7FF, Latin},
	{0xAC00, 0xD7FF, Hangul}, {0xF900, 0xFAFF, Han}, {0xFB1D, 0xFB4F, Hebrew}, {0xFB50, 0xFDFF, Arabic}, {0xFE70, 0xFEFF, Arabic},
	{0xFF66, 0xFF9D, Katakana}, {0x20000, 0x3FFFF, Han},
}

// scriptOf is the script of a letter.
func scriptOf(r rune) Script {
	low, high := 0, len(blocks)
	for low < high {
		middle := (low + high) / 2
		switch b := &blocks[middle]; {
		case r < b.first:
			high = middle
		case r > b.last:
			low = middle + 1
		default:
			return b.script
		}
	}
	return OtherScript
}

// writing returns the script of most letters, and their share. Japanese counts as such from a tenth of kana on, as
// most of its letters may be Han.
func (t *tokens) writing() (Script, float64) {
	counts := t.scripts
	if kana := counts[Hiragana] + counts[Katakana]; kana*10 >= kana+counts[Han] {
		counts[Hiragana], counts[Katakana], counts[Han] = kana+counts[Han], 0, 0
	}
	most, letters := NoScript, int32(0)
	for s, n := range counts {
		letters += n
		if n > counts[most] {
			most = Script(s)
		}
	}
	if letters == 0 {
		return NoScript, 0
	}
	return most, float64(counts[most]) / float64(letters)
}

// tellingLetters are letters by which the languages of one script are told apart, the most telling first.
var tellingLetters = [...]struct {
	script            Script
	letters, language string
}{
	{Cyrillic, "ўЎ", "be"},
	{Cyrillic, "ѓќЃЌ", "mk"},
	{Cyrillic, "ђћљњјЂЋЉЊЈ", "sr"},
	{Cyrillic, "їєґЇЄҐ", "uk"},
	{Cyrillic, "ыэёЫЭЁ", "ru"},
	{Cyrillic, "іІ", "uk"},
	{Cyrillic, "ъЪ", "bg"},
	{Arabic, "ٹڈڑںے", "ur"},
	{Arabic, "پچگژ", "fa"},
	{Devanagari, "ळ", "mr"},
}
