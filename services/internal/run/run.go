// Package run is what every service has in common around its work: settings from
// flags and environment, logging, signals, probes, metrics and the drain at the end.
//
// It guarantees that a service stops in order: the first SIGTERM or SIGINT ends intake
// (ctx), the work in hand has Config.DrainTimeout to finish (Process.Work), and only then
// do probes and metrics go away.
package run

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

// Exit codes of Main.
const (
	exitOK      = 0
	exitFailed  = 1 // start returned an error
	exitInvalid = 2 // the settings are wrong; the error names the field
)

// Main reads cfg from the environment and the command line's flags (a flag beats the
// environment), validates it, serves probes and metrics, and calls start. It returns the
// process's exit code: 0 after a clean stop, 1 if start failed, 2 if the settings are wrong.
// -version alone prints what was built to stdout.
//
// ctx ends at the first SIGTERM or SIGINT and means: take in nothing more. A second signal
// ends the process at once.
func Main[C Configuration](name string, cfg C, start func(ctx context.Context, p *Process, cfg C) error) int {
	if version.Asked(os.Args[1:]) {
		fmt.Println(name, version.Read())
		return exitOK
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a second signal kills
	return runMain(ctx, name, cfg, os.Args[1:], os.Environ(), os.Stderr, start)
}

func runMain[C Configuration](ctx context.Context, name string, cfg C, args, environ []string, stderr io.Writer,
	start func(ctx context.Context, p *Process, cfg C) error) int {
	if err := Parse(name, cfg, args, environ, stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitInvalid
	}
	common := cfg.Common()
	log := newLogger(stderr, common).With("service", name, "pipeline", common.Pipeline)
	slog.SetDefault(log)
	limitMemory(log, memoryFiles)
	traces, err := newTraces(ctx, name, common, environ, log)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitInvalid
	}
	defer traces.close()
	p := newProcess(ctx, log, common)
	p.Traces = traces.tracerProvider()
	defer p.cancel()
	if err := p.serve(); err != nil {
		log.Error("cannot serve probes and metrics", "field", "LISTEN_ADDRESS", "error", err)
		return exitFailed
	}
	built := version.Read()
	log.Info("started", "version", built.Version, "revision", built.Revision, "instance", common.Instance, "probes", p.Address())
	err = start(ctx, p, cfg)
	p.close()
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Error("stopped", "error", err)
		return exitFailed
	}
	log.Info("stopped")
	return exitOK
}

// Process is one running service as its start function sees it.
type Process struct {
	// Log is the service's logger, with its name and pipeline set.
	Log *slog.Logger
	// Metrics is where the service registers its metrics; they are served at /metrics.
	Metrics prometheus.Registerer
	// Traces is where the service's spans go; nil while tracing is off, which it is unless
	// OpenTelemetry's standard variables turn it on.
	Traces trace.TracerProvider

	work   context.Context
	cancel context.CancelFunc
	probes *probes
}

func newProcess(ctx context.Context, log *slog.Logger, c *Config) *Process {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		log.Info("stopping: no more intake", "limit", c.DrainTimeout)
		time.AfterFunc(c.DrainTimeout, cancel)
	})
	registry := newRegistry()
	return &Process{Log: log, Metrics: registry, work: work, cancel: cancel, probes: newProbes(ctx, c.ListenAddress, registry)}
}

// Work outlives the stop signal by Config.DrainTimeout: it is the context for finishing
// what is in hand.
func (p *Process) Work() context.Context { return p.work }

// Ready sets one named part of readiness: ready if err is nil, else not ready and why.
// /readyz answers 200 if every part that was ever named is ready and no stop was asked for.
func (p *Process) Ready(name string, err error) { p.probes.set(name, err) }

// Address is where probes and metrics are served, as host:port.
func (p *Process) Address() string { return p.probes.address() }

func (p *Process) serve() error { return p.probes.serve() }
func (p *Process) close()       { p.probes.close() }
