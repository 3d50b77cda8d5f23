package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

// filter says which records are meant. All that is given must hold.
type filter struct {
	sources, languages, contains, routes []string
	below, above                         float64
	given                                func(flag string) bool
}

func (f *filter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.sources, "source", nil, "only events of this source; may be repeated")
	flags.StringSliceVar(&f.languages, "language", nil, "only events in this language (BCP 47; en means en-GB as well); may be repeated")
	flags.Float64Var(&f.below, "below", 0, "only scores below this one")
	flags.Float64Var(&f.above, "above", 0, "only scores above this one")
	flags.StringArrayVar(&f.contains, "contains", nil, "only texts with this in them, in any case; repeated: any of them")
	flags.StringSliceVar(&f.routes, "route", nil, "only notifications of this route; may be repeated")
}

// applies tells for each filter to which topics it applies.
var applies = []struct {
	flag   string
	topics []string
}{
	{"source", []string{"feedback", "scored", shadowTopic}},
	{"language", []string{"feedback", "scored", shadowTopic}},
	{"below", []string{"scored", shadowTopic}},
	{"above", []string{"scored", shadowTopic}},
	{"contains", []string{"feedback", "scored", "dead-letters", shadowTopic}},
	{"route", []string{"notifications"}},
}

// validate refuses a filter that would let nothing through. An unknown topic (short is empty)
// may hold anything.
func (f *filter) validate(short string) error {
	for _, a := range applies {
		if f.given(a.flag) && short != "" && !slices.Contains(a.topics, short) {
			return usagef("--%s does not apply to the topic %s: it filters %s", a.flag, short, strings.Join(a.topics, " and "))
		}
	}
	for _, s := range []struct {
		flag  string
		value float64
	}{{"below", f.below}, {"above", f.above}} {
		if f.given(s.flag) && !(s.value >= 0 && s.value <= 1) {
			return usagef("--%s %v: scores lie between 0 and 1", s.flag, s.value)
		}
	}
	if f.given("below") && f.given("above") && f.above >= f.below {
		return usagef("--above %v --below %v: no score is above the one and below the other", f.above, f.below)
	}
	return nil
}

// match tells whether the entry is meant.
func (f *filter) match(e entry) bool {
	if len(f.routes) > 0 {
		n, ok := e.value.(*feedbackv1.Notification)
		return ok && slices.Contains(f.routes, n.GetRoute())
	}
	m := feedback.Match{Sources: f.sources, Languages: f.languages, Keywords: f.contains}
	if f.given("below") {
		m.ScoreBelow = &f.below
	}
	if f.given("above") {
		m.ScoreAbove = &f.above
	}
	if len(m.Sources)+len(m.Languages)+len(m.Keywords) == 0 && m.ScoreBelow == nil && m.ScoreAbove == nil {
		return true
	}
	if e.dead {
		text := feedback.Header(e.record, feedback.HeaderError) + " " + string(e.record.Key) + " " + e.event().GetText()
		return m.Text(text)
	}
	scored := e.scored()
	return scored != nil && m.Scored(scored)
}
