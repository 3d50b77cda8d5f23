//go:build e2e

package e2e

import (
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// rate is more than Slack takes in cards, so that digests and collapsing have their part.
const rate = 20

// output gives lines to the test's log.
type output struct{ t *testing.T }

func (o output) Write(p []byte) (int, error) {
	o.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// start starts the demo's pipeline with people who talk.
func start(t *testing.T, r *broker.Real, dataDir string) *loop.Loop {
	t.Helper()
	return startOf(t, r, dataDir, filepath.Join(root(t), "hack/demo/pipeline.yaml"))
}

// root is the repository's folder.
func root(t *testing.T) string {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// startOf starts the pipeline of a manifest.
func startOf(t *testing.T, r *broker.Real, dataDir, manifest string) *loop.Loop {
	t.Helper()
	root := root(t)
	l, err := loop.Start(t.Context(), loop.Options{
		Manifest: manifest, Corpus: filepath.Join(root, "hack/demo/corpus.tsv"),
		Bin: filepath.Join(root, "bin"), DataDir: dataDir, Kafka: r.Bootstrap(), Rate: rate, Seed: 1,
		Out: output{t}, Log: slog.New(slog.NewTextHandler(output{t}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if err := l.Traffic(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return l
}

// finish drains and returns the ledger, which must be clean.
func finish(t *testing.T, l *loop.Loop) audit.Ledger {
	t.Helper()
	ledger, err := l.Finish(t.Context(), 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	l.Stop()
	t.Log(ledger)
	if !ledger.OK() || ledger.Pending > 0 {
		t.Errorf("%s\n%s", ledger, strings.Join(ledger.Explain(50), "\n"))
	}
	if ledger.Ingested == 0 || ledger.Scored == 0 || ledger.Posted == 0 || ledger.Digested == 0 {
		t.Errorf("%s\nwant that every hop had its part", ledger)
	}
	return ledger
}

func TestKillEachServiceInMidTraffic(t *testing.T) {
	r, dataDir := e2etest.Kafka(t, broker.RealOptions{}), t.TempDir()
	l := start(t, r, dataDir)
	for round := range 2 {
		for _, p := range l.Pipeline().Processes() {
			e2etest.More(t, l, 2*rate)
			t.Logf("round %d: kill -9 %s (pid %d)", round, p.Name, p.Pid)
			if err := l.Pipeline().Kill(p.Name, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	e2etest.More(t, l, 2*rate)
	for _, p := range l.Pipeline().Processes() {
		if p.Restarts < 2 {
			t.Errorf("%s was started again %d times, want 2", p.Name, p.Restarts)
		}
	}
	first := finish(t, l)

	second := finish(t, func() *loop.Loop {
		l := start(t, r, dataDir)
		e2etest.More(t, l, 2*rate)
		return l
	}())
	if second.Sent < first.Sent+2*rate || second.Ingested <= first.Ingested {
		t.Errorf("after a second run: %s\nwant it to carry on from: %s", second, first)
	}
}

func TestKillAllServicesAtOnce(t *testing.T) {
	r := e2etest.Kafka(t, broker.RealOptions{})
	l := start(t, r, t.TempDir())
	e2etest.More(t, l, 3*rate)
	for _, p := range l.Pipeline().Processes() {
		if err := l.Pipeline().Kill(p.Name, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	e2etest.More(t, l, 3*rate)
	finish(t, l)
}

func TestBrokerIsKilledInMidTraffic(t *testing.T) {
	r := e2etest.Kafka(t, broker.RealOptions{})
	l := start(t, r, t.TempDir())
	e2etest.More(t, l, 3*rate)
	if err := r.Kill(1); err != nil {
		t.Fatal(err)
	}
	e2etest.More(t, l, rate)
	if err := r.Restart(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	e2etest.More(t, l, 2*rate)
	finish(t, l)
}
