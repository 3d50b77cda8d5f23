package standin

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// languages are those that Azure AI Language scores.
const languages = "af am ar as az bg bn br bs ca cs cy da de el en eo es et eu fa fi fil fr fy ga gd gl gu ha he hi hr hu hy id it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt pt-BR pt-PT ro ru sa sd si sk sl so sq sr su sv sw ta te th tr ug uk ur uz vi xh yi zh zh-Hans zh-Hant"

// speaks tells whether a tag, or its language alone, is one of those. No tag is taken for English.
func speaks(all, tag string) bool {
	if tag == "" {
		return true
	}
	base, _, _ := strings.Cut(tag, "-")
	return slices.ContainsFunc(strings.Fields(all), func(l string) bool { return strings.EqualFold(l, tag) || strings.EqualFold(l, base) })
}

// scores are confidence scores; they sum to 1.
type scores struct {
	Positive float64 `json:"positive"`
	Neutral  float64 `json:"neutral"`
	Negative float64 `json:"negative"`
}

// sentence is what is said of one.
type sentence struct {
	Sentiment string `json:"sentiment"`
	Scores    scores `json:"confidenceScores"`
	Offset    int    `json:"offset"`
	Length    int    `json:"length"`
	Text      string `json:"text"`
}

// feeling is what is said of a text.
type feeling struct {
	label     string
	scores    scores
	sentences []sentence
	language  *feedbackv1.Language
}

// feel scores each text and each of its sentences. A text with positive and with negative sentences is mixed.
func (s *Service) feel(ctx context.Context, documents []document) ([]feeling, error) {
	var ask []sentiment.Document
	var parts [][]sentence
	for _, d := range documents {
		cut := sentences(d.Text)
		ask, parts = append(ask, sentiment.Document{Text: d.Text, Language: d.Language}), append(parts, cut)
		for _, c := range cut {
			ask = append(ask, sentiment.Document{Text: c.Text, Language: d.Language})
		}
	}
	said, err := s.o.Backend.Score(ctx, ask)
	if err != nil {
		return nil, err
	}
	out := make([]feeling, len(documents))
	for i, cut := range parts {
		out[i] = feeling{sentences: cut, language: said[0].GetLanguage()}
		out[i].label, out[i].scores = confidence(said[0])
		labels := map[string]bool{}
		for j := range cut {
			cut[j].Sentiment, cut[j].Scores = confidence(said[1+j])
			labels[cut[j].Sentiment] = true
		}
		if labels["positive"] && labels["negative"] {
			out[i].label = "mixed"
		}
		said = said[1+len(cut):]
	}
	return out, nil
}

// confidence turns a sentiment into confidence scores of which P(positive) + P(neutral)/2 is its score, to two digits.
// What has no score is neutral.
func confidence(s *feedbackv1.Sentiment) (string, scores) {
	if s.Score == nil {
		return "neutral", scores{Neutral: 1}
	}
	lean := math.Round(100*(2*s.GetScore()-1)) / 100
	c := scores{Positive: max(0, lean), Negative: max(0, -lean), Neutral: math.Round(100*(1-math.Abs(lean))) / 100}
	switch s.GetLabel() {
	case feedbackv1.Label_LABEL_POSITIVE:
		return "positive", c
	case feedbackv1.Label_LABEL_NEGATIVE:
		return "negative", c
	}
	return "neutral", c
}

// sentences cuts a text after each run of . ! and ? that a blank follows, and at line ends.
func sentences(text string) []sentence {
	var out []sentence
	var from, at int // in bytes, and the same in runes
	add := func(to int) {
		piece := text[from:to]
		if t := strings.TrimSpace(piece); t != "" {
			before, _, _ := strings.Cut(piece, t)
			lead := utf8.RuneCountInString(before)
			out = append(out, sentence{Offset: at + lead, Length: utf8.RuneCountInString(t), Text: t})
		}
		at, from = at+utf8.RuneCountInString(piece), to
	}
	for i, r := range text {
		ends := i > 0 && strings.ContainsRune(".!?", rune(text[i-1])) && r == ' '
		if ends || r == '\n' {
			add(i)
		}
	}
	add(len(text))
	return out
}

// tag is the language's, as the services name it.
func (f feeling) tag() string {
	if t := f.language.GetTag(); t != "" && t != sentiment.Undetermined {
		return t
	}
	return "(Unknown)"
}

func (f feeling) name() string {
	if f.tag() == "(Unknown)" {
		return f.tag()
	}
	return display.English.Tags().Name(language.Make(f.tag()))
}

func (f feeling) confidence() float64 {
	if f.tag() == "(Unknown)" {
		return 0
	}
	return f.language.GetConfidence()
}
