package main

import "iter"

// tailPerEpoch is how often in an epoch the weights are added to their mean.
const tailPerEpoch = 5

// tail is the mean of weights over the second half of a training: steps that are still large make the last ones
// no better than the others, and their mean better than any.
type tail struct {
	sum   []float32
	count int
}

// due tells whether weights belong to the mean after example i of so many in an epoch.
func (t *tail) due(epoch, epochs, i, examples int) bool {
	return epoch >= epochs/2 && (i+1)*tailPerEpoch/examples > i*tailPerEpoch/examples
}

// add adds weights, always as many and in the same order, to the mean.
func (t *tail) add(weights iter.Seq[*float32]) {
	i := 0
	for w := range weights {
		if i == len(t.sum) {
			t.sum = append(t.sum, 0)
		}
		t.sum[i] += *w
		i++
	}
	t.count++
}

// take sets the weights to their mean, if any was added.
func (t *tail) take(weights iter.Seq[*float32]) {
	if t.count == 0 {
		return
	}
	i := 0
	for w := range weights {
		*w = t.sum[i] / float32(t.count)
		i++
	}
}
