package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/builtin"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/evaluate"
)

// writeAside writes the texts put aside, for others to be measured on them: <kind>.tsv with lines of label<TAB>text for
// each kind, without those that come with the program, and languages.tsv with lines of language<TAB>text. It writes no file
// of what there are no texts of.
func (d *data) writeAside(folder string) error {
	files := map[string][]byte{}
	for _, s := range d.sets {
		if s.written || !slices.Contains(builtin.Kinds(), s.domain) {
			continue
		}
		for _, t := range s.texts {
			if t.aside {
				files[s.domain+".tsv"] = appendPair(files[s.domain+".tsv"], evaluate.Names[t.label], t.text)
			}
		}
	}
	for _, s := range d.spoken {
		if s.aside {
			files["languages.tsv"] = appendPair(files["languages.tsv"], s.language, s.text)
		}
	}
	err := os.MkdirAll(folder, 0o755)
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	return err
}

func appendPair(b []byte, first, second string) []byte {
	return append(append(append(append(b, first...), '\t'), strings.ReplaceAll(second, "\t", " ")...), '\n')
}
