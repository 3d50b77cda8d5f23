package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// writeEvaluation writes what was found of texts: by which models, and why some have no score.
func writeEvaluation(out io.Writer, o evaluateOptions, models, reasons string, texts []evaluate.Judged) error {
	r := evaluate.Of(texts, o.below, o.above)
	w := bufio.NewWriter(out)
	unscored := fmt.Sprintf("%d, of which %d are unscored", r.Texts, r.Unscored)
	if r.Unscored > 0 {
		unscored += " (" + reasons + ")"
	}
	fmt.Fprintf(w, "model         %s\ntexts         %s\n", orNone(models), unscored)
	if r.Unscored < r.Texts {
		fmt.Fprintf(w, "macro recall  %.3f ± %.3f\nmacro F1      %.3f\n", r.MacroRecall, r.MacroRecallError, r.MacroF1)
	}
	wanted := [evaluate.Labels]int{}
	var missing []string
	for _, t := range texts {
		wanted[t.Want]++
	}
	for label, n := range wanted {
		if n == 0 {
			missing = append(missing, evaluate.Names[label])
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(w, "              no text is labelled %s: the figures are of the other labels alone\n", strings.Join(missing, " or "))
	}
	fmt.Fprintf(w, "\n%-12s %9s %9s %9s\n", "label", "negative", "neutral", "positive")
	for label, row := range r.Confusion {
		fmt.Fprintf(w, "%-12s %9d %9d %9d\n", evaluate.Names[label], row[0], row[1], row[2])
	}
	writeChannels(w, texts, wanted, r, o.recall)
	for i, t := range evaluate.Worst(texts, o.examples) {
		if i == 0 {
			fmt.Fprintln(w, "\njudged most wrongly (label, score, text):")
		}
		fmt.Fprintf(w, "%-8s %.3f  %s\n", evaluate.Names[t.Want], t.Score, safe(cut(t.Text, exampleRunes)))
	}
	return w.Flush()
}

// writeChannels writes what the channels would be told. A figure that the texts say nothing of is a dash.
func writeChannels(w io.Writer, texts []evaluate.Judged, wanted [evaluate.Labels]int, r evaluate.Report, recall float64) {
	channels := []struct {
		sign    string
		label   int
		channel evaluate.Channel
	}{{"below", evaluate.Negative, r.Negative}, {"below", evaluate.Negative, evaluate.AlarmAt(texts, recall)}, {"above", evaluate.Positive, r.Positive}}
	fmt.Fprintf(w, "\n%-14s %5s %10s %7s %9s %14s %14s\n", "channel", "told", "precision", "recall", "opposite", "5 % negative", "10 % negative")
	for i, c := range channels {
		if i == 1 && c.channel.Told == 0 {
			continue // no negative text has a score
		}
		ofTold, ofWanted, ofBoth := c.channel.Told > 0, wanted[c.label] > 0, c.channel.Told > 0 && wanted[c.label] > 0 && wanted[c.label] < len(texts)
		rare, lessRare := "", ""
		if c.label == evaluate.Negative {
			rare, lessRare = figure(c.channel.At(0.05), ofBoth), figure(c.channel.At(0.1), ofBoth)
		}
		fmt.Fprintf(w, "%-14s %5d %10s %7s %9d %14s %14s\n", fmt.Sprintf("%s %.3f", c.sign, c.channel.Threshold), c.channel.Told, figure(c.channel.Precision, ofTold),
			figure(c.channel.Recall, ofWanted), c.channel.Opposite, rare, lessRare)
	}
}

// figure writes a figure, or a dash where there is none.
func figure(v float64, known bool) string {
	if !known {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// orNone is s, or a word for nothing.
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
