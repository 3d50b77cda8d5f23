package executor

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/proc"
)

// Back-off of a process that ends by itself: at once, then 1 s doubling to 30 s, from the start again after a minute's run.
const (
	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
	steadyAfter  = time.Minute
)

// worker keeps one program running until its context ends.
type worker struct {
	program Program
	logFile string
	log     *slog.Logger
	again   chan chan struct{} // a wish to restart; closed when the new process was started
	stopped chan struct{}      // closed when the worker has ended

	mu       sync.Mutex
	process  *proc.Process // nil before the first start and where one failed
	restarts int           // how often it was started again
	lastExit string
}

func newWorker(p Program, logFile string, log *slog.Logger) *worker {
	return &worker{program: p, logFile: logFile, log: log.With("process", p.Name), again: make(chan chan struct{}), stopped: make(chan struct{})}
}

// run starts the program, and again whenever it ends, until ctx ends; then it drains. The process of a worker that has
// returned is gone.
func (w *worker) run(ctx context.Context) {
	defer close(w.stopped)
	var started chan struct{}
	for failures := 0; ; {
		begun := time.Now()
		p, err := w.start()
		if started != nil {
			close(started)
			started = nil
		}
		if err == nil {
			select {
			case <-ctx.Done():
				w.drain(context.WithoutCancel(ctx), p)
				return
			case started = <-w.again:
				w.drain(context.WithoutCancel(ctx), p)
				failures = 0
				continue
			case <-p.Done():
				err = p.Err()
			}
		}
		if time.Since(begun) > steadyAfter {
			failures = 0
		}
		wait := backoff(failures)
		failures++
		w.ended(err, wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case started = <-w.again:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// backoff is how long to wait after so many failures in a row.
func backoff(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return min(backoffMost, backoffFirst<<min(failures-1, 10))
}

func (w *worker) start() (*proc.Process, error) {
	log, err := os.OpenFile(w.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()                     // the process has its own
	cmd := exec.Command(w.program.Path, w.program.Args...) //nolint:noctx // ends by drain
	cmd.Env = w.program.Env
	cmd.Stdout, cmd.Stderr = log, log
	p, err := proc.Start(cmd)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil || w.lastExit != "" {
		w.restarts++
	}
	w.process = p
	if err != nil {
		return nil, err
	}
	w.log.Debug("started", "pid", p.Pid())
	return p, nil
}

// ended notes an end that nobody asked for.
func (w *worker) ended(err error, wait time.Duration) {
	exit := "status 0"
	if err != nil {
		exit = err.Error()
	}
	w.mu.Lock()
	w.lastExit = exit
	w.mu.Unlock()
	w.log.Warn("process ended, will be started again", "exit", exit, "in", wait, "log", w.logFile)
}

// drain stops the process as a node would: SIGTERM, then SIGKILL when its grace period is over.
func (w *worker) drain(ctx context.Context, p *proc.Process) {
	if err := p.Stop(ctx, w.program.Grace); err != nil {
		w.log.Warn("process was stopped", "err", err, "grace", w.program.Grace, "log", w.logFile)
	}
}

// kill sends sig to the process.
func (w *worker) kill(sig syscall.Signal) error {
	w.mu.Lock()
	p := w.process
	w.mu.Unlock()
	if p == nil {
		return fmt.Errorf("process %s does not run", w.program.Name)
	}
	return p.Signal(sig)
}

// restart drains the process and returns when a new one was started.
func (w *worker) restart(ctx context.Context) error {
	started := make(chan struct{})
	select {
	case w.again <- started:
	case <-w.stopped:
		return fmt.Errorf("process %s was stopped", w.program.Name)
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-started:
		return nil
	case <-w.stopped:
		return fmt.Errorf("process %s was stopped", w.program.Name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ready is nil when the program says that it is, or why not.
func (w *worker) ready(ctx context.Context) error {
	s := w.status()
	if s.Pid == 0 {
		return fmt.Errorf("%s does not run (%s)", s.Name, s.LastExit)
	}
	if w.program.Ready == "" {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.program.Ready, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		if s.LastExit != "" {
			return fmt.Errorf("%s does not answer; it was started again %d times (%s)", s.Name, s.Restarts, s.LastExit)
		}
		return fmt.Errorf("%s does not answer yet", s.Name)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says that it is not ready (%s)", s.Name, answer.Status)
	}
	return nil
}

func (w *worker) status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{
		Name: w.program.Name, Deployment: w.program.Deployment, Image: w.program.Image, Restarts: w.restarts,
		LastExit: w.lastExit, Listens: w.program.Listens, Log: w.logFile,
	}
	if w.process != nil {
		select {
		case <-w.process.Done():
		default:
			s.Pid = w.process.Pid()
		}
	}
	return s
}

// tail is the last n lines of the process's log.
func (w *worker) tail(n int) string {
	data, err := os.ReadFile(w.logFile)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
