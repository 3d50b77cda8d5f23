package audit

import (
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// match is the auditor's reading of a `match`: every field that is set must hold.
type match struct {
	ScoreBelow      *float64 `json:"scoreBelow"`
	ScoreAbove      *float64 `json:"scoreAbove"`
	Sources         []string `json:"sources"`
	Languages       []string `json:"languages"`
	Keywords        []string `json:"keywords"`
	ExcludeKeywords []string `json:"excludeKeywords"`
	Authors         []string `json:"authors"`
	ExcludeAuthors  []string `json:"excludeAuthors"`
}

// said is what a match judges.
type said struct {
	text, language, source string
	authors                []string // the names by which its author is known
	score                  *float64
}

// scoredSaid is what a scored event says.
func scoredSaid(s *feedbackv1.ScoredEvent) said {
	e := s.GetEvent()
	language := s.GetSentiment().GetLanguage().GetTag()
	if language == "" {
		language = e.GetLanguage()
	}
	t := said{text: e.GetText(), language: language, source: e.GetSource(), authors: []string{e.GetAuthor().GetId(), e.GetAuthor().GetHandle()}}
	if s.GetSentiment() != nil {
		t.score = s.GetSentiment().Score
	}
	return t
}

// covers is true if all of the match holds.
func (m match) covers(s said) bool {
	return (len(m.Keywords) == 0 || containsAny(s.text, m.Keywords)) && m.allowed(s) && m.inRange(s.score)
}

// allowed is true if all but the keywords and the score holds.
func (m match) allowed(s said) bool {
	if containsAny(s.text, m.ExcludeKeywords) || isAny(s.authors, m.ExcludeAuthors) {
		return false
	}
	if len(m.Authors) > 0 && !isAny(s.authors, m.Authors) {
		return false
	}
	if len(m.Sources) > 0 && !isAny([]string{s.source}, m.Sources) {
		return false
	}
	return len(m.Languages) == 0 || inLanguages(s.language, m.Languages)
}

// inRange is true if the score is strictly below and above what the match says; what has no score
// is in no range.
func (m match) inRange(score *float64) bool {
	if m.ScoreBelow != nil && (score == nil || *score >= *m.ScoreBelow) {
		return false
	}
	return m.ScoreAbove == nil || (score != nil && *score > *m.ScoreAbove)
}

// containsAny is true if text holds one of the words, in any case, anywhere.
func containsAny(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// isAny is true if one of the names is in the list, in any case and with or without a leading @.
func isAny(names, list []string) bool {
	for _, l := range list {
		for _, n := range names {
			if n != "" && strings.EqualFold(n, strings.TrimPrefix(l, "@")) {
				return true
			}
		}
	}
	return false
}

// inLanguages is true if the tag is one of the list or a narrower form of it: en holds en-GB.
func inLanguages(tag string, list []string) bool {
	tag = strings.ToLower(tag)
	for _, l := range list {
		l = strings.ToLower(l)
		if tag == l || strings.HasPrefix(tag, l+"-") {
			return true
		}
	}
	return false
}
