package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
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
		{"no number of examples", labelled, []string{"--data", "-", "--examples", "-1"}, "--examples -1"},
		{"a threshold above one", labelled, []string{"--data", "-", "--below", "3"}, "--below 3: give a number between 0 and 1"},
		{"a threshold below zero", labelled, []string{"--data", "-", "--above", "-1"}, "--above -1"},
		{"a threshold that is none", labelled, []string{"--data", "-", "--below", "NaN"}, "--below NaN"},
		{"a share in percent", labelled, []string{"--data", "-", "--recall", "40"}, "--recall 40"},
		{"no share", labelled, []string{"--data", "-", "--recall", "0"}, "--recall 0"},
		{"UTF-16", "\xff\xfen\x00e\x00", []string{"--data", "-"}, "iconv"},
		{"a kind of text for a server", labelled, []string{"--data", "-", "--address", "localhost:1", "--kind", "dev"}, "slack or x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := call{in: strings.NewReader(test.in)}.run(t, append([]string{"evaluate"}, test.args...)...)
			if got.code == exitOK || !strings.Contains(got.err, test.says) {
				t.Errorf("%+v, want an error with %q", got, test.says)
			}
		})
	}
}

func TestEvaluateTakesWhatEditorsWrite(t *testing.T) {
	in := "\ufeffnegative\tI hate it\r\n\r\npositive\t" + strings.Repeat("I love it ", 100_000) + "\r\nneutral\tit opens at nine"
	got := call{in: strings.NewReader(in)}.run(t, "evaluate", "--data", "-").ok(t)
	if !strings.Contains(got.out, "texts         3, of which 0 are unscored\nmacro recall  1.000") {
		t.Errorf("stdout %s, want three texts rightly judged", got.out)
	}
}

func TestEvaluateSaysWhatTheTextsDoNot(t *testing.T) {
	got := call{in: strings.NewReader("positive\tI love it\npositive\tit opens at nine\n")}.run(t, "evaluate", "--data", "-", "--examples", "0").ok(t)
	for _, want := range []string{
		"no text is labelled negative or neutral",
		"below 0.300        0          -       -         0              -              -\n",
		"above 0.900        1       1.00    0.50         0",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout has no %q:\n%s", want, got.out)
		}
	}
}

func TestEvaluateOfTextsWithoutAScoreFails(t *testing.T) {
	got := call{in: strings.NewReader("negative\thet is slecht\nneutral\t\npositive\tmooi\n")}.run(t, "evaluate", "--data", "-", "--language", "nl")
	for out, want := range map[string]string{got.out: "model         none\ntexts         3, of which 3 are unscored (language 2, no_text 1)\n", got.err: "none of the 3 texts got a score (language 2, no_text 1)"} {
		if got.code != exitFailed || !strings.Contains(out, want) || strings.Contains(got.out, "macro recall") {
			t.Errorf("%+v, want status 1 and %q", got, want)
		}
	}
}

func TestEvaluateByGRPC(t *testing.T) {
	var kinds []feedbackv1.SourceKind
	address := serveScorer(t, func(_ context.Context, r *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
		answer := &feedbackv1.ScoreResponse{}
		for i, d := range r.GetDocuments() {
			kinds = append(kinds, d.GetKind())
			s := &feedbackv1.Sentiment{Score: new(map[bool]float64{true: 0.1, false: 0.8}[strings.Contains(d.GetText(), "hate")]), Model: "ours"}
			if i == 2 {
				s.Model, s.Label = "ours-2", feedbackv1.Label_LABEL_NEUTRAL
			}
			answer.Sentiments = append(answer.Sentiments, s)
		}
		return answer, nil
	})
	got := call{in: strings.NewReader(labelled)}.run(t, "evaluate", "--address", address, "--kind", "slack", "--data", "-").ok(t)
	for _, want := range []string{"model         ours 3, ours-2 1\n", "macro recall  0.833", "negative 0.800  I love it so much, great"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout has no %q:\n%s", want, got.out)
		}
	}
	if want := slices.Repeat([]feedbackv1.SourceKind{feedbackv1.SourceKind_SOURCE_KIND_SLACK}, 4); !slices.Equal(kinds, want) {
		t.Errorf("the server was told %v, want %v", kinds, want)
	}
}
