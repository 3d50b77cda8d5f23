package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/proc"
)

// stopGrace is how long a broker may take to close its log.
const stopGrace = 30 * time.Second

func (r *Real) file(id int, suffix string) string {
	return filepath.Join(r.dir, fmt.Sprintf("broker-%d%s", id, suffix))
}

// format writes a broker's properties and makes its log folder a member of the cluster, if it is not one yet.
func (r *Real) format(ctx context.Context, n node) error {
	properties := r.file(n.ID, ".properties")
	if err := os.WriteFile(properties, []byte(r.layout.properties(n, r.dir)), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.file(n.ID, ""), "meta.properties")); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", r.classPath(),
		"kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", r.layout.ClusterID, "-c", properties)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format the log folder of broker %d: %w\n%s", n.ID, err, bytes.TrimSpace(out))
	}
	return nil
}

func (r *Real) classPath() string { return filepath.Join(r.jars, "*") }

// startNode starts a broker's process without waiting until it answers.
func (r *Real) startNode(id int) error {
	log, err := os.OpenFile(r.file(id, ".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	heap := fmt.Sprintf("%dm", r.options.HeapMB)
	// The quick compiler and the simple collector: a test's broker lives for seconds, on cores that it shares.
	args := []string{"-Xms" + heap, "-Xmx" + heap, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"}
	args = append(append(args, r.options.Java...), "-cp", r.classPath(), "kafka.Kafka", r.file(id, ".properties"))
	cmd := exec.Command("java", args...) //nolint:noctx // ends by Stop
	cmd.Stdout, cmd.Stderr = log, log
	start := proc.Start
	if r.options.Detached {
		start = proc.StartDetached
	}
	p, err := start(cmd)
	if err != nil {
		return err
	}
	r.processes[id] = p
	r.layout.node(id).Pid = p.Pid()
	return r.writeLayout()
}

// Kill ends one broker as a crash would (SIGKILL), and returns when it is gone.
func (r *Real) Kill(id int) error {
	p, ok := r.processes[id]
	if !ok {
		return fmt.Errorf("broker %d: not one of this cluster's processes %v", id, r.Brokers())
	}
	return p.Kill()
}

// Restart starts a broker that has ended, on its ports and with its data, and returns when all brokers answer.
func (r *Real) Restart(ctx context.Context, id int) error {
	if r.layout.node(id) == nil {
		return fmt.Errorf("broker %d: not one of %v", id, r.Brokers())
	}
	if p, ok := r.processes[id]; ok {
		select {
		case <-p.Done():
		default:
			return fmt.Errorf("broker %d runs (pid %d): kill it first", id, p.Pid())
		}
	}
	if err := r.startNode(id); err != nil {
		return err
	}
	if err := r.waitReady(ctx); err != nil {
		return fmt.Errorf("restart broker %d: %w%s", id, err, r.lastLines())
	}
	return nil
}

func (r *Real) stopNode(ctx context.Context, id int) error {
	p, ok := r.processes[id]
	switch {
	case !ok:
		return nil
	case r.temporary: // nothing to close properly
		return p.Kill()
	}
	if err := p.Stop(ctx, stopGrace); err != nil && !errors.Is(err, proc.ErrKilled) {
		return err
	}
	return nil // a killed broker has lost nothing that it acknowledged
}

// Attached is a detached cluster as another process sees it.
type Attached struct {
	dir    string
	layout layout
}

// Attach finds the cluster whose data lie in dir. os.ErrNotExist: there is none.
func Attach(dir string) (*Attached, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	l, err := readLayout(dir)
	if err != nil {
		return nil, err
	}
	return &Attached{dir: dir, layout: l}, nil
}

// Env tells a program of this cluster, see the Env constants.
func (a *Attached) Env() []string { return a.layout.env(a.dir) }

// Running is the process ids of its brokers that run.
func (a *Attached) Running() []int { return a.layout.running() }

// Stop ends its brokers and keeps the folder.
func (a *Attached) Stop(ctx context.Context) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, pid := range a.Running() {
			if err := syscall.Kill(-pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("signal %s to broker (pid %d): %w", sig, pid, err)
			}
		}
		if err := until(ctx, stopGrace, func() error {
			if running := a.Running(); len(running) > 0 {
				return fmt.Errorf("pids %v still run", running)
			}
			return nil
		}); err == nil {
			return nil
		}
	}
	return fmt.Errorf("brokers %v do not end", a.Running())
}

// running is the process ids of the brokers that run, by the word of ps: a number alone may be another program by now.
func (l layout) running() []int {
	var pids []int
	for _, n := range l.Nodes {
		if n.Pid == 0 {
			continue
		}
		out, err := exec.Command("ps", "-o", "args=", "-p", fmt.Sprint(n.Pid)).Output() //nolint:noctx // a moment
		if err == nil && strings.Contains(string(out), "kafka.Kafka") {
			pids = append(pids, n.Pid)
		}
	}
	return pids
}

func (l *layout) node(id int) *node {
	for i := range l.Nodes {
		if l.Nodes[i].ID == id {
			return &l.Nodes[i]
		}
	}
	return nil
}

// lastLines is the end of each broker's log, for an error.
func (r *Real) lastLines() string {
	var b strings.Builder
	for _, n := range r.layout.Nodes {
		data, err := os.ReadFile(r.file(n.ID, ".log"))
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		lines = lines[max(0, len(lines)-12):]
		fmt.Fprintf(&b, "\nbroker %d said last:\n%s", n.ID, strings.Join(lines, "\n"))
	}
	return b.String()
}
