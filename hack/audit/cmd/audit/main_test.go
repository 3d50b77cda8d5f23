package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoLedger: what cannot be audited is told apart from what is wrong.
func TestNoLedger(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("kind: Secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":          {[]string{"-nonsense"}, "nonsense"},
		"manifest that is none": {[]string{"-manifest", "nowhere.yaml"}, "-manifest"},
		"no pipeline":           {[]string{"-manifest", secret}, "no document of kind FeedbackPipeline"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(c.args, &out, &errs); got != 2 || !strings.Contains(errs.String(), c.want) || out.Len() > 0 {
				t.Errorf("run = %d with %q and %q, want 2 with %q", got, out.String(), errs.String(), c.want)
			}
		})
	}
}
