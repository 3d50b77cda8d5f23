package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	contract "github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/remote"
)

const (
	// The contract's limit of a document; see SentimentScorerService.
	remoteText = 40_000
	// remoteBytes keeps a request under the 4 MiB that gRPC servers take by default.
	remoteBytes = 3 << 20
	// remoteDocuments is the contract's limit of a request.
	remoteDocuments = 1_000
)

// retryPolicy repeats a request that the server did not take.
const retryPolicy = `{"methodConfig": [{"name": [{"service": "feedback.v1.SentimentScorerService"}],
 "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.2s", "maxBackoff": "2s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

// remote is a scorer that is asked by gRPC.
type remote struct {
	address  string
	timeout  time.Duration
	identify func(text, source string) *feedbackv1.Language
	conn     *grpc.ClientConn
	client   feedbackv1.SentimentScorerServiceClient
}

var _ sentiment.Backend = (*remote)(nil)

// dialScorer returns a scorer at host:port; without secure it speaks plain text. It connects with the first request.
func dialScorer(address string, secure *tls.Config, timeout time.Duration) (*remote, error) {
	transport := insecure.NewCredentials()
	if secure != nil {
		transport = credentials.NewTLS(secure)
	}
	languages, err := sentiment.NewIdentifier("en") // as a scorer does that has this server as its backend
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport), grpc.WithDefaultServiceConfig(retryPolicy))
	if err != nil {
		return nil, usagef("--address %q: %v", address, err)
	}
	return &remote{
		address: address, timeout: timeout, identify: languages.Identify, conn: conn, client: feedbackv1.NewSentimentScorerServiceClient(conn),
	}, nil
}

func (r *remote) close() { _ = r.conn.Close() }

// Score asks for the documents in as many requests as the limits need. Of a long document it sends the head; what is no
// UTF-8 is left out. A document that the server refuses is unscored with its reason, as in a pipeline.
func (r *remote) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, 0, len(documents))
	var part []sentiment.Document
	size := 0
	for i, d := range documents {
		d.Text = contract.Clip(strings.ToValidUTF8(d.Text, " "), remoteText)
		part, size = append(part, d), size+len(d.Text)
		if last := i == len(documents)-1; !last && size < remoteBytes-remoteText && len(part) < remoteDocuments {
			continue
		}
		sentiments, err := contract.Apart(part, func(some []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
			return r.ask(ctx, some)
		}, func(d sentiment.Document, err error) *feedbackv1.Sentiment {
			return contract.Refused(r.address, d, err, r.identify)
		})
		if err != nil {
			return nil, fmt.Errorf("ask the scorer at %s: %w", r.address, r.explain(err))
		}
		out = append(out, sentiments...)
		part, size = nil, 0
	}
	return out, nil
}

func (r *remote) ask(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req := &feedbackv1.ScoreRequest{}
	for _, d := range documents {
		req.Documents = append(req.Documents, &feedbackv1.Document{Text: d.Text, Language: d.Language, Kind: d.Kind})
	}
	var head, trailer metadata.MD
	resp, err := r.client.Score(ctx, req, grpc.Header(&head), grpc.Trailer(&trailer))
	if err != nil {
		if len(head)+len(trailer) > 0 {
			err = answeredError{err}
		}
		return nil, err
	}
	sentiments := resp.GetSentiments()
	if got, want := len(sentiments), len(documents); got != want {
		return nil, fmt.Errorf("it gave %d sentiments for %d texts; it does not keep to SentimentScorerService", got, want)
	}
	for i, s := range sentiments {
		if _, err := contract.Complete(s, documents[i], r.identify); err != nil {
			return nil, fmt.Errorf("sentiment %d of %d: %w; it does not keep to SentimentScorerService", i+1, len(sentiments), err)
		}
	}
	return sentiments, nil
}

// answeredError is an error that the server itself answered: the connection is as it should be.
type answeredError struct{ error }

func (e answeredError) Unwrap() error { return e.error }

// GRPCStatus is for package status.
func (e answeredError) GRPCStatus() *status.Status { return status.Convert(e.error) }

// explain says what an error means and what to do.
func (r *remote) explain(err error) error {
	if _, ok := status.FromError(err); !ok {
		return err
	}
	return errors.New(explainStatus(err, r.timeout))
}

func explainStatus(err error, timeout time.Duration) string {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable:
		said := contract.Said(err)
		switch {
		case errors.As(err, new(answeredError)):
			return "it answers that it cannot score now: " + said
		case strings.Contains(said, "x509: "):
			return said + "; give the certificate of its authority by --tls-ca, and the name that its certificate bears in --address"
		}
		return said + "; see whether the scorer runs, whether the address is that of its gRPC port (9090 by default), and whether --tls is needed"
	case codes.DeadlineExceeded:
		return fmt.Sprintf("no answer within %v; give it more by --timeout", timeout)
	case codes.Unimplemented:
		return "the server there does not serve feedback.v1.SentimentScorerService; see whether the address is that of the scorer's gRPC port (9090 by default)"
	default:
		return contract.Said(err)
	}
}
