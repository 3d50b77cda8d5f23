//go:build unix

package proc

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sh starts a script and returns what it prints, line by line.
func sh(t *testing.T, script string) (*Process, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = in
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // the process has its own
	t.Cleanup(func() { _ = p.Kill(); _ = out.Close() })
	return p, bufio.NewReader(out)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

func TestStopAsksFirst(t *testing.T) {
	p, out := sh(t, `trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done`)
	line(t, out)
	if err := p.Stop(t.Context(), time.Minute); err != nil {
		t.Errorf("Stop: %v", err)
	}
	var exit *exec.ExitError
	if err := p.Err(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("Err = %v, want exit status 3", err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("Signal after the end: %v", err)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	p, out := sh(t, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
	line(t, out)
	if err := p.Stop(t.Context(), 50*time.Millisecond); !errors.Is(err, ErrKilled) {
		t.Errorf("Stop = %v, want ErrKilled", err)
	}
}

func TestNothingOfTheGroupIsLeftBehind(t *testing.T) {
	p, out := sh(t, `sleep 1000 & echo $!; exit 0`)
	child, err := strconv.Atoi(line(t, out))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	tick, limit := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for alive(child) {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("pid %d outlived its group's leader", child)
		}
	}
}

// alive is true for a process that runs; one that only waits to be reaped is none.
func alive(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestStartOfWhatIsNotThere(t *testing.T) {
	if _, err := Start(exec.Command("/nowhere/nothing")); err == nil || !strings.Contains(err.Error(), "/nowhere/nothing") {
		t.Errorf("err = %v, want one that names the program", err)
	}
}
