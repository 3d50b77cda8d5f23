package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	env := map[string]string{"DURATION": "30s", "RATE": "200", "SIMULATOR": "off", "KAFKA": "a:1,b:2", "SEED": "7", "CORPUS": ""}
	s, err := parse([]string{"-rate", "3"}, func(name string) string { return env[name] }, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if s.duration != 30*time.Second || s.Rate != 3 || !s.NoSimulator || len(s.Kafka) != 2 || s.Seed != 7 {
		t.Errorf("settings = %+v; want those of the environment, and the flag's rate", s)
	}
	if !strings.HasSuffix(s.Corpus, "hack/demo/corpus.tsv") || !strings.HasSuffix(s.Manifest, "hack/demo/pipeline.yaml") {
		t.Errorf("corpus, manifest = %s, %s; want the repository's own: an empty variable is none", s.Corpus, s.Manifest)
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	env := map[string]string{"DURATION": "soon", "RATE": "0", "SIMULATOR": "maybe", "SEED": "x"}
	_, err := parse([]string{"extra", "-data", "x"}, func(name string) string { return env[name] }, &bytes.Buffer{})
	for _, want := range []string{`DURATION: "soon"`, `RATE: "0"`, `SIMULATOR: "maybe"`, `SEED: "x"`, `"extra" is no flag`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %s in it", err, want)
		}
	}
}
