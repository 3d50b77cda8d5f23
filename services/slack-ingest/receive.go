package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/slack-go/slack/socketmode"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/socket"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/webhook"
)

// receive takes events until ctx ends and what is in hand is done.
func (s *service) receive(ctx context.Context) error {
	take := s.serve
	if s.cfg.Mode == modeSocket {
		s.receiver = socket.New(s.socketOptions())
		take = func(ctx context.Context) error { s.receiver.Run(ctx); return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { s.channels.Run(ctx) })
	all.Go(func() { s.reader.Run(ctx) })
	all.Go(func() { s.probe(ctx) })
	return take(ctx)
}

func (s *service) socketOptions() socket.Options {
	return socket.Options{
		Dial:   func(o ...socketmode.Option) *socketmode.Client { return socketmode.New(s.api.Client, o...) },
		Opened: s.gate.Opened, While: s.gate.While,
		Submit: s.dispatch.Submit, Drain: s.dispatch.Drain, Refuse: s.ingester.Refuse,
		Connected:    func() { s.metrics.Socket(true); s.link.Connected(); s.reread() },
		Disconnected: func(err error) { s.metrics.Socket(false); s.link.Disconnected(err) },
		Silent:       func() { s.metrics.Socket(false); s.link.Silent() },
		Moved:        s.channels.Moved, Missed: s.reread, Metrics: s.metrics, Log: s.log,
	}
}

// serve takes events over HTTP.
func (s *service) serve(ctx context.Context) error {
	server := &http.Server{
		Addr: s.cfg.HTTPListenAddress, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		Handler: webhook.New(webhook.Options{
			Secret: s.cfg.SigningSecret.Value(), Closed: s.gate.Closed, Submit: s.dispatch.Submit, Refuse: s.ingester.Refuse,
			Verified: s.link.Signature, Moved: s.channels.Moved, Missed: s.reread, Metrics: s.metrics, Log: s.log,
		}),
	}
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", server.Addr)
	if err != nil {
		return fmt.Errorf("serve HTTP_LISTEN_ADDRESS %q: %w", server.Addr, err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = server.Shutdown(s.p.Work()) // returns when every request was answered
		close(stopped)
	})
	if err := server.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	<-stopped
	return nil
}

// probe asks Slack from time to time whether it still takes the token.
func (s *service) probe(ctx context.Context) {
	for run.Sleep(ctx, probeInterval) == nil {
		_, err := s.api.AuthTestContext(ctx)
		if ctx.Err() == nil {
			s.link.Token(err)
		}
	}
}

// found is a message that the sweep published and no connection had delivered.
func (s *service) found(channel string, c event.Change) {
	at := event.Time(c.TS)
	if !s.gate.Well() || !s.channels.Heard(channel, at) || !s.link.Swallowed(at) {
		return
	}
	s.metrics.Swallowed.Inc()
	s.log.Warn("the sweep found a message that was not delivered", "channel", channel, "ts", c.TS)
	if s.receiver != nil {
		s.receiver.Reset()
	}
}
