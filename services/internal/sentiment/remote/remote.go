// Package remote scores by a server that implements SentimentScorerService, whoever wrote it and in whatever language:
// another scorer of this project is one.
//
// It guarantees what every backend does: one sentiment for each document, in the documents' order. While the server
// cannot be reached, is too slow or answers what the contract forbids, nothing is scored and the error says so, so that
// consumption stops and lag grows; a document that the server refuses for itself is unscored with the server's reason.
package remote

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // a server that says it is not serving is asked nothing
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// Name is what the backend is called, and the model of a sentiment whose server names none.
const Name = "grpc"

// Limits of a request: those of the contract, and what a server written with gRPC's defaults takes (4 MB a message).
const (
	// MaxDocuments is the most that a request may hold.
	MaxDocuments = 1_000

	maxText    = 40_000    // bytes of a text
	maxRequest = 3_000_000 // bytes of all texts together
)

// What holds where Options say nothing. A hundred short texts are little enough for a transformer on a processor to score
// in a few seconds.
const (
	DefaultTimeout   = 5 * time.Second
	DefaultDocuments = 100
)

// Options say which server, and how it is reached.
type Options struct {
	// Address is host:port, such as scorer.nlp:9090 or [::1]:9090. Every address that the name has gets its share of the
	// requests, those that are not serving by gRPC's health protocol excepted.
	Address string
	// TLS is how the server proves who it is; nil speaks plain text.
	TLS *tls.Config
	// Timeout is how long a request may take, its retries included; default DefaultTimeout.
	Timeout time.Duration
	// Documents is how many of them one request holds at most, up to MaxDocuments; default DefaultDocuments.
	Documents int
	// Setting is where these options stand in the manifest, for errors; default spec.scorer.grpc.
	Setting string
	// Identify tells the language of a text of which the server names none, from the text and what its source says; nil
	// believes the source.
	Identify func(text, source string) *feedbackv1.Language
}

// Backend scores by a server. It is safe for concurrent use.
type Backend struct {
	address   string
	setting   string
	timeout   time.Duration
	documents int
	identify  func(text, source string) *feedbackv1.Language
	conn      *grpc.ClientConn
	client    feedbackv1.SentimentScorerServiceClient
}

// services asks each address in turn, those that are serving, and asks again where a server was not there. A request
// that timed out or was refused is not repeated here: the loop that called does, and says so in its health.
const services = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "healthCheckConfig": {"serviceName": "feedback.v1.SentimentScorerService"},
  "methodConfig": [{
    "name": [{"service": "feedback.v1.SentimentScorerService"}],
    "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}
  }]
}`

// Open returns a backend of the server at o.Address. It does no I/O: a server that is not there is an error of Score.
func Open(o Options) (*Backend, error) {
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return nil, fmt.Errorf("address %q of the scoring server: write it as host:port, such as scorer.nlp:9090", o.Address)
	}
	secure := insecure.NewCredentials()
	if o.TLS != nil {
		secure = credentials.NewTLS(o.TLS)
	}
	conn, err := grpc.NewClient("dns:///"+o.Address,
		grpc.WithTransportCredentials(secure),
		grpc.WithDefaultServiceConfig(services),
		grpc.WithDisableServiceConfig(), // what stands in DNS does not change how we ask
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)
	if err != nil {
		return nil, fmt.Errorf("address %q of the scoring server: %w", o.Address, err)
	}
	b := &Backend{address: o.Address, setting: cmp.Or(o.Setting, "spec.scorer.grpc"), timeout: DefaultTimeout, documents: DefaultDocuments, identify: believe, conn: conn, client: feedbackv1.NewSentimentScorerServiceClient(conn)}
	if o.Identify != nil {
		b.identify = o.Identify
	}
	if o.Timeout > 0 {
		b.timeout = o.Timeout
	}
	if o.Documents > 0 {
		b.documents = min(o.Documents, MaxDocuments)
	}
	return b, nil
}

// Close ends the connections.
func (b *Backend) Close() error { return b.conn.Close() }

// Score asks the server, in several requests where one would be over its limits. Of a text longer than 40,000 bytes the
// head is scored.
func (b *Backend) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	out := make([]*feedbackv1.Sentiment, 0, len(documents))
	for len(documents) > 0 {
		n := b.fitting(documents)
		sentiments, err := b.ask(ctx, documents[:n])
		if err != nil {
			return nil, err
		}
		out, documents = append(out, sentiments...), documents[n:]
	}
	return out, nil
}

// fitting is how many of the documents, one at least, one request holds.
func (b *Backend) fitting(documents []sentiment.Document) int {
	bytes := 0
	for i, d := range documents {
		bytes += min(len(d.Text), maxText)
		if i == b.documents || i > 0 && bytes > maxRequest {
			return i
		}
	}
	return len(documents)
}

// ask sends one request, and what of it the server refuses for what it holds is unscored.
func (b *Backend) ask(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	sentiments, err := Apart(documents, func(part []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
		return b.request(ctx, part)
	}, b.refused)
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	return sentiments, nil
}

func (b *Backend) refused(d sentiment.Document, err error) *feedbackv1.Sentiment {
	return Refused(b.address, d, err, b.identify)
}

// Refused is the sentiment of a document that the server at an address refused for what it is; nil where err has other
// causes.
func Refused(address string, d sentiment.Document, err error, identify func(text, source string) *feedbackv1.Language) *feedbackv1.Sentiment {
	if c := status.Code(err); c != codes.InvalidArgument && c != codes.OutOfRange {
		return nil
	}
	return sentiment.Unscored(Name, identify(d.Text, d.Language), feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED,
		Clip(fmt.Sprintf("%s refused it: %s", address, status.Convert(err).Message()), maxDetail))
}

func (b *Backend) request(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	request := &feedbackv1.ScoreRequest{Documents: make([]*feedbackv1.Document, len(documents))}
	for i, d := range documents {
		request.Documents[i] = &feedbackv1.Document{Text: head(d.Text), Language: d.Language, Kind: d.Kind}
	}
	answer, err := b.client.Score(ctx, request)
	if err != nil {
		return nil, err
	}
	sentiments := answer.GetSentiments()
	if len(sentiments) != len(documents) {
		return nil, fmt.Errorf("it gave %d sentiments for %d documents; the contract is one for each, in their order", len(sentiments), len(documents))
	}
	for i, s := range sentiments {
		if sentiments[i], err = Complete(s, documents[i], b.identify); err != nil {
			return nil, fmt.Errorf("sentiment %d of %d: %w", i+1, len(sentiments), err)
		}
	}
	sentiment.Progress(ctx)
	return sentiments, nil
}

// head is what of a text is sent: valid UTF-8, which Protobuf demands, of at most maxText bytes.
func head(text string) string {
	return strings.ToValidUTF8(Clip(text, maxText), "")
}

// Complete returns a server's sentiment of a document with what it left out, its language by identify and its model, or says
// what of it breaks the contract: score and confidence are in 0..1, and without a score there is a reason.
func Complete(s *feedbackv1.Sentiment, d sentiment.Document, identify func(text, source string) *feedbackv1.Language) (*feedbackv1.Sentiment, error) {
	switch {
	case s == nil:
		return nil, errors.New("it is empty")
	case s.Score != nil && !share(s.GetScore()):
		return nil, fmt.Errorf("its score is %v; a score is 0 (very negative) to 1 (very positive)", s.GetScore())
	case s.Score == nil && s.GetUnscoredReason() == feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED:
		return nil, errors.New("it has neither score nor unscored_reason")
	case !share(s.GetLanguage().GetConfidence()):
		return nil, fmt.Errorf("the confidence of its language is %v; a confidence is 0 to 1", s.GetLanguage().GetConfidence())
	case feedbackv1.Label_name[int32(s.GetLabel())] == "":
		return nil, fmt.Errorf("its label is %d, which is none; leave it out, or take one of LABEL_NEGATIVE, LABEL_NEUTRAL, LABEL_POSITIVE", s.GetLabel())
	}
	if tag := s.GetLanguage().GetTag(); tag != sentiment.Undetermined {
		if known, err := sentiment.AssumedLanguage(tag); err != nil || known == "" {
			s.Language = identify(d.Text, d.Language)
		} else {
			s.Language.Tag = known
		}
	}
	if s.GetModel() == "" {
		s.Model = Name
	}
	s.Model, s.UnscoredDetail = Clip(s.GetModel(), maxModel), Clip(s.GetUnscoredDetail(), maxDetail)
	return s, nil
}

// share tells whether a number is one from 0 to 1, which NaN is not.
func share(v float64) bool { return v >= 0 && v <= 1 }

// maxModel and maxDetail are how many bytes of a server's own words stand in a record.
const (
	maxModel  = 200
	maxDetail = 1_000
)

// Clip returns the first bytes of s, at most n, cut between characters.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// believe is the language that a text's source names.
func believe(_, source string) *feedbackv1.Language {
	if source == "" {
		return &feedbackv1.Language{Tag: sentiment.Undetermined}
	}
	return &feedbackv1.Language{Tag: source, Confidence: 1, Origin: feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_SOURCE}
}

// explain says what an error means and what to do.
func (b *Backend) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	remedy := ""
	switch status.Code(err) {
	case codes.Unavailable:
		if strings.Contains(err.Error(), "x509: ") {
			remedy = fmt.Sprintf("; give the authority of its certificate as %s.tls.caRef, and the name that it bears in %[1]s.address", b.setting)
			break
		}
		remedy = fmt.Sprintf("; is it running, is %s.address right, and does it speak TLS exactly where %[1]s.tls is set?", b.setting)
	case codes.DeadlineExceeded:
		remedy = fmt.Sprintf("; it took longer than %s: give it more replicas, raise %s.timeout or lower maxDocuments", b.timeout, b.setting)
	case codes.Unimplemented:
		remedy = "; it does not implement feedback.v1.SentimentScorerService/Score"
	case codes.Unauthenticated, codes.PermissionDenied:
		remedy = "; it refuses who we are: does it ask for a client certificate?"
	case codes.ResourceExhausted:
		remedy = "; it is over its limits: give it more replicas, or let it take messages of 4 MB"
	}
	return fmt.Errorf("the scoring server %s: %s%s%w", b.address, Said(err), remedy, quiet{err})
}

// Said is what an error of a request says in words, at most 1,000 bytes of a server's own: of several tries the last, with
// the code unless it is UNAVAILABLE, which says nothing that the caller does not.
func Said(err error) string {
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	said := s.Message()
	const last = "rpc error: code = Unavailable desc = "
	if i := strings.LastIndex(said, last); i >= 0 {
		said = said[i+len(last):]
	}
	if said == "no children to pick from" { // gRPC's words
		said = "its name has no address"
	}
	said = Clip(strings.ToValidUTF8(said, ""), maxDetail)
	switch {
	case said == "":
		return s.Code().String()
	case s.Code() == codes.Unavailable:
		return said
	}
	return s.Code().String() + ": " + said
}

// quiet is an error whose text, which was told in other words, is left out.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }
