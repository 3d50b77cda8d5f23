package chat

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

func TestTexts(t *testing.T) {
	texts, err := Texts()
	if err != nil {
		t.Fatal(err)
	}
	var labels [evaluate.Labels]int
	seen := map[string]bool{}
	for _, text := range texts {
		labels[text.Want]++
		key := strings.ToLower(text.Text)
		if seen[key] {
			t.Errorf("%q is there twice", text.Text)
		}
		seen[key] = true
		if !utf8.ValidString(text.Text) || strings.ContainsAny(text.Text, "\t\r") || strings.TrimSpace(text.Text) != text.Text {
			t.Errorf("%q is no clean line", text.Text)
		}
	}
	if got, want := labels, [evaluate.Labels]int{121, 176, 101}; got != want { // as README.md says
		t.Errorf("labels %v, want %v", got, want)
	}
}
