package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func newLogger(w io.Writer, c *Config) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newBuildInfo())
	return r
}

// probes serves /healthz (the process lives), /readyz (it does its work) and /metrics.
type probes struct {
	ctx    context.Context // of the process; when it ends nothing is ready any more
	server *http.Server
	lis    net.Listener

	mu    sync.Mutex
	parts map[string]error
}

func newProbes(ctx context.Context, addr string, reg *prometheus.Registry) *probes {
	p := &probes{ctx: ctx, parts: map[string]error{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	p.server = &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return p
}

func (p *probes) set(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts[name] = err
}

func (p *probes) ready(w http.ResponseWriter, _ *http.Request) {
	if err := p.notReady(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

func (p *probes) notReady() error {
	if p.ctx.Err() != nil {
		return errors.New("stopping")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.parts) == 0 {
		return errors.New("starting")
	}
	var errs []error
	for name, err := range p.parts {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return len(a.Error()) - len(b.Error()) })
	return errors.Join(errs...)
}

func (p *probes) serve() error {
	lis, err := (&net.ListenConfig{}).Listen(p.ctx, "tcp", p.server.Addr)
	if err != nil {
		return err
	}
	p.lis = lis
	go func() { _ = p.server.Serve(lis) }()
	return nil
}

func (p *probes) address() string {
	if p.lis == nil {
		return p.server.Addr
	}
	return p.lis.Addr().String()
}

func (p *probes) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), time.Second)
	defer cancel()
	_ = p.server.Shutdown(ctx)
}
