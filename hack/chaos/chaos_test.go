package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// output gives lines to the test's log.
type output struct{ t *testing.T }

func (o output) Write(p []byte) (int, error) {
	o.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// programs builds what a run needs and returns the folder.
func programs(t *testing.T, root string) string {
	t.Helper()
	bin := t.TempDir()
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	for _, name := range []string{"slack-ingest", "twitter-ingest", "sentiment-scorer", "notifier", "simulator"} {
		args = append(args, "./"+name)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join(root, "services")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return bin
}

// TestAMinuteOfChaos is the short form: one broker of its own, one seed, what has its turn in a minute. It judges what
// became of every post, and no times, since it shares the machine with all other tests.
func TestAMinuteOfChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: a minute of chaos takes a minute and a half")
	}
	if reason, ok := broker.Available(t.Context()); !ok {
		t.Skip("SKIPPED: a minute of chaos: " + reason)
	}
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	r, err := play(t.Context(), settings{
		seed: 4, duration: time.Minute, drain: 6 * time.Minute, rate: 15, brokers: 1,
		manifest: filepath.Join(root, "hack/chaos/pipeline.yaml"), corpus: filepath.Join(root, "hack/demo/corpus.tsv"),
		bin: programs(t, root), dataDir: t.TempDir(), out: output{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.print(output{t})
	if !r.ok() {
		t.Errorf("%s\nwant nothing lost, duplicated or left to be told", r.ledger)
	}
	if r.faults == 0 || r.ledger.Posted == 0 {
		t.Errorf("%d faults, %s\nwant something broken, and something told", r.faults, r.ledger)
	}
}
