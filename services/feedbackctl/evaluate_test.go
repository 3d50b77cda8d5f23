package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const labelled = "negative\tI hate this, it is terrible\npositive\tI love it, wonderful!\nneutral\tthe meeting is on Monday\nnegative\tI love it so much, great\n"

func TestEvaluate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ours.tsv")
	if err := os.WriteFile(file, []byte(labelled), 0o600); err != nil {
		t.Fatal(err)
	}
	got := call{}.run(t, "evaluate", "--kind", "chat", "--data", file, "--examples", "3").ok(t)
	for _, want := range []string{"model         builtin/chat-", "texts         4, of which 0 are unscored", "macro recall  0.833 ± 0.118", "judged most wrongly", "I love it so much, great", "5 % negative"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout has no %q:\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "the meeting is on Monday") {
		t.Errorf("a text that was judged rightly is shown as wrong:\n%s", got.out)
	}
}

func TestEvaluateReadsStdin(t *testing.T) {
	got := call{in: strings.NewReader(labelled)}.run(t, "evaluate", "--backend", "vader", "--data", "-", "--examples", "0").ok(t)
	if !strings.Contains(got.out, "model         vader/") || strings.Contains(got.out, "wrongly") {
		t.Errorf("stdout %q, want VADER's figures and no examples", got.out)
	}
}

func TestEvaluateSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name, in string
		args     []string
		says     string
	}{
		{"no data", "", nil, "--data"},
		{"no file", "", []string{"--data", "/no/file"}, "/no/file"},
		{"no lines", "", []string{"--data", "-"}, "no lines"},
		{"no tab", "positive\tx\nnegative y\n", []string{"--data", "-"}, "-:2: "},
		{"no such label", "good\tx\n", []string{"--data", "-"}, "negative, neutral, positive"},
		{"no such kind", labelled, []string{"--data", "-", "--kind", "fax"}, "tweet, dev, chat"},
		{"no such backend", labelled, []string{"--data", "-", "--backend", "vadre"}, "builtin, vader"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := call{in: strings.NewReader(test.in)}.run(t, append([]string{"evaluate"}, test.args...)...)
			if got.code == exitOK || !strings.Contains(got.err, test.says) {
				t.Errorf("%+v, want an error with %q", got, test.says)
			}
		})
	}
}
