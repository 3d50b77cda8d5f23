package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options says how to run a manifest.
type Options struct {
	// LogDir is the folder that gets a log file for each process. It is made if it is missing.
	LogDir string
	// Log tells what happens to the processes. Default: slog's default.
	Log *slog.Logger
}

// Status is what is known of a process.
type Status struct {
	Name       string            // such as azure-notifier-0
	Deployment string            // such as azure-notifier
	Image      string            // such as notifier
	Pid        int               // 0 while it does not run
	Restarts   int               // how often it was started again
	LastExit   string            // how it ended last by itself, empty if it never did
	Listens    map[string]string // addresses by the variable that set them
	Log        string            // its log file
}

// Executor runs a plan's programs. Its methods may be called from several goroutines.
type Executor struct {
	workers []*worker
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Start creates the plan's topics and starts its programs. It doesn't wait for them, see WaitReady. They run until
// Stop, whatever becomes of ctx.
func Start(ctx context.Context, plan Plan, o Options) (*Executor, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := CreateTopics(ctx, plan, o.Log); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.LogDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for logs: %w", err)
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e := &Executor{cancel: cancel}
	for _, p := range plan.Programs {
		w := newWorker(p, filepath.Join(o.LogDir, p.Name+".log"), o.Log)
		e.workers = append(e.workers, w)
		e.running.Go(func() { w.run(work) })
	}
	return e, nil
}

// WaitReady waits until every program says that it is ready. When ctx ends before, the error tells for each that is
// not why, with the end of its log.
func (e *Executor) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var waiting map[*worker]error
	for {
		now := map[*worker]error{}
		for _, w := range e.workers {
			if err := w.ready(ctx); err != nil {
				now[w] = err
			}
		}
		if len(now) == 0 {
			return nil
		}
		if waiting == nil || ctx.Err() == nil { // who is asked after the end cannot answer
			waiting = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			var errs []error
			for _, w := range e.workers {
				if err, ok := waiting[w]; ok {
					errs = append(errs, fmt.Errorf("%w; the end of %s:\n%s", err, w.logFile, w.tail(5)))
				}
			}
			return errors.Join(errs...)
		}
	}
}

// Processes is the state of all processes, in the plan's order.
func (e *Executor) Processes() []Status {
	all := make([]Status, 0, len(e.workers))
	for _, w := range e.workers {
		all = append(all, w.status())
	}
	return all
}

// Kill sends a signal to the process called name, as anything on the machine might. If that ends it, it is started
// again like one that ended by itself.
func (e *Executor) Kill(name string, sig syscall.Signal) error {
	w, err := e.worker(name)
	if err != nil {
		return err
	}
	return w.kill(sig)
}

// Restart drains the process called name, within its grace period, and starts it again.
func (e *Executor) Restart(ctx context.Context, name string) error {
	w, err := e.worker(name)
	if err != nil {
		return err
	}
	return w.restart(ctx)
}

func (e *Executor) worker(name string) (*worker, error) {
	i := slices.IndexFunc(e.workers, func(w *worker) bool { return w.program.Name == name })
	if i < 0 {
		var names []string
		for _, w := range e.workers {
			names = append(names, w.program.Name)
		}
		return nil, fmt.Errorf("no process %q; there are %q", name, names)
	}
	return e.workers[i], nil
}

// Stop drains all processes at once, each within its grace period, and returns when none is left. A second call waits
// for the first.
func (e *Executor) Stop() {
	e.cancel()
	e.running.Wait()
}
