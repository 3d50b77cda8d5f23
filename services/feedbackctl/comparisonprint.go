package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// print writes the report for people: what it means first, then the figures.
func (r *comparisonReport) print(out io.Writer, zone *time.Location) error {
	w := bufio.NewWriter(out)
	r.sentences(w, zone)
	if r.Compared > 0 {
		r.confusion(w)
		r.unscored(w)
		r.languages(w)
		r.routes(w)
		if len(r.Apart) > 0 {
			fmt.Fprintln(w, "\nfurthest apart (scorer, shadow, text):")
			printTexts(w, r.Apart)
		}
	}
	return w.Flush()
}

// sentences say in plain words what the figures mean.
func (r *comparisonReport) sentences(w io.Writer, zone *time.Location) {
	if r.Compared == 0 {
		fmt.Fprintln(w, "No event was scored by both the scorer and its shadow.")
	} else {
		fmt.Fprintf(w, "%s from %s to %s by the scorer (%s) and its shadow (%s).\n", events(r.Compared), r.From.In(zone).Format(time.RFC3339), r.To.In(zone).Format(time.RFC3339),
			models(r.Scorer.Models), models(r.Shadow.Models))
	}
	if l := r.Labels; l.Events > 0 {
		beyond := ""
		if l.Kappa != nil {
			beyond = fmt.Sprintf(", kappa %.2f", *l.Kappa)
		}
		fmt.Fprintf(w, "They give %d of %d texts the same label (%.0f %%%s).", l.Same, l.Events, 100**l.Rate, beyond)
		fmt.Fprintf(w, " Their scores lie %.2f apart on average; the shadow's are %s.\n", *r.Scores.Apart, higher(*r.Scores.Higher))
	}
	switch {
	case r.Compared == 0:
	case len(r.Routes) == 0:
		fmt.Fprintln(w, "What the channels would have got is told with --manifest pipeline.yaml, or --match.")
	default:
		for _, route := range r.Routes {
			fmt.Fprintln(w, route.sentence(r.span()))
		}
	}
	if shadow, scorer := r.unscoredAlone(); shadow+scorer > 0 {
		fmt.Fprintf(w, "The shadow leaves %s unscored that the scorer scores, and scores %d that the scorer leaves unscored.\n", plural(int64(shadow), "text", "texts"), scorer)
	}
	r.Shadow.lacks(w, "The shadow", "the scorer")
	r.Scorer.lacks(w, "The scorer", "the shadow")
	if r.Fallback > 0 {
		fmt.Fprintf(w, "Of the scorer's, %s by its fallback: its backend was away.\n", plural(int64(r.Fallback), "is", "are"))
	}
	if r.Deleted > 0 {
		fmt.Fprintf(w, "%s deleted meanwhile and left out.\n", plural(int64(r.Deleted), "event was", "events were"))
	}
}

// unscoredAlone are the events that only the shadow, or only the scorer, leaves unscored.
func (r *comparisonReport) unscoredAlone() (shadow, scorer int) {
	for i := range unlabelled {
		shadow += r.Labels.Confusion[i][unlabelled]
		scorer += r.Labels.Confusion[unlabelled][i]
	}
	return shadow, scorer
}

func events(n int) string {
	return plural(int64(n), "event was scored", "events were scored")
}

func models(names []string) string {
	switch len(names) {
	case 0:
		return "which scored none"
	case 1:
		return or(safe(names[0]), "unnamed")
	}
	return fmt.Sprintf("%s and %d more", safe(names[0]), len(names)-1)
}

func higher(by float64) string {
	switch {
	case by >= 0.005:
		return fmt.Sprintf("%.2f higher", by)
	case by <= -0.005:
		return fmt.Sprintf("%.2f lower", -by)
	}
	return "as high"
}

// span is the time over which events were compared.
func (r *comparisonReport) span() time.Duration {
	if r.From == nil {
		return 0
	}
	return r.To.Sub(*r.From)
}

// twoDays is the span from which on counts are told a day: a day of less is no day like others.
const twoDays = 48 * time.Hour

// sentence says what the route's channel would have got.
func (c comparedRoute) sentence(span time.Duration) string {
	where := fmt.Sprintf("Route %s", safe(c.Route))
	if c.Channel != "" {
		where = fmt.Sprintf("Channel %s (route %s)", safe(strings.TrimPrefix(c.Channel, "#")), safe(c.Route))
	}
	if max(c.Scorer, c.Shadow) == c.Both {
		return fmt.Sprintf("%s would have got the same %s.", where, plural(int64(c.Both), "event", "events"))
	}
	daily := ""
	if span >= twoDays {
		days := span.Hours() / 24
		daily = fmt.Sprintf(" (%.1f a day instead of %.1f)", float64(c.Shadow)/days, float64(c.Scorer)/days)
	}
	return fmt.Sprintf("%s would have got %s by the shadow instead of %d%s: %d the same, %d new, %d left out.", where, plural(int64(c.Shadow), "event", "events"), c.Scorer, daily,
		c.Both, c.Shadow-c.Both, c.Scorer-c.Both)
}

// lacks says what this side has not of what the other has.
func (s comparedSide) lacks(w io.Writer, name, other string) {
	if s.Before > 0 {
		fmt.Fprintf(w, "%s began after %s that %s has.\n", name, plural(int64(s.Before), "event", "events"), other)
	}
	if s.Pending > 0 {
		fmt.Fprintf(w, "%s has yet to come to %s; feedbackctl topics shows its lag.\n", name, plural(int64(s.Pending), "event", "events"))
	}
	if s.Missing > 0 {
		fmt.Fprintf(w, "%s lacks %s that %s has: a record that it could not handle, or one that retention took.\n", name, plural(int64(s.Missing), "event", "events"), other)
	}
}

func (r *comparisonReport) confusion(w io.Writer) {
	fmt.Fprintf(w, "\n%-22s %9s %9s %9s %9s\n", "scorer \\ shadow", "negative", "neutral", "positive", "unscored")
	for i, row := range r.Labels.Confusion {
		fmt.Fprintf(w, "%-22s %9d %9d %9d %9d\n", append(slices.Clone(evaluate.Names[:]), "unscored")[i], row[0], row[1], row[2], row[3])
	}
	if s := r.Scores; s.Apart != nil {
		correlation := "none"
		if s.Correlation != nil {
			correlation = fmt.Sprintf("%.2f", *s.Correlation)
		}
		fmt.Fprintf(w, "\nscores                 correlation %s, mean absolute difference %.3f, mean difference %+.3f\n", correlation, *s.Apart, *s.Higher)
	}
}

func (r *comparisonReport) unscored(w io.Writer) {
	all := map[string]bool{}
	for _, s := range []comparedSide{r.Scorer, r.Shadow} {
		for reason := range s.Unscored {
			all[reason] = true
		}
	}
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-22s %9s %9s\n", "unscored for", "scorer", "shadow")
	for _, reason := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "%-22s %9d %9d\n", reason, r.Scorer.Unscored[reason], r.Shadow.Unscored[reason])
	}
}

// morePairs is how many differing languages are listed.
const morePairs = 5

func (r *comparisonReport) languages(w io.Writer) {
	fmt.Fprintf(w, "\nlanguage               the same for %d of %d texts", r.Languages.Same, r.Compared)
	for i, p := range r.Languages.Other {
		if i == morePairs {
			fmt.Fprintf(w, ", and %d pairs more", len(r.Languages.Other)-i)
			break
		}
		joint := ","
		if i == 0 {
			joint = "; the scorer's as the shadow's:"
		}
		fmt.Fprintf(w, "%s %s as %s %d", joint, safe(p.Scorer), safe(p.Shadow), p.Events)
	}
	fmt.Fprintln(w)
}

func (r *comparisonReport) routes(w io.Writer) {
	if len(r.Routes) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ROUTE\tCHANNEL\tSCORER\tSHADOW\tBOTH\tONLY SCORER\tONLY SHADOW")
	for _, c := range r.Routes {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", safe(c.Route), or(safe(c.Channel), "-"), c.Scorer, c.Shadow, c.Both, c.Scorer-c.Both, c.Shadow-c.Both)
	}
	t.Flush()
	for _, c := range r.Routes {
		if len(c.OnlyScorer) > 0 {
			fmt.Fprintf(w, "\n%s, only the scorer (scorer, shadow, text):\n", safe(c.Route))
			printTexts(w, c.OnlyScorer)
		}
		if len(c.OnlyShadow) > 0 {
			fmt.Fprintf(w, "\n%s, only the shadow (scorer, shadow, text):\n", safe(c.Route))
			printTexts(w, c.OnlyShadow)
		}
	}
}

func printTexts(w io.Writer, texts []*comparedText) {
	for _, t := range texts {
		fmt.Fprintf(w, "  %s %s  %s\n", shortScore(t.Scorer), shortScore(t.Shadow), safe(cut(t.Text, exampleRunes)))
	}
}

func shortScore(s *float64) string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%.2f", *s)
}
