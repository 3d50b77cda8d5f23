package sentiment

import "github.com/jonreiter/govader"

// addedWords are words that users of a service complain with and that VADER's lexicon, made from
// posts of 2014, lacks; on its scale of -4 to 4, each as the nearest word that it has (crash -1.7,
// broken -2.1, useless -1.8). They are few on purpose: down, slow, bug and timeout were tried and
// left out, as they are in as many plain reports and questions as in complaints. What a rule would
// have to tell, such as "not working", stays unknown.
var addedWords = map[string]float64{
	"outage": -1.8, "outages": -1.8, "downtime": -1.5, "unreachable": -1.3, "unavailable": -1.3,
	"crashed": -1.7, "crashes": -1.7, "crashing": -1.7, "corrupted": -1.5, "buggy": -1.7, "laggy": -1.5,
	"unusable": -2.1, "unreliable": -1.8, "nightmare": -2.2, "garbage": -1.9,
	"thumbsdown": -1.9, "pileofpoo": -1.9,
}

// changedEmoji are emoji whose descriptions VADER reads wrongly: it replaces each by its
// description, of which no word is in its lexicon for the first ones, and in which fire is as
// bad as in a house although people mean praise by it as often.
var changedEmoji = map[string]string{
	"😡": "angry face", "🤬": "furious face", "👎": "thumbsdown", "💩": "pileofpoo", "🔥": "flame",
}

// newAnalyzer returns VADER with what it lacks added.
func newAnalyzer() *govader.SentimentIntensityAnalyzer {
	analyzer := govader.NewSentimentIntensityAnalyzer()
	for w, valence := range addedWords {
		analyzer.Lexicon[w] = valence
	}
	for emoji, description := range changedEmoji {
		analyzer.EmojiDict[emoji] = description
	}
	return analyzer
}
