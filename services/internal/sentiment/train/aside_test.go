package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAsideAreTheTextsForValidationAlone(t *testing.T) {
	folder, out := t.TempDir(), filepath.Join(t.TempDir(), "aside")
	if err := os.Mkdir(filepath.Join(folder, "language"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "sentiment"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"sentiment/tweet_a.tsv": "positive\tto learn from\n", "sentiment/tweet_b_val.tsv": "negative\tto measure\ton\n",
		"language/lid_train.tsv": "de\tsubtitle\tdas ist gut\n" + "fr\tsubtitle\t" + asideText(t) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(t.Context(), []string{"--data", folder, "--aside", out}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"tweet.tsv": "negative\tto measure on\n", "languages.tsv": "fr\t" + asideText(t) + "\n"} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || !strings.Contains(string(got), want) || strings.Contains(string(got), "learn") {
			t.Errorf("%s: %q, %v, want %q in it and nothing to learn from", name, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "dev.tsv")); err == nil {
		t.Error("dev.tsv is there, want no file of what there are no texts of")
	}
}

// asideText is a text that is always put aside.
func asideText(t *testing.T) string {
	t.Helper()
	for n := 1; n < 1000; n++ {
		if text := strings.Repeat("bon ", n) + "jour"; thousandth(text) < asideLanguages {
			return text
		}
	}
	t.Fatal("no text is put aside")
	return ""
}
