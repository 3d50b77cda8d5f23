// Package e2etest is what the end-to-end tests share: a real Kafka for a test, waiting for what is to come, and the
// health that a pipeline tells of itself.
package e2etest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// Shadowed is the demo's manifest with a shadow of the scorer that begins at the beginning, in a folder with its Secrets. root is the repository's.
func Shadowed(t *testing.T, root string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"pipeline.yaml", "secrets.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "hack/demo", name))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte("    builtin: {}\n"), []byte("    builtin: {}\n    shadow: {vader: {}, startOffset: Earliest}\n"), 1)
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "pipeline.yaml")
}

// Kafka starts Apache Kafka and stops it with the test, or skips the test and says what is missing.
func Kafka(t *testing.T, o broker.RealOptions) *broker.Real {
	t.Helper()
	if reason, ok := broker.Available(t.Context()); !ok {
		t.Skip("SKIPPED: " + reason)
	}
	r, err := broker.StartReal(t.Context(), o)
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

// Until waits, for a minute at most, until f is nil.
func Until(t *testing.T, f func() error) {
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

// More waits until people have offered n more posts.
func More(t *testing.T, l *loop.Loop, n int) {
	t.Helper()
	first := -1
	Until(t, func() error {
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
