package main

import (
	"context"
	"fmt"
	"io"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate/measured"
)

const measuredHead = `
%d %s, written with labels for this project and never learned from, in English, each figure with its
standard error. "Recommended" is the channel below the kind's own recommended threshold, and "at .40" that of which the
threshold was chosen on these texts to tell 40 %% of the negative ones; both with the precision where 5 %% and 10 %% are negative. ECE is
the expected calibration error of negative, neutral and positive, where they are as common as the probabilities assume.

| scored by | macro recall | macro F1 | below 0.3: precision, recall | above 0.9: precision, recall (negative ones) | recommended: threshold, recall; at 5 %%, at 10 %% | at .40: threshold; at 5 %%, at 10 %% | ECE |
|---|---|---|---|---|---|---|---|
`

// textsOf are a measured set's, as sets have them.
func textsOf(s measured.Set) ([]text, error) {
	labelled, err := s.Texts()
	if err != nil {
		return nil, err
	}
	texts := make([]text, len(labelled))
	for i, t := range labelled {
		texts[i] = text{label: t.Want, text: t.Text}
	}
	return texts, nil
}

// addMeasured adds to the card what the models of a folder reach on the measured texts.
func (c *card) addMeasured(folder string) error {
	w, err := builtin.Load(folder)
	if err != nil {
		return err
	}
	for _, s := range measured.Sets() {
		texts, err := textsOf(s)
		if err != nil {
			return err
		}
		c.figures = append(c.figures, newFigure(s.Kind+": "+s.What+", written to be measured on", judgeBuiltin(w, s.Kind, texts)))
	}
	return nil
}

// printMeasured prints what each kind of model and VADER reach on the measured texts.
func printMeasured(ctx context.Context, out io.Writer, w *builtin.Weights, vader sentiment.Backend) error {
	for _, s := range measured.Sets() {
		texts, err := textsOf(s)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, measuredHead, len(texts), s.What)
		for _, name := range builtin.Kinds() {
			kind, _ := builtin.ParseKind(name)
			alarm := float64(w.Kinds[kind].Heads[builtin.English].Alarm)
			fmt.Fprint(out, measuredRow("builtin, "+name, judgeBuiltin(w, name, texts), alarm))
		}
		judged, err := judgeBackend(ctx, vader, texts)
		if err != nil {
			return err
		}
		fmt.Fprint(out, measuredRow("VADER", judged, 0))
	}
	return nil
}

// measuredRow is a row of printMeasured's table; an alarm of 0 is none.
func measuredRow(name string, texts []evaluate.Judged, alarm float64) string {
	of := func(pick func(r evaluate.Report) float64) string {
		return withError(texts, func(t []evaluate.Judged) float64 { return pick(evaluate.Of(t, usualBelow, usualAbove)) })
	}
	recommended := "-"
	if alarm > 0 {
		at := func(pick func(c evaluate.Channel) float64) string {
			return withError(texts, func(t []evaluate.Judged) float64 { return pick(evaluate.Of(t, alarm, usualAbove).Negative) })
		}
		recommended = fmt.Sprintf("%.3f, %s; %s, %s", alarm, at(func(c evaluate.Channel) float64 { return c.Recall }),
			at(func(c evaluate.Channel) float64 { return c.At(rare) }), at(func(c evaluate.Channel) float64 { return c.At(lessRare) }))
	}
	chosen := func(share float64) string {
		return withError(texts, func(t []evaluate.Judged) float64 { return evaluate.AlarmAt(t, alarmRecall).At(share) })
	}
	r := evaluate.Of(texts, usualBelow, usualAbove)
	return fmt.Sprintf("| %s | %s | %s | %s, %s | %s, %s (%d) | %s | %.3f; %s, %s | %s |\n", name,
		of(func(r evaluate.Report) float64 { return r.MacroRecall }), of(func(r evaluate.Report) float64 { return r.MacroF1 }),
		of(func(r evaluate.Report) float64 { return r.Negative.Precision }), of(func(r evaluate.Report) float64 { return r.Negative.Recall }),
		of(func(r evaluate.Report) float64 { return r.Positive.Precision }), of(func(r evaluate.Report) float64 { return r.Positive.Recall }),
		r.Positive.Opposite, recommended, evaluate.AlarmAt(texts, alarmRecall).Threshold, chosen(rare), chosen(lessRare), errorsOf(evaluate.CalibrationAt(texts, usualMix)))
}

// The shares of negative texts for which a channel's precision is told.
const (
	rare     = 0.05
	lessRare = 0.1
)

// withError is a figure with its standard error: .62±.02.
func withError(texts []evaluate.Judged, figure func([]evaluate.Judged) float64) string {
	return fmt.Sprintf("%.2f±%.2f", figure(texts), evaluate.StandardError(texts, figure))
}
