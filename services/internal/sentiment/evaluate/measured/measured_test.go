package measured

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// labels are as many as README.md says.
var labels = map[string][evaluate.Labels]int{
	"chat": {121, 176, 101}, "chat_second": {80, 110, 60}, "airline": {180, 66, 54}, "sober": {60, 160, 40},
}

func TestSetsAreClean(t *testing.T) {
	for _, s := range Sets() {
		seen := map[string]bool{}
		texts, err := s.Texts()
		if err != nil {
			t.Fatal(err)
		}
		var got [evaluate.Labels]int
		for _, text := range texts {
			got[text.Want]++
			key := strings.ToLower(text.Text)
			if seen[key] {
				t.Errorf("%s: %q is there twice", s.Name, text.Text)
			}
			seen[key] = true
			if !utf8.ValidString(text.Text) || strings.ContainsAny(text.Text, "\t\r") || strings.TrimSpace(text.Text) != text.Text {
				t.Errorf("%s: %q is no clean line", s.Name, text.Text)
			}
		}
		if want := labels[s.Name]; got != want {
			t.Errorf("%s: labels %v, want %v", s.Name, got, want)
		}
	}
}
