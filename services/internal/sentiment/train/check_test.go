package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf writes files and returns their folder.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// repeated are n lines of a label, each text another one.
func repeated(label string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s\tthe %s thing number %d is here\n", label, label, i)
	}
	return b.String()
}

func TestWhatCannotBeTrainedIsSaidBeforeItIs(t *testing.T) {
	three := func(n int) string { return repeated("negative", n) + repeated("neutral", n) + repeated("positive", n) }
	for _, c := range []struct {
		name  string
		files map[string]string
		args  []string
		code  int
		says  string
	}{
		{"no folder", nil, []string{"--data", "/no/such/folder"}, exitUsage, "--data /no/such/folder: there is no such folder"},
		{"an argument", map[string]string{"chat_a.tsv": three(9)}, []string{"more"}, exitUsage, `"more" is no flag`},
		{"no date", map[string]string{"chat_a.tsv": three(9)}, []string{"--date", "yesterday"}, exitUsage, `--date "yesterday": write it as 2006-01-02`},
		{"no weights", map[string]string{"chat_a.tsv": three(9)}, []string{"--weights", "/no/weights"}, exitUsage, "--weights /no/weights"},
		{"a set that is not there", map[string]string{"chat_a.tsv": three(9)}, []string{"--leave-out", "chat_b"}, exitUsage, "--leave-out chat_b: there is no such set; there are chat_a"},
		{"one label", map[string]string{"chat_a.tsv": repeated("negative", 600)}, nil, exitFailed, "kind chat: of the texts to learn from "},
		{"two labels", map[string]string{"dev_a.tsv": repeated("negative", 600) + repeated("positive", 600)}, nil, exitFailed, "0 are neutral"},
		{"no text", map[string]string{"chat_a.tsv": ""}, nil, exitFailed, "0 are negative, 0 are neutral, 0 are positive: a training needs some hundred of each label; add negative ones to a file chat_<name>.tsv"},
		{"few texts", map[string]string{"tweet_a.tsv": three(60)}, nil, exitFailed, "texts are put aside to calibrate on, want 60 at least"},
		{"a label that is none", map[string]string{"chat_a.tsv": "bad\tx\n"}, nil, exitFailed, `chat_a.tsv:1: "bad\tx" is no label<TAB>text`},
		{"a folder that cannot be written to", map[string]string{"chat_a.tsv": three(400)}, []string{"--out", "/dev/null/weights"}, exitFailed, "--out /dev/null/weights"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"--out", filepath.Join(t.TempDir(), "weights")}, c.args...)
			if c.files != nil {
				args = append([]string{"--data", folderOf(t, c.files)}, args...)
			}
			var log, stderr bytes.Buffer
			code := status(run(t.Context(), args, io.Discard, &log), &stderr)
			if code != c.code || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("status %d, stderr %q, want %d and %q", code, stderr.String(), c.code, c.says)
			}
			if strings.Contains(log.String(), "epoch") {
				t.Errorf("a training was begun:\n%s", log.String())
			}
		})
	}
}

func TestReadsWhatEditorsWrite(t *testing.T) {
	folder := folderOf(t, map[string]string{"chat_a.tsv": "\ufeffnegative\tit fails\r\n\r\npositive\tit works"})
	sets, err := load(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := sets[0].texts; len(got) != 2 || got[0].text != "it fails" || got[1].text != "it works" {
		t.Errorf("got %v, want two texts", got)
	}
}

func TestStatusOfNothingWrong(t *testing.T) {
	if got := status(nil, io.Discard); got != 0 {
		t.Errorf("status(nil) = %d, want 0", got)
	}
	if got := status(errors.New("x"), io.Discard); got != exitFailed {
		t.Errorf("status of an error = %d, want %d", got, exitFailed)
	}
}
