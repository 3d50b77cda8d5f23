package main

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// labelled is a set of which one word tells each text's label.
func labelled(domain string, words [evaluate.Labels]string) *set {
	s := &set{name: domain + "_ours", domain: domain, weight: 1}
	for i := range 300 {
		label := i % evaluate.Labels
		s.texts = append(s.texts, text{label: label, text: fmt.Sprintf("the %s thing w%d is here", words[label], i)})
	}
	return s
}

func TestKindsLearnWhatTheyShareFromSubtitles(t *testing.T) {
	sets := []*set{
		labelled(builtin.Tweet.String(), [evaluate.Labels]string{"blargh", "mumble", "yippee"}),
		labelled(subtitles, [evaluate.Labels]string{"zorgle", "plinth", "quibbly"}),
	}
	s := defaults
	s.bits, s.seeds = 14, 1
	j := kindsJob(s, lexicon(), io.Discard)
	tables := j.learn(j.examples(sets, all))
	if got, want := len(tables), len(builtin.Kinds()); got != want {
		t.Fatalf("%d tables, want %d: one for each kind", got, want)
	}
	tweet := slices.Index(j.domains, builtin.Tweet.String())
	m, err := tables[tweet].model(j.header("tweet", j.uncalibrated(tables[tweet])))
	if err != nil {
		t.Fatal(err)
	}
	for label, word := range []string{"zorgle", "plinth", "quibbly"} {
		points := j.points(m, tweet, tables[tweet].heads[tweet], []text{{label: label, text: "the " + word + " thing is here"}})
		if got := judge(points, [2][3]float32{{0, 1, 0}, {0, 0, 1}})[0].Got; got != label {
			t.Errorf("a tweet with %q is %s, want %s, as among subtitles", word, evaluate.Names[got], evaluate.Names[label])
		}
	}
}
