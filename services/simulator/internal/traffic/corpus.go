package traffic

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
)

//go:embed corpus.txt
var builtin string

// Text is one text of a corpus.
type Text struct {
	// Label is what the corpus says of it; empty where it says nothing.
	Label string
	Text  string
	// Lang is the language that X would take it for (BCP 47; und where it cannot tell).
	Lang string
}

// Corpus reads the texts of a file: one a line, or label<TAB>text, where \n, \t and \\
// stand for a new line, a tab and a backslash. Lines without anything are skipped. Without
// a path it is a small corpus of the simulator's own.
func Corpus(path string) ([]Text, error) {
	content := builtin
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the corpus: %w", err)
		}
		content = string(b)
	}
	var out []Text
	for line := range strings.Lines(strings.ToValidUTF8(content, "�")) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		label, text, labelled := strings.Cut(line, "\t")
		if labelled {
			text = unescape.Replace(text)
		} else {
			label, text = "", line
		}
		out = append(out, Text{Label: label, Text: text, Lang: language(text)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the corpus %s has no texts: give one a line, or label<TAB>text", path)
	}
	return out, nil
}

var unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
