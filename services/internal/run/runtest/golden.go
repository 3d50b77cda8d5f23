// Package runtest checks a service's settings against the file that the operator reads.
package runtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

var update = flag.Bool("update", false, "rewrite golden files")

// CheckGolden compares path with the list of cfg's environment variables: a line each,
// `NAME default=<default> required secret # help`. Further patterns (variables whose names
// depend on other settings) come last. With -update it writes the file instead.
func CheckGolden(t testing.TB, cfg run.Configuration, path string, patterns ...string) {
	t.Helper()
	var b strings.Builder
	for _, v := range run.Variables(cfg) {
		b.WriteString(v.Name)
		if v.Default != "" {
			fmt.Fprintf(&b, " default=%s", v.Default)
		}
		if v.Required {
			b.WriteString(" required")
		}
		if v.Secret {
			b.WriteString(" secret")
		}
		fmt.Fprintf(&b, " # %s\n", v.Help)
	}
	for _, p := range patterns {
		b.WriteString(p + "\n")
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test -update", err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the settings say; write it with go test -update\ngot:\n%s\nwant:\n%s", path, got, b.String())
	}
}
