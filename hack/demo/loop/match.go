package loop

import (
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// expected is the routes that an event should take, for the view to know what to wait for. It decides nothing: what the
// view says of an event is what the notifier wrote.
func expected(routes []v1alpha1.Route, s *feedbackv1.ScoredEvent) []string {
	var names []string
	for _, r := range routes {
		if r.Match == nil || matches(r.Match, s) {
			names = append(names, r.Name)
		}
	}
	return names
}

func matches(m *v1alpha1.Match, s *feedbackv1.ScoredEvent) bool {
	e, score := s.GetEvent(), s.GetSentiment()
	if e.GetDeleted() {
		return false
	}
	if m.ScoreBelow != nil && (score == nil || score.Score == nil || score.GetScore() >= *m.ScoreBelow) {
		return false
	}
	if m.ScoreAbove != nil && (score == nil || score.Score == nil || score.GetScore() <= *m.ScoreAbove) {
		return false
	}
	language := score.GetLanguage().GetTag()
	if language == "" {
		language = e.GetLanguage()
	}
	authors := []string{e.GetAuthor().GetId(), e.GetAuthor().GetHandle()}
	return (len(m.Keywords) == 0 || contains(e.GetText(), m.Keywords)) && !contains(e.GetText(), m.ExcludeKeywords) &&
		(len(m.Sources) == 0 || slices.Contains(m.Sources, e.GetSource())) &&
		(len(m.Languages) == 0 || anyEqual(m.Languages, primary(language), language)) &&
		(len(m.Authors) == 0 || anyEqual(m.Authors, authors...)) && !anyEqual(m.ExcludeAuthors, authors...)
}

// primary is the language of a tag, such as en of en-GB.
func primary(tag string) string {
	language, _, _ := strings.Cut(tag, "-")
	return language
}

func contains(text string, words []v1alpha1.Keyword) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(w v1alpha1.Keyword) bool { return strings.Contains(text, strings.ToLower(string(w))) })
}

func anyEqual[T ~string](allowed []T, values ...string) bool {
	return slices.ContainsFunc(allowed, func(a T) bool {
		return slices.ContainsFunc(values, func(v string) bool {
			return v != "" && strings.EqualFold(strings.TrimPrefix(string(a), "@"), v)
		})
	})
}
