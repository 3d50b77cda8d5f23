package main

import (
	"math"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// telling is the power of the features' scale: 0 for none, 1 for that of NB-SVM.
const telling = 0.5

// weigh scales each row's features by how much more common they are with one label than with the others: the ratios of a
// naive Bayes classifier, as in NB-SVM.
func (l *learner) weigh(examples []example) {
	counts := make([][evaluate.Labels]float32, len(l.shared))
	var totals [evaluate.Labels]float64
	for i := range examples {
		e := &examples[i]
		for _, features := range [...][]uint32{e.words, e.chars} {
			for _, x := range features {
				counts[x>>l.shift][e.label] += e.weight
				totals[e.label] += float64(e.weight)
				if l.salts != nil {
					counts[builtin.OwnFeature(x, l.salts[e.domain])>>l.shift][e.label] += e.weight
				}
			}
		}
	}
	l.scale = make([]float32, len(counts))
	for i := range counts {
		l.scale[i] = float32(math.Pow(min(ratio(&counts[i], &totals), mostTelling)/usuallyTelling+0.1, telling))
	}
}

// usuallyTelling is a ratio whose features count about as they would without a scale, and mostTelling is above what one
// can be without chance.
const (
	usuallyTelling = 0.7
	mostTelling    = 3
)

// ratio is the greatest difference between the logarithm of a row's share in one label and the mean of all.
func ratio(counts *[evaluate.Labels]float32, totals *[evaluate.Labels]float64) float64 {
	var share [evaluate.Labels]float64
	mean := 0.0
	for label := range share {
		share[label] = math.Log((float64(counts[label]) + 1) / totals[label])
		mean += share[label] / evaluate.Labels
	}
	most := 0.0
	for _, s := range share {
		most = max(most, math.Abs(s-mean))
	}
	return most
}
