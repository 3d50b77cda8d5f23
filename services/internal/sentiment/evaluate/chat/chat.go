// Package chat has texts with labels as people write them in a product's Slack channels: to measure on, never to learn
// from. README.md says how they were written and labelled.
package chat

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

//go:embed chat.tsv
var file string

// Texts returns the texts with their labels, unscored, in the order of the file.
func Texts() ([]evaluate.Judged, error) {
	var texts []evaluate.Judged
	for line := range strings.Lines(file) {
		name, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		label, isLabel := evaluate.ParseLabel(name)
		if !ok || !isLabel || text == "" {
			return nil, fmt.Errorf("chat.tsv:%d: %q is no label<TAB>text, with a label of %s", len(texts)+1, line, strings.Join(evaluate.Names[:], ", "))
		}
		texts = append(texts, evaluate.Judged{Text: text, Want: label})
	}
	return texts, nil
}
