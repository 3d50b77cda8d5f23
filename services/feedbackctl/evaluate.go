package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
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
20, or in 10, is negative, and which threshold tells the share --recall of them. Last come the texts that were judged most wrongly.

It scores in its own process, or asks a server at --address, as score does: so are a server of your
own, Azure or a language model measured on the same texts. A score without a label is cut at thirds.
Empty lines are left out. The exit status is 1 if no text got a score.`,
		Example: `  feedbackctl evaluate --kind chat --data ours.tsv
  feedbackctl evaluate --backend vader --data ours.tsv --examples 0
  feedbackctl evaluate --address localhost:9090 --kind slack --data ours.tsv`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.evaluate(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	o.flags(f)
	f.StringVar(&o.data, "data", "", "file of lines label<TAB>text, or - for stdin")
	f.Float64Var(&o.below, "below", 0.3, "the negative channel's threshold")
	f.Float64Var(&o.above, "above", 0.9, "the positive channel's threshold")
	f.Float64Var(&o.recall, "recall", 0.4, "share of the negative texts that a recommended threshold tells")
	f.IntVar(&o.examples, "examples", 10, "how many of the texts that were judged most wrongly are shown")
	o.complete(cmd)
	return cmd
}

// check refuses what can be no threshold, share or number.
func (o *evaluateOptions) check(cmd *cobra.Command) error {
	if o.data == "" {
		return usagef("--data is empty: name a file of lines label<TAB>text, or - for stdin")
	}
	for flag, value := range map[string]float64{"below": o.below, "above": o.above, "recall": o.recall} {
		if !(value >= 0 && value <= 1) { // which NaN is not
			return usagef("--%s %v: give a number between 0 and 1", flag, value)
		}
	}
	if o.recall == 0 {
		return usagef("--recall 0: no threshold tells none of the negative texts; give a share above 0, such as 0.4")
	}
	if o.examples < 0 {
		return usagef("--examples %d: give a number of texts, 0 for none", o.examples)
	}
	return o.scoreOptions.check(cmd)
}

func (a *app) evaluate(ctx context.Context, o evaluateOptions) error {
	kind, err := o.source()
	if err != nil {
		return err
	}
	backend, closeBackend, err := o.open()
	if err != nil {
		return err
	}
	defer closeBackend()
	texts, err := a.readLabelled(o.data)
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
	models, reasons := map[string]int{}, map[string]int{}
	for i, s := range sentiments {
		texts[i].Scored, texts[i].Score = s.Score != nil, s.GetScore()
		if !texts[i].Scored {
			reasons[reasonWord(s)]++
			continue
		}
		texts[i].Got = gotLabel(s)
		models[safe(s.GetModel())]++
	}
	if err := writeEvaluation(a.out, o, counted(models), counted(reasons), texts); err != nil {
		return err
	}
	if len(models) == 0 {
		return fmt.Errorf("none of the %s got a score (%s): nothing was measured", plural(int64(len(texts)), "text", "texts"), counted(reasons))
	}
	return nil
}

// gotLabel is the place of a sentiment's label in evaluate.Names. A server need not give one: then it is cut at thirds.
func gotLabel(s *feedbackv1.Sentiment) int {
	switch label := s.GetLabel(); {
	case label != feedbackv1.Label_LABEL_UNSPECIFIED:
		return int(label - feedbackv1.Label_LABEL_NEGATIVE)
	case s.GetScore() < 1.0/3:
		return evaluate.Negative
	case s.GetScore() > 2.0/3:
		return evaluate.Positive
	}
	return evaluate.Neutral
}

// counted writes what there is, the most frequent first, with numbers where it is of several kinds.
func counted(numbers map[string]int) string {
	names := slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[b], numbers[a]), cmp.Compare(a, b))
	})
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, numbers[name])
	}
	return strings.Join(names, ", ")
}

// readLabelled reads the texts of a file with their labels.
func (a *app) readLabelled(file string) (texts []evaluate.Judged, err error) {
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("--data: %w; name a file of lines label<TAB>text, or - for stdin", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	lines := newLineReader(in)
	for n := 1; ; n++ {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if line == "" {
			continue
		}
		name, text, ok := strings.Cut(line, "\t")
		label, isLabel := evaluate.ParseLabel(name)
		if !ok || !isLabel {
			return nil, fmt.Errorf("%s:%d: %q is no label<TAB>text, with a label of %s", file, n, cut(line, exampleRunes), strings.Join(evaluate.Names[:], ", "))
		}
		texts = append(texts, evaluate.Judged{Want: label, Text: text})
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s has no lines label<TAB>text", file)
	}
	return texts, nil
}
