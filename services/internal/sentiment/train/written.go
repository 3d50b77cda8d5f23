package main

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// written are texts with labels that were written for this project, to be learned from: a file of label<TAB>text lines
// for each set, by whose name known says the rest. written/README.md says how they came to be.
//
//go:embed written/*.tsv
var written embed.FS

// addWritten adds the written sets of those kinds of which there are at least fewestBeside other texts of each label to
// learn from: few as they are, they make no model by themselves, nor make up for a label that is missing. A set of which the
// name is in leftOut is for validation alone.
func addWritten(sets []*set, leftOut []string) ([]*set, error) {
	files, err := written.ReadDir("written")
	if err != nil {
		return nil, fmt.Errorf("list the written texts: %w", err)
	}
	out := slices.Clone(sets)
	for _, file := range files {
		s, err := describe(strings.TrimSuffix(file.Name(), ".tsv"), leftOut)
		if err != nil {
			return nil, err
		}
		if beside(sets, s.domain) < fewestBeside {
			continue
		}
		f, err := written.Open(path.Join("written", file.Name()))
		if err != nil {
			return nil, err
		}
		err = scan(file.Name(), f, s.take(file.Name()))
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		s.written = true
		out = append(out, &s)
	}
	return out, nil
}

// fewestBeside is how many texts of each label a kind has to have beside the written ones.
const fewestBeside = 300

// beside is how many texts of a domain are there to be learned from, of the label of which there are fewest.
func beside(sets []*set, domain string) int {
	var counts [evaluate.Labels]int
	for _, s := range sets {
		if s.domain != domain || s.validate || s.weight == 0 {
			continue
		}
		for _, t := range s.texts {
			counts[t.label]++
		}
	}
	return slices.Min(counts[:])
}

// writtenWeight is what each written text weighs in training: they are few beside the others. Twice as much is a little
// better for texts like them and a little worse for real tweets.
const writtenWeight = 4
