package main

import (
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

func TestWrittenTextsLikeMeasuredOnesAreDropped(t *testing.T) {
	measured := []evaluate.Judged{{Text: "The bin in the yard is emptied on Mondays."}, {Text: "works like a charm"}}
	for _, test := range []struct {
		text    string
		written bool
		want    bool // it stays
	}{
		{"The trash in the yard is emptied on Mondays!", true, false},
		{"the bin, in the yard, is emptied on mondays", true, false},
		{"The trash in the yard is emptied on Mondays!", false, true}, // others' texts are as they are
		{"The report lists what is in stock on Mondays.", true, true},
		{"works like a charm", true, true}, // too short to tell
	} {
		for _, aside := range []bool{false, true} {
			s := &set{written: test.written, texts: []text{{text: test.text, aside: aside}}}
			dropAlike([]*set{s}, measured)
			if got := len(s.texts) == 1; got != test.want {
				t.Errorf("%q of a written set %t, put aside %t: stays %t, want %t", test.text, test.written, aside, got, test.want)
			}
		}
	}
}
