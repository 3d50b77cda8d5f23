package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// exampleRunes is how much of a text is shown.
const exampleRunes = 160

type evaluateOptions struct {
	scoreOptions
	data         string
	below, above float64
	recall       float64
	examples     int
}

func (a *app) evaluateCommand() *cobra.Command {
	o := evaluateOptions{}
	cmd := &cobra.Command{
		Use:   "evaluate --data file",
		Short: "Measure a backend on texts that have labels",
		Long: `evaluate scores the texts of a file of lines label<TAB>text, with a label of negative, neutral
or positive, and says how well the scores go with the labels: the macro recall (the mean share
of each label's texts that got it, with its standard error: few texts say little), the
confusion, and what a channel of the texts below --below and one of those above --above would
be told: its precision (the share of it that is right) and recall (the share of what it should
be told). For a negative channel it says what that precision becomes where only one text in
20, or in 10, is negative, and which threshold tells the share --recall of them. Last come the texts that were judged most wrongly.`,
		Example: `  feedbackctl evaluate --kind chat --data ours.tsv
  feedbackctl evaluate --backend vader --data ours.tsv --examples 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.evaluate(cmd.Context(), o) },
	}
	f := cmd.Flags()
	o.flags(f)
	f.StringVar(&o.data, "data", "", "file of lines label<TAB>text, or - for stdin")
	f.StringVar(&o.language, "language", "", "language of the texts (BCP 47); detected if not given")
	f.Float64Var(&o.below, "below", 0.3, "the negative channel's threshold")
	f.Float64Var(&o.above, "above", 0.9, "the positive channel's threshold")
	f.Float64Var(&o.recall, "recall", 0.4, "share of the negative texts that a recommended threshold tells")
	f.IntVar(&o.examples, "examples", 10, "how many of the texts that were judged most wrongly are shown")
	complete(cmd, "kind", textKinds...)
	complete(cmd, "backend", sentiment.Names()...)
	return cmd
}

func (a *app) evaluate(ctx context.Context, o evaluateOptions) error {
	if o.data == "" {
		return usagef("--data is empty: name a file of lines label<TAB>text, or - for stdin")
	}
	if err := checkLanguage(o.language); err != nil {
		return err
	}
	kind, err := o.source()
	if err != nil {
		return err
	}
	backend, err := sentiment.Open(o.backend, o.options())
	if err != nil {
		return &usageError{err}
	}
	texts, err := a.labelled(o.data)
	if err != nil {
		return err
	}
	documents := make([]sentiment.Document, len(texts))
	for i, t := range texts {
		documents[i] = sentiment.Document{Text: t.Text, Language: o.language, Kind: kind}
	}
	sentiments, err := backend.Score(ctx, documents)
	if err != nil {
		return err
	}
	model := ""
	for i, s := range sentiments {
		texts[i].Scored, texts[i].Score = s.Score != nil, s.GetScore()
		texts[i].Got = int(s.GetLabel() - feedbackv1.Label_LABEL_NEGATIVE)
		if texts[i].Scored && model == "" {
			model = s.GetModel()
		}
	}
	return writeEvaluation(a.out, o, model, texts)
}

// labelled reads the texts of a file with their labels.
func (a *app) labelled(file string) (texts []evaluate.Judged, err error) {
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, lineLimit)
	for n := 1; lines.Scan(); n++ {
		name, text, ok := strings.Cut(lines.Text(), "\t")
		label, isLabel := evaluate.ParseLabel(name)
		if !ok || !isLabel {
			return nil, fmt.Errorf("%s:%d: %q is no label<TAB>text, with a label of %s", file, n, cut(lines.Text(), exampleRunes), strings.Join(evaluate.Names[:], ", "))
		}
		texts = append(texts, evaluate.Judged{Want: label, Text: text})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no lines label<TAB>text", file)
	}
	return texts, nil
}

func writeEvaluation(out io.Writer, o evaluateOptions, model string, texts []evaluate.Judged) error {
	r := evaluate.Of(texts, o.below, o.above)
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "model         %s\ntexts         %d, of which %d are unscored\nmacro recall  %.3f ± %.3f\nmacro F1      %.3f\n\n",
		model, r.Texts, r.Unscored, r.MacroRecall, r.MacroRecallError, r.MacroF1)
	fmt.Fprintf(w, "%-12s %9s %9s %9s\n", "label", "negative", "neutral", "positive")
	for label, row := range r.Confusion {
		fmt.Fprintf(w, "%-12s %9d %9d %9d\n", evaluate.Names[label], row[0], row[1], row[2])
	}
	alarm := evaluate.AlarmAt(texts, o.recall)
	fmt.Fprintf(w, "\n%-14s %5s %10s %7s %9s %14s %14s\n", "channel", "told", "precision", "recall", "opposite", "5 % negative", "10 % negative")
	for _, c := range []struct {
		sign     string
		channel  evaluate.Channel
		negative bool
	}{{"below", r.Negative, true}, {"below", alarm, true}, {"above", r.Positive, false}} {
		rare := [2]string{"", ""}
		if c.negative {
			rare = [2]string{fmt.Sprintf("%.2f", c.channel.At(0.05)), fmt.Sprintf("%.2f", c.channel.At(0.1))}
		}
		fmt.Fprintf(w, "%-14s %5d %10.2f %7.2f %9d %14s %14s\n", fmt.Sprintf("%s %.3f", c.sign, c.channel.Threshold), c.channel.Told, c.channel.Precision, c.channel.Recall,
			c.channel.Opposite, rare[0], rare[1])
	}
	for i, t := range evaluate.Worst(texts, o.examples) {
		if i == 0 {
			fmt.Fprintln(w, "\njudged most wrongly (label, score, text):")
		}
		fmt.Fprintf(w, "%-8s %.3f  %s\n", evaluate.Names[t.Want], t.Score, safe(cut(t.Text, exampleRunes)))
	}
	return w.Flush()
}
