//go:build failpoint

package failpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain is the process that passes a point three times, where the environment asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("FAILPOINT_TEST_PROCESS") != "" {
		for range 3 {
			os.Stdout.WriteString("pass\n")
			Here(StreamHandled)
		}
		return
	}
	os.Exit(m.Run())
}

func process(t *testing.T, dir, points string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "FAILPOINT_TEST_PROCESS=1", "FAILPOINT="+points, "FAILPOINT_DIR="+dir)
	out, err := cmd.Output()
	return string(out), err
}

func TestKillsItselfAtThePassOnce(t *testing.T) {
	dir := t.TempDir()
	out, err := process(t, dir, "stream.handled=kill@2")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("ended with %v, want SIGKILL", err)
	}
	if got, want := strings.Count(out, "pass"), 2; got != want {
		t.Errorf("passed %d times before it was killed, want %d", got, want)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "stream.handled")); err != nil || !strings.HasPrefix(string(got), "kill ") {
		t.Errorf("left %q (%v), want that it says kill", got, err)
	}
	if _, err := process(t, dir, "stream.handled=kill@2"); err != nil {
		t.Errorf("a second process with the same environment: %v, want that it passes", err)
	}
}

func TestOtherPointsPass(t *testing.T) {
	if out, err := process(t, t.TempDir(), "stream.fetched=kill"); err != nil || strings.Count(out, "pass") != 3 {
		t.Errorf("got %q, %v, want three passes", out, err)
	}
}

func TestRefusesWhatItCannotRead(t *testing.T) {
	for _, text := range []string{"stream.handled", "stream.handled=pause", "stream.handled=kill@0", "stream.handled=kill@x"} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("parse(%q) = %v, want an error that names it", text, err)
		}
	}
	if _, err := process(t, "", "stream.handled=kill"); err == nil {
		t.Error("without FAILPOINT_DIR it goes on, want that it refuses")
	}
}
