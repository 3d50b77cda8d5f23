package main

import (
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// Two texts are nearly the same where they share at least tooAlike of the words that either has, and each has fewestWords.
const (
	tooAlike    = 0.5
	fewestWords = 5
)

// dropAlike drops of the written sets the texts that are nearly the same as one that is never learned, put aside or not:
// those were written alike.
func dropAlike(sets []*set, notLearned []evaluate.Judged) {
	holders := map[string][]int{} // by word: which of the texts that are never learned have it
	sizes := make([]int, len(notLearned))
	for i, t := range notLearned {
		words := wordsOf(t.Text)
		sizes[i] = len(words)
		for _, w := range words {
			holders[w] = append(holders[w], i)
		}
	}
	for _, s := range sets {
		if s.written {
			s.texts = slices.DeleteFunc(s.texts, func(t text) bool { return alike(wordsOf(t.text), holders, sizes) })
		}
	}
}

// alike tells whether one of the texts with those words is nearly the same as one with these.
func alike(words []string, holders map[string][]int, sizes []int) bool {
	if len(words) < fewestWords {
		return false
	}
	shared := map[int]int{}
	for _, w := range words {
		for _, i := range holders[w] {
			shared[i]++
		}
	}
	for i, n := range shared {
		if sizes[i] >= fewestWords && float64(n) >= tooAlike*float64(len(words)+sizes[i]-n) {
			return true
		}
	}
	return false
}

// wordsOf are the words of a text, each once, as gist has them.
func wordsOf(text string) []string {
	var words []string
	for word := range strings.FieldsSeq(text) {
		if g := gist(word); g != "" {
			words = append(words, g)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
