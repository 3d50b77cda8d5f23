package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

const crossHead = `Each text of the sets for training is judged by a model of the other %d of %d parts of them, with one seed, and by a
calibration on the half of its kind's texts in which it is not. Behind the name is the standard error of the macro recall. %s`

// crossValidate prints what is reached on the texts of the kinds' sets for training, by models that have not seen them:
// there are many more of them than are put aside.
func (o *options) crossValidate(ctx context.Context, d *data, out, log io.Writer) error {
	s := o.settings
	s.seeds = 1
	j := kindsJob(s, lexicon(), log)
	for _, set := range d.sets {
		for i := range set.texts {
			set.texts[i].aside = set.validate
		}
	}
	unseen := map[string][]point{} // by set
	for part := range o.cross {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		tables := j.learn(j.examples(d.sets, func(t string) bool { return thousandth(t)%o.cross != part }))
		for domain, table := range tables {
			m, err := table.model(j.header(j.domains[domain], j.uncalibrated(table)))
			if err != nil {
				return err
			}
			for _, set := range d.sets {
				if at, weight, ok := j.domainOf(set); ok && at == domain && weight > 0 && !set.validate {
					unseen[set.name] = append(unseen[set.name], j.points(m, domain, table.heads[domain], in(set.texts, part, o.cross))...)
				}
			}
		}
	}
	fmt.Fprintf(out, crossHead, o.cross-1, o.cross, figureHead)
	for _, kind := range builtin.Kinds() {
		for _, row := range crossFigures(d.sets, kind, unseen) {
			fmt.Fprint(out, row)
		}
	}
	return nil
}

// crossFigures are the rows of a kind's sets.
func crossFigures(sets []*set, kind string, unseen map[string][]point) []string {
	var halves [2][]point
	for _, set := range sets {
		if set.domain == kind {
			for i, p := range unseen[set.name] {
				halves[i%2] = append(halves[i%2], p)
			}
		}
	}
	if len(halves[0]) == 0 || len(halves[1]) == 0 {
		return nil
	}
	by := [2][2][3]float32{calibrate(halves[1]), calibrate(halves[0])}
	var rows []string
	for _, set := range sets {
		if set.domain != kind || len(unseen[set.name]) == 0 {
			continue
		}
		var judged []evaluate.Judged
		for i, p := range unseen[set.name] {
			judged = append(judged, judge([]point{p}, by[i%2])...)
		}
		f := newFigure(kind+": "+set.name, judged)
		f.name += fmt.Sprintf(", ±%.3f", recallError(&f.report))
		rows = append(rows, f.row())
	}
	return rows
}

// recallError is the standard error of a macro recall over all labels.
func recallError(r *evaluate.Report) float64 {
	variance := 0.0
	for label := range evaluate.Labels {
		wanted := 0.0
		for _, n := range r.Confusion[label] {
			wanted += float64(n)
		}
		if wanted > 0 {
			recall := float64(r.Confusion[label][label]) / wanted
			variance += recall * (1 - recall) / wanted
		}
	}
	return math.Sqrt(variance) / evaluate.Labels
}
