package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestExitStatus: 0 where all is well, 1 where something is lost, with the ledger as the last line
// and what is wrong beside it.
func TestExitStatus(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "default.azure.feedback", "default.azure.scored",
		"default.azure.notifications", "default.azure.dead-letters"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	manifest := filepath.Join(t.TempDir(), "pipeline.yaml")
	if err := os.WriteFile(manifest, []byte("kind: FeedbackPipeline\nmetadata: {name: azure}\nspec: {sources: [{name: s, slack: {channels: [feedback]}}]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		posts             string
		want              int
		wantOut, wantErrs string
	}{
		{"", 0, "ledger: sent 0 ", ""},
		{`{"platform":"slack","id":"slack:T:C:1","channel_name":"feedback","final_text":"hello"}`, 1, "ledger: sent 1 ", "lost: slack:T:C:1: "},
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/sim/posts" {
				_, _ = io.WriteString(w, c.posts)
				return
			}
			_, _ = io.WriteString(w, "[]")
		}))
		var out, errs bytes.Buffer
		got := run([]string{"-manifest", manifest, "-simulator", web.URL, "-bootstrap", strings.Join(cluster.ListenAddrs(), ",")}, &out, &errs)
		web.Close()
		if got != c.want || !strings.HasPrefix(out.String(), c.wantOut) || !strings.HasPrefix(errs.String(), c.wantErrs) {
			t.Errorf("run = %d with %q and %q, want %d with %q and %q", got, out.String(), errs.String(), c.want, c.wantOut, c.wantErrs)
		}
	}
}

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
