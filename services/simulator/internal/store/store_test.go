package store

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, path string) (*Log, []string) {
	t.Helper()
	var got []string
	l, err := Open(path, func(b []byte) error { return json.Unmarshal(b, addTo(&got)) })
	if err != nil {
		t.Fatalf("Open(%s): %v", path, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, got
}

type adder struct{ to *[]string }

func addTo(to *[]string) *adder { return &adder{to} }

func (a *adder) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*a.to = append(*a.to, s)
	return nil
}

func TestEntriesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "slack.jsonl")
	l, got := open(t, path)
	if len(got) != 0 {
		t.Fatalf("a new log has %q, want nothing", got)
	}
	want := []string{"one", "two\nlines", "drei ü"}
	for _, s := range want {
		if err := l.Append(s); err != nil {
			t.Fatal(err)
		}
	}
	// As after a kill -9: the file is read without the first log having been closed.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := path + ".copy"
	if err := os.WriteFile(copied, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, got := open(t, copied); !slices.Equal(got, want) {
		t.Errorf("read again = %q, want %q", got, want)
	}
}

func TestTornLastLineIsCut(t *testing.T) {
	for _, torn := range []string{`"tw`, `"two"`, "\x00\x00\x00"} {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, []byte("\"one\"\n"+torn), 0o644); err != nil {
			t.Fatal(err)
		}
		l, got := open(t, path)
		if want := []string{"one"}; !slices.Equal(got, want) {
			t.Errorf("with torn %q: read = %q, want %q", torn, got, want)
		}
		if err := l.Append("three"); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if _, got := open(t, path); !slices.Equal(got, []string{"one", "three"}) {
			t.Errorf("after torn %q: read again = %q, want one, three", torn, got)
		}
	}
}

func TestDamageInTheMiddleIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	if err := os.WriteFile(path, []byte("\"one\"\n{broken\n\"three\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, func(b []byte) error {
		var s string
		return json.Unmarshal(b, &s)
	})
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("Open = %v, want an error that names line 2", err)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	l, _ := open(t, path)
	if _, err := Open(path, func([]byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second Open = %v, want an error that says in use", err)
	}
	_ = l.Close()
	open(t, path)
}

func TestWithoutPathNothingIsKept(t *testing.T) {
	l, _ := open(t, "")
	if err := l.Append("x"); err != nil {
		t.Errorf("Append = %v, want nil", err)
	}
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte("\"one\"\n\"two"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		var lines int
		l, err := Open(path, func([]byte) error { lines++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if most := bytes.Count(b, []byte("\n")); lines > most {
			t.Errorf("read %d entries of %d lines", lines, most)
		}
	})
}
