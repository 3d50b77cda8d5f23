package main

import (
	"slices"
	"testing"
)

func TestTailIsTheMeanOfTheSecondHalf(t *testing.T) {
	weights := []float32{0, 0}
	pointers := func(yield func(*float32) bool) {
		for i := range weights {
			if !yield(&weights[i]) {
				return
			}
		}
	}
	const epochs, examples = 4, 10
	var mean tail
	var added []float32
	for epoch := range epochs {
		for i := range examples {
			weights[0], weights[1] = float32(epoch*examples+i), 1
			if mean.due(epoch, epochs, i, examples) {
				mean.add(pointers)
				added = append(added, weights[0])
			}
		}
	}
	if want := []float32{21, 23, 25, 27, 29, 31, 33, 35, 37, 39}; !slices.Equal(added, want) {
		t.Errorf("added after %v, want %v: %d times in each epoch of the second half", added, want, tailPerEpoch)
	}
	mean.take(pointers)
	if want := []float32{30, 1}; !slices.Equal(weights, want) {
		t.Errorf("mean %v, want %v", weights, want)
	}
}

func TestTailOfNothingChangesNothing(t *testing.T) {
	w := float32(3)
	var mean tail
	mean.take(func(yield func(*float32) bool) { yield(&w) })
	if w != 3 {
		t.Errorf("weight %v, want 3", w)
	}
}
