package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
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

// Score asks for the documents in as many requests as the limits need. Of a long document it
// sends the head; what is no UTF-8 is left out.
func (r *remote) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, 0, len(documents))
	req, size := &feedbackv1.ScoreRequest{}, 0
	for i, d := range documents {
		text := head(strings.ToValidUTF8(d.Text, " "), remoteText)
		req.Documents = append(req.Documents, &feedbackv1.Document{Text: text, Language: d.Language, Kind: d.Kind})
		size += len(text)
		if last := i == len(documents)-1; !last && size < remoteBytes-remoteText && len(req.Documents) < remoteDocuments {
			continue
		}
		sentiments, err := r.ask(ctx, req)
		if err != nil {
			return nil, err
		}
		out = append(out, sentiments...)
		req, size = &feedbackv1.ScoreRequest{}, 0
	}
	return out, nil
}

func (r *remote) ask(ctx context.Context, req *feedbackv1.ScoreRequest) ([]*feedbackv1.Sentiment, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	resp, err := r.client.Score(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("ask the scorer at %s: %s", r.address, explainStatus(err, r.timeout))
	}
	if got, want := len(resp.GetSentiments()), len(req.GetDocuments()); got != want {
		return nil, fmt.Errorf("ask the scorer at %s: it gave %d sentiments for %d texts; it does not keep to SentimentScorerService", r.address, got, want)
	}
	for i, s := range resp.GetSentiments() {
		d := req.GetDocuments()[i]
		if _, err := contract.Complete(s, sentiment.Document{Text: d.GetText(), Language: d.GetLanguage()}, r.identify); err != nil {
			return nil, fmt.Errorf("ask the scorer at %s: sentiment %d of %d: %w; it does not keep to SentimentScorerService", r.address, i+1, len(resp.GetSentiments()), err)
		}
	}
	return resp.GetSentiments(), nil
}

func explainStatus(err error, timeout time.Duration) string {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable:
		said := contract.Said(err)
		switch {
		case !ofConnection(said):
		case strings.Contains(said, "x509: "):
			return said + "; give the certificate of its authority by --tls-ca, and the name that its certificate bears in --address"
		default:
			return said + "; see whether the scorer runs, whether the address is that of its gRPC port (9090 by default), and whether --tls is needed"
		}
		return "it answers that it cannot score now: " + said
	case codes.DeadlineExceeded:
		return fmt.Sprintf("no answer within %v; give it more by --timeout", timeout)
	case codes.Unimplemented:
		return "the server there does not serve feedback.v1.SentimentScorerService; see whether the address is that of the scorer's gRPC port (9090 by default)"
	default:
		return fmt.Sprintf("%s (%s)", s.Message(), s.Code())
	}
}

// ofConnection tells whether what gRPC says of UNAVAILABLE is of the connection, and not a server's own words.
func ofConnection(said string) bool {
	for _, words := range []string{"connection", "name resolver", "transport", "error reading from server", "EOF", "has no address"} {
		if strings.Contains(said, words) {
			return !strings.HasPrefix(said, "score: ") // as a sentiment-scorer's begin
		}
	}
	return false
}

// head returns the first limit bytes of s, cut between characters.
func head(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
