//go:build e2e

package main

import (
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

// TestAMinuteOfChaos is the short form: one broker, one seed, every kind of fault that has its turn in a minute.
func TestAMinuteOfChaos(t *testing.T) {
	if reason, ok := broker.Available(t.Context()); !ok {
		t.Skip("SKIPPED: " + reason)
	}
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	r, err := play(t.Context(), settings{
		seed: 4, duration: time.Minute, drain: 3 * time.Minute, rate: 50, brokers: 1,
		manifest: filepath.Join(root, "hack/chaos/pipeline.yaml"), corpus: filepath.Join(root, "hack/demo/corpus.tsv"),
		bin: filepath.Join(root, "bin"), dataDir: t.TempDir(), out: output{t},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.print(output{t})
	if !r.ok() {
		t.Errorf("%s\nwant nothing lost, duplicated or left to be told", r.ledger)
	}
	if r.faults < 3 || r.ledger.Posted == 0 || r.ledger.Digested == 0 {
		t.Errorf("%d faults, %s\nwant several, and that every hop had its part", r.faults, r.ledger)
	}
}
