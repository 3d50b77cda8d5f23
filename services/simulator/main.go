// Command simulator plays Slack, X, Azure AI Language and an OpenAI-compatible endpoint, so that the whole pipeline runs without them: the
// real client libraries cannot tell. It has no part in production. See README.md for what
// it serves, refuses and does wrong on request.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/azure/standin"
	llmstandin "github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm/standin"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/control"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/page"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/traffic"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

func main() {
	defaultAddress()
	os.Exit(run.Main("simulator", &config{}, start))
}

// start serves everything until ctx ends.
func start(ctx context.Context, p *run.Process, cfg *config) error {
	s, err := newSimulator(p, cfg)
	if err != nil {
		return err
	}
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.ListenAddress)
	if err != nil {
		return errors.Join(fmt.Errorf("listen on LISTEN_ADDRESS: %w", err), s.close())
	}
	server := &http.Server{Handler: s.handler(p.Address()), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(lis) }()
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		s.traffic.Run(ctx)
	}()
	p.Log.Info("playing Slack, X, Azure AI Language and a language model", "page", "http://"+lis.Addr().String()+"/", "rate", cfg.Rate)
	p.Ready("serving", nil)
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	_ = server.Close() // sockets and streams would keep a polite shutdown waiting
	err = errors.Join(err, s.close())
	if ctx.Err() != nil {
		<-talked
	}
	return err
}

// simulator is its parts.
type simulator struct {
	slack   *slack.Workspace
	x       *x.Network
	azure   *standin.Service
	llm     *llmstandin.Service
	traffic *traffic.Traffic
	control *control.Control
}

func newSimulator(p *run.Process, cfg *config) (*simulator, error) {
	corpus, err := traffic.Corpus(cfg.Corpus)
	if err != nil {
		return nil, err
	}
	faults := fault.New(time.Now)
	w, err := slack.Open(slack.Options{
		DataDir: cfg.DataDir, Channels: cfg.SlackChannels, NotInvited: cfg.SlackNotInvited, BotToken: cfg.SlackBotToken.Value(), AppToken: cfg.SlackAppToken.Value(),
		UserToken:     cfg.SlackUserToken.Value(),
		SigningSecret: cfg.SlackSigningSecret.Value(), EventsURL: cfg.SlackEventsURL, Scopes: cfg.SlackScopes, Faults: faults, Log: p.Log, Now: time.Now,
		Seed: cfg.Seed, NoTiers: !cfg.SlackTierLimits,
	})
	if err != nil {
		return nil, fmt.Errorf("open the workspace: %w", err)
	}
	n, err := x.Open(x.Options{DataDir: cfg.DataDir, BearerToken: cfg.XBearerToken.Value(), Faults: faults, Log: p.Log, Now: time.Now, IndexDelay: cfg.XIndexDelay})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open X: %w", err), w.Close())
	}
	said := w.Counts()["people_posts"] + n.Counts()["posts"]
	t := traffic.New(traffic.Options{Slack: w, X: n, Faults: faults, Log: p.Log, Corpus: corpus, Channels: cfg.TrafficChannels, Scenario: cfg.Scenario, Seed: cfg.Seed, Said: said})
	t.Set(cfg.Rate > 0, cfg.Rate)
	a := azure.New(cfg.AzureKey.Value(), faults)
	l := llm.New(cfg.LLMKey.Value(), faults)
	return &simulator{slack: w, x: n, azure: a, llm: l, traffic: t, control: &control.Control{Slack: w, X: n, Azure: a, LLM: l, Traffic: t, Faults: faults}}, nil
}

func (s *simulator) close() error { return errors.Join(s.slack.Close(), s.x.Close()) }

// handler serves everything on one address; what probes serves is passed through.
func (s *simulator) handler(probes string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", s.slack.Handler())
	mux.HandleFunc("/link/", s.slack.ServeSocket)
	mux.HandleFunc("/link", s.slack.ServeSocket)
	mux.Handle("/2/", s.x.Handler())
	mux.Handle("/language/", s.azure)
	mux.Handle("/text/analytics/", s.azure)
	mux.Handle("/v1/", s.llm)
	mux.Handle("/openai/", s.llm)
	s.control.Register(mux)
	page.Register(mux, s.slack, s.x, s.control.Status)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: probes})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle("GET "+path, proxy)
	}
	return mux
}
