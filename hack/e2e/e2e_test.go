//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
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

// kafka starts Apache Kafka, or skips the test and says what is missing.
func kafka(t *testing.T) *broker.Real {
	t.Helper()
	if reason, ok := broker.Available(t.Context()); !ok {
		t.Skip("SKIPPED: " + reason)
	}
	r, err := broker.StartReal(t.Context(), broker.RealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Errorf("stop Apache Kafka: %v", err)
		}
	})
	return r
}

// start starts the demo's pipeline with people who talk.
func start(t *testing.T, r *broker.Real, dataDir string) *loop.Loop {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.Start(t.Context(), loop.Options{
		Manifest: filepath.Join(root, "hack/demo/pipeline.yaml"), Corpus: filepath.Join(root, "hack/demo/corpus.tsv"),
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

// until waits, for a minute at most, until f is nil.
func until(t *testing.T, f func() error) {
	t.Helper()
	tick, limit := time.NewTicker(100*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %v", err)
		}
	}
}

// more waits until people have offered n more posts.
func more(t *testing.T, l *loop.Loop, n int) {
	t.Helper()
	first := -1
	until(t, func() error {
		sent, err := l.Sent(t.Context())
		if err != nil {
			return err
		}
		if first < 0 {
			first = sent
		}
		if sent < first+n {
			return fmt.Errorf("%d of %d more posts", sent-first, n)
		}
		return nil
	})
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
	r, dataDir := kafka(t), t.TempDir()
	l := start(t, r, dataDir)
	for round := range 2 {
		for _, p := range l.Pipeline().Processes() {
			more(t, l, 2*rate)
			t.Logf("round %d: kill -9 %s (pid %d)", round, p.Name, p.Pid)
			if err := l.Pipeline().Kill(p.Name, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	more(t, l, 2*rate)
	for _, p := range l.Pipeline().Processes() {
		if p.Restarts < 2 {
			t.Errorf("%s was started again %d times, want 2", p.Name, p.Restarts)
		}
	}
	first := finish(t, l)

	second := finish(t, func() *loop.Loop {
		l := start(t, r, dataDir)
		more(t, l, 2*rate)
		return l
	}())
	if second.Sent < first.Sent+2*rate || second.Ingested <= first.Ingested {
		t.Errorf("after a second run: %s\nwant it to carry on from: %s", second, first)
	}
}

func TestKillAllServicesAtOnce(t *testing.T) {
	r := kafka(t)
	l := start(t, r, t.TempDir())
	more(t, l, 3*rate)
	for _, p := range l.Pipeline().Processes() {
		if err := l.Pipeline().Kill(p.Name, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	more(t, l, 3*rate)
	finish(t, l)
}

func TestBrokerIsKilledInMidTraffic(t *testing.T) {
	r := kafka(t)
	l := start(t, r, t.TempDir())
	more(t, l, 3*rate)
	if err := r.Kill(1); err != nil {
		t.Fatal(err)
	}
	more(t, l, rate)
	if err := r.Restart(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	more(t, l, 2*rate)
	finish(t, l)
}
