package main

import (
	"errors"
	"os"
	"strings"
	"testing"
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
