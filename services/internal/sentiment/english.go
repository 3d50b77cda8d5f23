package sentiment

import "strings"

// englishOnly are frequent words that are English and hardly anything else.
var englishOnly = wordSet(`
	the and this that these those with you your yours they them their there what why how when
	which would could should shouldn't wouldn't couldn't have haven't hasn't been being from
	because it's that's there's here's what's don't doesn't didn't isn't aren't wasn't weren't
	can't cannot won't i'm i've i'll i'd you're you've we're we've they're let's
	just every after again our anyone anything someone something nothing everything still
	does did doing done than then only about before between through while where who
	whose other another much many any its can she
	very really too also always never getting got makes please thanks thank
	love hate great good bad work works working worked doesnt dont cant isnt im ive
	keep keeps need needs want wants know think feel feels looks broken awesome excellent
`)

// englishToo are frequent English words that are also words of another language in Latin
// script: they prove nothing, but a longer text without any of them is hardly English.
var englishToo = wordSet(`
	his a i me my we us he him is was it in on of or so no not but for to do go be by at an as if am
	up out all one two new now will has had her here like more most into some ever get them made
	are make over down off yes ok oh ah hey hi wow lol well man old see say why way day time people
`)

func wordSet(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// evidence is what the commonest words of a text in Latin script say of its being English.
type evidence int

const (
	silent         evidence = iota
	forEnglish              // enough of its words are English, and one of them English alone
	fewWords                // no frequent English word among up to three
	oddForEnglish           // no frequent English word among four or more
	againstEnglish          // the same, with a letter that English has not
)

// weigh reads the words of a text. It costs a hundredth of the detector, and short texts, where
// the detector guesses, are where it is needed.
func weigh(text string) evidence {
	words, only, too, marked := 0, 0, 0, false
	var first string
	different := false
	for word := range strings.FieldsSeq(text) {
		words++
		word = strings.ToLower(strings.Trim(word, ".,;:!?\"'()[]{}*_~`-…“”<>#"))
		switch {
		case englishOnly[word]:
			only++
			different = different || (first != "" && word != first)
			first = word
		case englishToo[word]:
			too++
		default:
			marked = marked || accented(word)
		}
	}
	switch {
	case different && (only+too)*5 >= words, only > 0 && !marked && (only+too)*3 >= words:
		return forEnglish
	case only == 0 && marked:
		return againstEnglish
	case only == 0 && too == 0 && words >= 4:
		return oddForEnglish
	case only == 0 && too == 0:
		return fewWords
	default:
		return silent
	}
}

// accented tells whether a word in Latin script holds a letter outside ASCII.
func accented(word string) bool {
	for _, r := range word {
		if r >= 'À' && r <= 'ɏ' {
			return true
		}
	}
	return false
}
