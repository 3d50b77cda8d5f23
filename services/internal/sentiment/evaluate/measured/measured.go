// Package measured has texts with labels that were written for this project, to measure on and never to learn from:
// messages in a product's Slack channels, an airline's customers' tweets, and statements without a word of feeling. README.md
// says how they came to be.
package measured

import (
	"embed"
	"fmt"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

//go:embed *.tsv
var files embed.FS

// Set is a file of texts.
type Set struct {
	Name string // of the file
	Kind string // of text that they are for the built-in models
	What string // in words
}

// Sets are all there are; the first is Chat.
func Sets() []Set {
	return []Set{
		Chat,
		{Name: "chat_second", Kind: "chat", What: "more texts of a product's chat"},
		{Name: "airline", Kind: "tweet", What: "tweets of an airline's customers"},
		{Name: "sober", Kind: "chat", What: "statements without a word of feeling"},
	}
}

// Chat is what every row of a table can be measured on.
var Chat = Set{Name: "chat", Kind: "chat", What: "texts of a product's chat"}

// Texts returns the texts with their labels, unscored, in the order of the file.
func (s Set) Texts() ([]evaluate.Judged, error) {
	file, err := files.ReadFile(s.Name + ".tsv")
	if err != nil {
		return nil, fmt.Errorf("read the measured texts: %w", err)
	}
	var texts []evaluate.Judged
	for line := range strings.Lines(string(file)) {
		name, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		label, isLabel := evaluate.ParseLabel(name)
		if !ok || !isLabel || text == "" {
			return nil, fmt.Errorf("%s.tsv:%d: %q is no label<TAB>text, with a label of %s", s.Name, len(texts)+1, line, strings.Join(evaluate.Names[:], ", "))
		}
		texts = append(texts, evaluate.Judged{Text: text, Want: label})
	}
	return texts, nil
}
