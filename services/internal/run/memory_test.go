package run

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestControlGroup(t *testing.T) {
	for text, want := range map[string]int64{"536870912\n": 512 << 20, "max\n": 0, "9223372036854771712\n": 0, "-1\n": 0} {
		file := filepath.Join(t.TempDir(), "limit")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := controlGroup([]string{file + ".absent", file}); got != want {
			t.Errorf("controlGroup of %q = %d, want %d", text, got, want)
		}
	}
	if got := controlGroup([]string{filepath.Join(t.TempDir(), "absent")}); got != 0 {
		t.Errorf("controlGroup without a file = %d, want 0", got)
	}
}

func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	file := filepath.Join(t.TempDir(), "limit")
	if err := os.WriteFile(file, []byte("1073741820\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	limitMemory(slog.New(slog.DiscardHandler), []string{file})
	if got, want := debug.SetMemoryLimit(-1), int64(966367638); got != want {
		t.Errorf("the memory limit = %d, want %d", got, want)
	}
	debug.SetMemoryLimit(2 << 30) // as GOMEMLIMIT does
	limitMemory(slog.New(slog.DiscardHandler), []string{file})
	if got, want := debug.SetMemoryLimit(-1), int64(2<<30); got != want {
		t.Errorf("the memory limit = %d, want the one that was set, %d", got, want)
	}
}
