//go:build unix

// Package proc runs programs of which nothing is left behind: each leads a process group of its own, is signalled by
// that group, and (on Linux) dies with the process that started it.
package proc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// Process is a started program. Its methods may be called from several goroutines.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed
}

// Start starts cmd as the leader of a new process group that ends with this process. Don't call cmd.Wait.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attached()
	return start(cmd)
}

// StartDetached is Start for a program that is to outlive this process.
func StartDetached(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return start(cmd)
}

func start(cmd *exec.Cmd) (*Process, error) {
	cmd.WaitDelay = time.Second // a grandchild that holds the output open doesn't hold up Done
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the leader left in its group
		close(p.done)
	}()
	return p, nil
}

// Pid is the leader's process id, which is also the group's.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the leader has ended and its group was swept.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the leader ended: nil for status 0. It waits for Done.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Signal sends sig to the whole group. A process that has ended already is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := syscall.Kill(-p.Pid(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s to %s (pid %d): %w", sig, p.cmd.Path, p.Pid(), err)
	}
	return nil
}

// ErrKilled tells that a process did not end within its grace period and was killed.
var ErrKilled = errors.New("did not end within its grace period and was killed")

// Stop sends SIGTERM, waits until the process has ended, and kills it after grace or when ctx ends. It returns
// ErrKilled in that case and nil otherwise, whatever the process's exit status (see Err).
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.Kill(); err != nil {
		return err
	}
	return ErrKilled
}

// Kill sends SIGKILL to the group and waits for the end.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
