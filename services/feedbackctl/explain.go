package main

import (
	"fmt"
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

// reason is one field of a match and whether it holds.
type reason struct {
	Field string `json:"field"`
	Holds bool   `json:"holds"`
	Words string `json:"words"`
}

// explain says of each field that the match has whether it holds for the event. A match holds
// where all its fields do.
func explain(m feedback.Match, s *feedbackv1.ScoredEvent) []reason {
	var out []reason
	add := func(field string, set bool, alone feedback.Match, holds, fails string) {
		if !set {
			return
		}
		r := reason{Field: field, Holds: alone.Scored(s), Words: holds}
		if !r.Holds {
			r.Words = fails
		}
		out = append(out, r)
	}
	e := s.GetEvent()
	score := "there is no score, which"
	if s.GetSentiment().Score != nil {
		score = fmt.Sprintf("score %.4g", s.GetSentiment().GetScore())
	}
	if m.ScoreBelow != nil {
		add("scoreBelow", true, feedback.Match{ScoreBelow: m.ScoreBelow},
			fmt.Sprintf("%s is below %v", score, *m.ScoreBelow), fmt.Sprintf("%s is not below %v", score, *m.ScoreBelow))
	}
	if m.ScoreAbove != nil {
		add("scoreAbove", true, feedback.Match{ScoreAbove: m.ScoreAbove},
			fmt.Sprintf("%s is above %v", score, *m.ScoreAbove), fmt.Sprintf("%s is not above %v", score, *m.ScoreAbove))
	}
	sources := strings.Join(m.Sources, ", ")
	add("sources", len(m.Sources) > 0, feedback.Match{Sources: m.Sources},
		"source "+e.GetSource()+" is one of "+sources, fmt.Sprintf("source %q is none of %s", e.GetSource(), sources))
	language, languages := s.GetSentiment().GetLanguage().GetTag(), strings.Join(m.Languages, ", ")
	add("languages", len(m.Languages) > 0, feedback.Match{Languages: m.Languages},
		"language "+language+" is one of "+languages, "language "+language+" is none of "+languages)
	keywords := quoted(m.Keywords)
	add("keywords", len(m.Keywords) > 0, feedback.Match{Keywords: m.Keywords},
		"the text has one of "+keywords, "the text has none of "+keywords)
	excluded := quoted(m.ExcludeKeywords)
	add("excludeKeywords", len(m.ExcludeKeywords) > 0, feedback.Match{ExcludeKeywords: m.ExcludeKeywords},
		"the text has none of "+excluded, "the text has one of "+excluded+", which are excluded")
	who := e.GetAuthor().GetHandle()
	add("authors", len(m.Authors) > 0, feedback.Match{Authors: m.Authors},
		"author "+who+" is one of "+strings.Join(m.Authors, ", "), "author "+who+" is none of "+strings.Join(m.Authors, ", "))
	add("excludeAuthors", len(m.ExcludeAuthors) > 0, feedback.Match{ExcludeAuthors: m.ExcludeAuthors},
		"author "+who+" is none of "+strings.Join(m.ExcludeAuthors, ", "), "author "+who+" is excluded")
	return out
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(out, ", ")
}
