package feedback

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Match says which events are meant. Every field that is set must hold; in a list one entry
// is enough. The zero Match means all.
type Match struct {
	// ScoreBelow holds for a score below it, ScoreAbove for one above it, both in [0,1]. An
	// event without a score matches neither.
	ScoreBelow *float64 `json:"scoreBelow,omitempty"`
	ScoreAbove *float64 `json:"scoreAbove,omitempty"`
	// Sources are names of the pipeline's sources.
	Sources []string `json:"sources,omitempty"`
	// Languages are BCP 47 tags; "en" means "en-GB" as well. The scorer's word counts, before
	// it the source's.
	Languages []string `json:"languages,omitempty"`
	// Keywords are substrings of the text, in any case.
	Keywords []string `json:"keywords,omitempty"`
	// ExcludeKeywords are substrings that the text must not have.
	ExcludeKeywords []string `json:"excludeKeywords,omitempty"`
	// Authors are handles or ids, a leading @ apart, in any case.
	Authors []string `json:"authors,omitempty"`
	// ExcludeAuthors are authors whose events are not meant.
	ExcludeAuthors []string `json:"excludeAuthors,omitempty"`
}

// UnmarshalText reads a Match from JSON; unknown fields are refused by name.
func (m *Match) UnmarshalText(b []byte) error {
	if len(bytes.TrimSpace(b)) == 0 {
		*m = Match{}
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	type plain Match // without this method
	if err := d.Decode((*plain)(m)); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the match")
	}
	return nil
}

// Validate reports every field that is wrong.
func (m Match) Validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value *float64
	}{{"scoreBelow", m.ScoreBelow}, {"scoreAbove", m.ScoreAbove}} {
		if v := f.value; v != nil && !(*v >= 0 && *v <= 1) {
			errs = append(errs, fmt.Errorf("match.%s %v: scores lie between 0 and 1", f.name, *v))
		}
	}
	if m.ScoreBelow != nil && m.ScoreAbove != nil && *m.ScoreAbove >= *m.ScoreBelow {
		errs = append(errs, fmt.Errorf("match.scoreAbove %v and scoreBelow %v: no score is above the one and below the other", *m.ScoreAbove, *m.ScoreBelow))
	}
	for _, k := range slices.Concat(m.Keywords, m.ExcludeKeywords) {
		if strings.TrimSpace(k) == "" {
			errs = append(errs, fmt.Errorf("match.keywords %q: a keyword has at least one character", k))
		}
	}
	return errors.Join(errs...)
}

// Event tells whether the event is meant, its score apart.
func (m Match) Event(e *feedbackv1.Event) bool { return m.event(e, e.GetLanguage()) }

// Scored tells whether the scored event is meant.
func (m Match) Scored(s *feedbackv1.ScoredEvent) bool {
	var score *float64
	if sentiment := s.GetSentiment(); sentiment != nil {
		score = sentiment.Score
	}
	if !m.Score(score) {
		return false
	}
	language := s.GetSentiment().GetLanguage().GetTag()
	if language == "" {
		language = s.GetEvent().GetLanguage()
	}
	return m.event(s.GetEvent(), language)
}

// Score tells whether the score is in the range; nil is a missing score.
func (m Match) Score(score *float64) bool {
	if m.ScoreBelow == nil && m.ScoreAbove == nil {
		return true
	}
	return score != nil && (m.ScoreBelow == nil || *score < *m.ScoreBelow) && (m.ScoreAbove == nil || *score > *m.ScoreAbove)
}

func (m Match) event(e *feedbackv1.Event, language string) bool {
	return (len(m.Sources) == 0 || slices.Contains(m.Sources, e.GetSource())) &&
		(len(m.Languages) == 0 || hasLanguage(m.Languages, language)) &&
		(len(m.Authors) == 0 || hasAuthor(m.Authors, e.GetAuthor())) &&
		!hasAuthor(m.ExcludeAuthors, e.GetAuthor()) &&
		m.Text(e.GetText())
}

// Text tells whether the text has one of the keywords, if there are any, and none of the
// excluded ones.
func (m Match) Text(text string) bool {
	if len(m.Keywords) == 0 && len(m.ExcludeKeywords) == 0 {
		return true
	}
	text = strings.ToLower(text)
	has := func(k string) bool { return strings.Contains(text, strings.ToLower(k)) }
	return (len(m.Keywords) == 0 || slices.ContainsFunc(m.Keywords, has)) && !slices.ContainsFunc(m.ExcludeKeywords, has)
}

func hasLanguage(tags []string, language string) bool {
	return slices.ContainsFunc(tags, func(t string) bool {
		return strings.EqualFold(t, language) ||
			(len(language) > len(t) && language[len(t)] == '-' && strings.EqualFold(t, language[:len(t)]))
	})
}

func hasAuthor(names []string, a *feedbackv1.Author) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		n = strings.TrimPrefix(n, "@")
		return n != "" && (strings.EqualFold(n, a.GetHandle()) || n == a.GetId())
	})
}
