package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// Limits of a request, as the service's contract has them.
const (
	maxDocuments = 1_000
	maxText      = 40_000 // bytes
	// maxMessage holds a request at both limits, with room for the fields' own bytes.
	maxMessage = maxDocuments*(maxText+256) + 1024

	// maxStreams bounds what one connection asks for at a time.
	maxStreams = 64
)

// server serves SentimentScorerService. As many requests are scored at a time as there are
// cores; others wait, at most until their deadline.
type server struct {
	feedbackv1.UnimplementedSentimentScorerServiceServer
	backend sentiment.Backend
	slots   chan struct{}
}

func newServer(backend sentiment.Backend) *server {
	return &server{backend: backend, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// Score scores a batch. A request over the limits is INVALID_ARGUMENT, one whose deadline
// passes is DEADLINE_EXCEEDED, a backend that fails is UNAVAILABLE.
func (s *server) Score(ctx context.Context, req *feedbackv1.ScoreRequest) (*feedbackv1.ScoreResponse, error) {
	if err := checkLimits(req); err != nil {
		return nil, err
	}
	documents := make([]sentiment.Document, len(req.GetDocuments()))
	for i, d := range req.GetDocuments() {
		documents[i] = sentiment.Document{Text: d.GetText(), Language: d.GetLanguage(), Kind: d.GetKind()}
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	sentiments, err := s.backend.Score(ctx, documents)
	switch {
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case err != nil:
		return nil, status.Errorf(codes.Unavailable, "score: %v", err)
	}
	return &feedbackv1.ScoreResponse{Sentiments: sentiments}, nil
}

func checkLimits(req *feedbackv1.ScoreRequest) error {
	if n := len(req.GetDocuments()); n > maxDocuments {
		return status.Errorf(codes.InvalidArgument, "documents: %d of them, at most %d a request: send several requests", n, maxDocuments)
	}
	for i, d := range req.GetDocuments() {
		if n := len(d.GetText()); n > maxText {
			return status.Errorf(codes.InvalidArgument, "documents[%d].text: %d bytes, at most %d: send its head", i, n, maxText)
		}
	}
	return nil
}

// newGRPC returns a server with health, reflection, limits and keepalive, on which s is
// registered. Connections end after half an hour, so that clients find new replicas.
//
// traces, unless nil, gets a span for each request.
func newGRPC(s *server, traces trace.TracerProvider) (*grpc.Server, *grpchealth.Server) {
	var opts []grpc.ServerOption
	if traces != nil {
		opts = append(opts, grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(traces),
			otelgrpc.WithPropagators(propagation.TraceContext{}), otelgrpc.WithFilter(filters.Not(filters.HealthCheck())))))
	}
	g := grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.UnaryInterceptor(recoverPanic),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute,
			Time: 30 * time.Second, Timeout: 10 * time.Second,
		}),
	)...)
	feedbackv1.RegisterSentimentScorerServiceServer(g, s)
	h := grpchealth.NewServer()
	h.SetServingStatus(feedbackv1.SentimentScorerService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(g, h)
	reflection.Register(g)
	return g, h
}

// recoverPanic makes of a panic an error of its request.
func recoverPanic(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = status.Errorf(codes.Internal, "score: the server failed on this request: %v", p)
		}
	}()
	return next(ctx, req)
}

// serve serves gRPC on addr until ctx ends, then finishes the requests in hand; with the end
// of work they are cut off.
func serve(ctx, work context.Context, p *run.Process, addr string, s *server) error {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("serve gRPC on %s (GRPC_LISTEN_ADDRESS): %w", addr, err)
	}
	g, h := newGRPC(s, p.Traces)
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(lis) }()
	p.Ready("grpc", nil)
	p.Log.Info("serving gRPC", "address", lis.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve gRPC: %w", err)
	case <-ctx.Done():
	}
	h.Shutdown()
	drained := context.AfterFunc(work, g.Stop)
	g.GracefulStop()
	drained()
	if err := <-failed; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", err)
	}
	return nil
}
