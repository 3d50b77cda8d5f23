package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

func TestSettingsAreWrittenDown(t *testing.T) {
	runtest.CheckGolden(t, &config{}, "testdata/env.golden")
}

func TestSettings(t *testing.T) {
	tests := []struct{ env, want string }{
		{"", ""},
		{"PIPELINE=simulator", ""},
		{"RATE=-1", "RATE"},
		{"RATE=many", "RATE"},
		{"SLACK_CHANNELS=a,b", "TRAFFIC_CHANNELS"},
		{"SLACK_EVENTS_URL=somewhere", "SLACK_EVENTS_URL"},
		{"X_INDEX_DELAY=-1s", "X_INDEX_DELAY"},
	}
	for _, tt := range tests {
		var env []string
		if tt.env != "" {
			env = []string{tt.env}
		}
		err := run.Parse("simulator", &config{}, nil, env, io.Discard)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("with %q: %v, want an error that names %q", tt.env, err, tt.want)
		}
	}
}

// TestKilledAndStartedAgain runs the program as it is, kills it in mid-sentence and sees
// that nothing that it told of is gone.
func TestKilledAndStartedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "simulator")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	address := freeAddress(t)
	env := append(os.Environ(), "LISTEN_ADDRESS="+address, "DATA_DIR="+filepath.Join(dir, "data"), "RATE=500", "LOG_LEVEL=error")
	first := launch(t, binary, env, address)
	var told string
	waitFor(t, "50 posts", func() bool {
		told = get(t, address, "/sim/posts")
		return strings.Count(told, "\n") > 50
	})
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()

	second := launch(t, binary, append(env, "RATE=0"), address)
	after := get(t, address, "/sim/posts")
	for line := range strings.Lines(told) {
		id, _, _ := strings.Cut(line, `","`)
		if !strings.Contains(after, id) {
			t.Fatalf("after the kill this is gone: %s", line)
		}
	}
	if err := second.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("stopped with %v, want a clean stop", err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func launch(t *testing.T, binary string, env []string, address string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary)
	cmd.Env, cmd.Stderr = env, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	waitFor(t, "it is ready", func() bool {
		resp, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK
	})
	return cmd
}

func get(t *testing.T, address, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("after 30 s still not: %s", what)
		case <-tick.C:
		}
	}
}
