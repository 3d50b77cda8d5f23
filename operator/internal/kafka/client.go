package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	dialTimeout    = 5 * time.Second
	requestTimeout = 10 * time.Second
	// metadataTTL is how often a client asks for the cluster's metadata by itself.
	metadataTTL = 5 * time.Second
	idleTimeout = time.Minute
)

// Client is a connection to one cluster, safe for concurrent use.
type Client struct {
	transport *kafkago.Transport
	api       *kafkago.Client
}

// Open returns a client that connects at first use. An error is one of s, and names the field.
func Open(s Settings) (*Client, error) {
	encryption, err := s.tls()
	if err != nil {
		return nil, err
	}
	mechanism, err := s.sasl()
	if err != nil {
		return nil, err
	}
	transport := &kafkago.Transport{
		TLS: encryption, SASL: mechanism, ClientID: "feedback-pipeline-operator",
		DialTimeout: dialTimeout, MetadataTTL: metadataTTL, IdleTimeout: idleTimeout,
	}
	return &Client{
		transport: transport,
		api:       &kafkago.Client{Addr: kafkago.TCP(s.Servers...), Transport: transport, Timeout: requestTimeout},
	}, nil
}

// Close ends the client's connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// try runs f, and once more at once if its connection had died while idle: the library does not retry, so the first
// request after a broker's restart fails. Its error says what to do.
func try[T any](ctx context.Context, f func() (T, error)) (T, error) {
	v, err := f()
	if err != nil && ctx.Err() == nil && died(err) {
		v, err = f()
	}
	return v, explain(err)
}

// coordinated is try for what only a group's coordinator answers: for some seconds it waits for one to be elected or
// to load, as after a broker's start.
func coordinated[T any](ctx context.Context, f func() (T, error)) (T, error) {
	for attempt := time.Duration(1); ; attempt++ {
		v, err := try(ctx, f)
		passing := errors.Is(err, kafkago.NotCoordinatorForGroup) || errors.Is(err, kafkago.GroupCoordinatorNotAvailable) || errors.Is(err, kafkago.GroupLoadInProgress)
		if !passing || attempt == 6 {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, err
		case <-time.After(attempt * 100 * time.Millisecond):
		}
	}
}

func died(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || (errors.As(err, &op) && op.Op != "dial")
}

// explain adds to an error of the client library what it means and what to do about it, where that is not plain from
// its words. It returns nil for nil.
func explain(err error) error {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var hint string
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafkago.SASLAuthenticationFailed):
		hint = "the broker refused the user name or password: check kafka.sasl and its Secret"
	case Denied(err):
		hint = "the broker's ACLs do not allow it: grant the user what docs/spec/feedbackpipeline.md lists"
	case errors.As(err, &authority):
		hint = "the broker's certificate is signed by an authority that is not trusted: set kafka.tls.caRef"
	case errors.As(err, &hostname):
		hint = "the broker's certificate is for another host name: use that name in kafka.bootstrapServers"
	case errors.As(err, &dns):
		hint = "the host name cannot be resolved: check kafka.bootstrapServers"
	case strings.Contains(err.Error(), "connection refused"):
		hint = "nothing listens there: check kafka.bootstrapServers and that the broker runs"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		hint = "the broker closed the connection: it restarts, or a wrong password, or TLS on one side only"
	case errors.Is(err, context.DeadlineExceeded):
		hint = "the broker did not answer in time"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// Denied tells whether err is that the broker's ACLs do not allow what was asked.
func Denied(err error) bool {
	return errors.Is(err, kafkago.TopicAuthorizationFailed) || errors.Is(err, kafkago.GroupAuthorizationFailed) || errors.Is(err, kafkago.ClusterAuthorizationFailed)
}

// Answered tells whether err is an answer of a broker, rather than that none came.
func Answered(err error) bool {
	var code kafkago.Error
	return errors.As(err, &code) && !code.Temporary()
}
