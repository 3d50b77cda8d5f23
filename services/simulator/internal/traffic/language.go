package traffic

import (
	"strings"
	"unicode"
)

// words are frequent words that tell languages in Latin script apart.
var words = map[string]string{
	"de": "der die das und ist nicht ich wir sind seit wieder mit für ein eine auch kein keine mich uns bei von sehr zum gerade jemand danke es im",
	"fr": "le la les et est pas je nous une des du que pour avec vraiment encore merci c'est sur dans mais plus qui ça très tout au",
	"es": "el los las y es no un una que por para con está esto nosotros gracias muy pero del más otra vez se nos la de en alguien",
	"pt": "o os as e é não um uma que por para com está isso nós obrigado muito mas mais do da em na no de vez",
	"it": "il lo gli e è non un una che per con sono questo noi grazie molto ma della di del più ancora anche",
	"nl": "de het een en is niet ik wij zijn met voor van maar ook geen weer heel bedankt wat naar op dit al",
	"pl": "nie jest na się to że za jest dzięki z i w do jak ale co tym od po",
	"en": "the and is not i we are it with for a an of to in on my our this that was you have has just at be by do how what there from your so no",
	"sv": "och är inte jag vi det en ett på som med för har men av till att den nu",
	"tr": "ve bir bu için değil çok da de ne ama gibi var yok teşekkürler",
}

// scripts are languages that their script gives away; the first that matches holds.
var scripts = []struct {
	lang  string
	table *unicode.RangeTable
}{{"ja", unicode.Hiragana}, {"ja", unicode.Katakana}, {"ko", unicode.Hangul}, {"zh", unicode.Han}, {"ru", unicode.Cyrillic}, {"ar", unicode.Arabic},
	{"hi", unicode.Devanagari}, {"he", unicode.Hebrew}, {"th", unicode.Thai}, {"el", unicode.Greek}}

// language tells what X would take a text for: by script, else by its most frequent
// words; English for Latin text that gives nothing away, und for text without letters.
func language(text string) string {
	var letters int
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	if letters < 2 {
		return "und"
	}
	for _, s := range scripts {
		n := 0
		for _, r := range text {
			if unicode.Is(s.table, r) {
				n++
			}
		}
		if n*5 >= letters || n >= 4 {
			return s.lang
		}
	}
	best, most := "en", hits(text, words["en"])
	for _, lang := range []string{"de", "es", "fr", "it", "nl", "pl", "pt", "sv", "tr"} {
		if n := hits(text, words[lang]); n > most && n >= 2 {
			best, most = lang, n
		}
	}
	return best
}

func hits(text, list string) int {
	n := 0
	list = " " + list + " "
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		if strings.Contains(list, " "+w+" ") {
			n++
		}
	}
	return n
}
