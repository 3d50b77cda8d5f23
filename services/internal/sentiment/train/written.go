package main

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// written are texts with labels that were written for this project, to be learned from: a file of label<TAB>text lines
// for each set, of whose name the beginning is its kind or language. written/README.md says how they came to be.
//
//go:embed written/*.tsv
var written embed.FS

// subjects are what the written sets are of. Those of a kind of English text are put aside in part; those of other
// languages are learned from alone.
var subjects = map[string]string{
	"chat_feedback":   "messages in feedback channels",
	"chat_hard":       "hard messages of a product's users",
	"chat_helpdesk":   "messages to those who run the tools",
	"chat_people":     "messages of people with other work",
	"chat_plain":      "messages that state something",
	"chat_platform":   "messages of a platform's users",
	"chat_product":    "messages of a product's users",
	"dev_comments":    "developers' comments",
	"dev_trackers":    "comments in trackers",
	"es_tweets":       "tweets in Spanish",
	"fr_tweets":       "tweets in French",
	"tweet_brands":    "tweets that name a brand",
	"tweet_customers": "tweets of customers",
	"tweet_plain":     "tweets that state something",
	"tweet_services":  "tweets of services' customers",
}

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
		content, err := written.ReadFile(path.Join("written", file.Name()))
		if err != nil {
			return nil, err
		}
		if err := scan(file.Name(), bytes.NewReader(content), s.take(file.Name())); err != nil {
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
