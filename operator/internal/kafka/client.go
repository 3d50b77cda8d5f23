package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	clientID = "feedback-pipeline-operator"

	dialTimeout    = 5 * time.Second
	requestTimeout = 10 * time.Second
	// metadataTTL is how often a client asks for the cluster's metadata by itself.
	metadataTTL = 5 * time.Second
	idleTimeout = time.Minute
)

// Client is a connection to one cluster, safe for concurrent use.
type Client struct {
	settings  Settings
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
		TLS: encryption, SASL: mechanism, ClientID: clientID,
		DialTimeout: dialTimeout, MetadataTTL: metadataTTL, IdleTimeout: idleTimeout,
	}
	return &Client{
		settings:  s,
		transport: transport,
		api:       &kafkago.Client{Addr: kafkago.TCP(s.Servers...), Transport: transport, Timeout: requestTimeout},
	}, nil
}

// Close ends the client's connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// try runs f, and once more at once if its connection had died while idle: the library does not retry, so the first
// request after a broker's restart fails. Its error says what to do.
func try[T any](ctx context.Context, c *Client, f func() (T, error)) (T, error) {
	v, err := f()
	if err != nil && ctx.Err() == nil && died(err) {
		v, err = f()
	}
	return v, c.explain(err)
}

// coordinated is try for what only a group's coordinator answers: for some seconds it waits for one to be elected or
// to load, as after a broker's start.
func coordinated[T any](ctx context.Context, c *Client, f func() (T, error)) (T, error) {
	for attempt := time.Duration(1); ; attempt++ {
		v, err := try(ctx, c, f)
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
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || (errors.As(err, &op) && op.Op != "dial" && op.Op != "remote error")
}
