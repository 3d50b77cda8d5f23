package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

func TestExecGivesTheCommandsStatusAndEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         int
	}{
		{"success", `test "$KAFKA_TEST_KIND" = embedded && test -n "$KAFKA_TEST_BOOTSTRAP"`, 0},
		{"failure", `exit 7`, 7},
		{"killed", `kill -9 $$`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if got := run([]string{"exec", "-embedded", "--", "sh", "-c", c.script}, &out, &out); got != c.want {
				t.Errorf("status = %d, want %d; it said %s", got, c.want, out.String())
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"begin"}, {"exec"}, {"exec", "-nonsense"}, {"start", "-embedded"}} {
		var out bytes.Buffer
		if got, want := run(args, &out, &out), 2; got != want {
			t.Errorf("run(%q) = %d, want %d", args, got, want)
		}
		if out.Len() == 0 {
			t.Errorf("run(%q) says nothing", args)
		}
	}
}

func TestWithoutJavaTheReasonIsTold(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"available"}, 1, "Java is missing"},
		{[]string{"exec", "--", "true"}, exitUnavailable, "Java is missing"},
		{[]string{"exec", "-optional", "--", "go", "test"}, 0, "SKIPPED on Apache Kafka: Java is missing"},
		{[]string{"start"}, 1, "Java is missing"},
	} {
		var out bytes.Buffer
		if got := run(c.args, &out, &out); got != c.want || !strings.Contains(out.String(), c.says) {
			t.Errorf("run(%q) = %d and said %q, want %d and %q", c.args, got, out.String(), c.want, c.says)
		}
	}
}

func TestStartEnvStop(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: Apache Kafka is not started in -short tests")
	}
	if reason, ok := broker.Available(t.Context()); !ok {
		t.Skip("SKIPPED: " + reason)
	}
	dir, err := os.MkdirTemp("", "kafka-cli-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var out, stderr bytes.Buffer
	must := func(args ...string) {
		t.Helper()
		out.Reset()
		if got := run(args, &out, &stderr); got != 0 {
			t.Fatalf("run(%q) = %d: %s", args, got, stderr.String())
		}
	}
	must("start", "-data", dir)
	defer run([]string{"stop", "-data", dir}, &out, &stderr)
	started := out.String()
	if !strings.Contains(started, "export KAFKA_TEST_BOOTSTRAP='127.0.0.1:") {
		t.Errorf("start printed %q, want its environment", started)
	}
	must("env", "-data", dir)
	if got := out.String(); got != started {
		t.Errorf("env printed %q, want %q as start did", got, started)
	}
	must("stop", "-data", dir)
	if got := run([]string{"env", "-data", dir}, &out, &stderr); got != 1 {
		t.Errorf("env after stop = %d, want 1", got)
	}
}
