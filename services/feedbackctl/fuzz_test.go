package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// FuzzManifest: whatever stands in a manifest, reading it never panics and gives a pipeline
// or says what is wrong with the command.
func FuzzManifest(f *testing.F) {
	for _, path := range []string{"../../operator/config/samples/full.yaml", "../../hack/demo/pipeline.yaml"} {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(string(text))
		}
	}
	f.Add("kind: FeedbackPipeline\nspec: {routes: [{name: a, match: {scoreBelow: .nan}}]}\n")
	f.Add("kind: FeedbackPipeline\nspec: {routes: [{match: {1: 2, [a]: b}}]}\n---\n!!binary x")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readManifest(strings.NewReader(text), "-", "")
		oneOrTheOther(t, p, err)
	})
}

// FuzzRoutes: the same for ROUTES.
func FuzzRoutes(f *testing.F) {
	for _, s := range []string{`[{"name":"a","match":{"scoreBelow":0.3},"slack":{"channel":"c"}}]`, `[null]`, `[]`, `null`, `[{"match":{"scoreBelow":1e308}}]`, `[{}] x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readRoutes(text)
		oneOrTheOther(t, p, err)
	})
}

// FuzzScoreLines: whatever stands on stdin, each line of it gets one line of JSON, in which either a score or a reason
// stands and nothing that controls a terminal.
func FuzzScoreLines(f *testing.F) {
	for _, in := range []string{"I love it\n\nI hate it", "\r\n\r", "\x00\n\xff\xfe\n", "a\u2028b\n\x1b[2J\n", strings.Repeat("é", 40_000) + "\nx", "\ufeffThe weather\n", "\ufeff", "\xef\xbb"} {
		f.Add([]byte(in))
	}
	backend, err := sentiment.Open(sentiment.BuiltinName, sentiment.Options{AssumeLanguage: "en"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.HasPrefix(in, []byte("\xff\xfe")) || bytes.HasPrefix(in, []byte("\xfe\xff")) {
			t.Skip("UTF-16 is refused")
		}
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		s := &scoring{backend: backend, out: w, write: sentimentWriter("json")}
		if err := errors.Join(s.lines(t.Context(), bytes.NewReader(in)), w.Flush()); err != nil {
			t.Fatal(err)
		}
		in = bytes.TrimPrefix(in, []byte("\ufeff"))
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != want {
			t.Errorf("%d lines for %d", got, want)
		}
		for line := range bytes.Lines(out.Bytes()) {
			var l scoreLine
			if err := json.Unmarshal(line, &l); err != nil || (l.Score == nil) == (l.Reason == "") || bytes.IndexFunc(bytes.TrimSuffix(line, []byte("\n")), unsafe) >= 0 {
				t.Errorf("line %q, %v, want JSON with either a score or a reason, and nothing unsafe", line, err)
			}
		}
	})
}

func oneOrTheOther(t *testing.T, p *pipeline, err error) {
	t.Helper()
	var usage *usageError
	switch {
	case (p == nil) == (err == nil):
		t.Errorf("pipeline %v and error %v, want the one or the other", p, err)
	case err != nil && !errors.As(err, &usage):
		t.Errorf("err = %v, want one of usage", err)
	}
}
