// Package kafka is how services speak to Kafka, and the only one of their packages that
// imports the client library.
//
// It guarantees: a write is reported done only after every in-sync replica has it
// (acks=all); a consumer's offset is committed only after it was said to be done, by the generation
// that owns the partition, and never goes back; what retention has overtaken is reported.
package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// Record is a Kafka record: topic, partition and offset with key, value, headers and time.
type Record = kafkago.Message

// Header is one header of a Record.
type Header = kafkago.Header

const (
	dialTimeout    = 5 * time.Second
	requestTimeout = 10 * time.Second
	// metadataTTL is how old knowledge of a partition's leader may be: after a leader moves,
	// writes stall about half as long.
	metadataTTL = time.Second
)

// Client is a connection to one cluster, safe for concurrent use.
type Client struct {
	id        string
	servers   []string
	transport *kafkago.Transport
	dialer    *kafkago.Dialer
	api       *kafkago.Client
	few, many *kafkago.Writer // for slices up to fewRecords, and for longer ones
}

// Open returns a client for the cluster that cfg names; clientID tells the broker who
// asks. It connects at first use. An error is one that cfg.Validate gives.
func Open(cfg Config, clientID string) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.EventHubsConnectionString != "" {
		cfg, _ = cfg.eventHubs()
	}
	tlsConfig, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	mechanism, err := cfg.sasl()
	if err != nil {
		return nil, err
	}
	addr := kafkago.TCP(cfg.BootstrapServers...)
	transport := &kafkago.Transport{
		TLS: tlsConfig, SASL: mechanism, ClientID: clientID,
		DialTimeout: dialTimeout, MetadataTTL: metadataTTL, IdleTimeout: time.Minute,
	}
	return &Client{
		id:        clientID,
		servers:   cfg.BootstrapServers,
		transport: transport,
		dialer:    &kafkago.Dialer{ClientID: clientID, Timeout: dialTimeout, TLS: tlsConfig, SASLMechanism: mechanism, DualStack: true},
		api:       &kafkago.Client{Addr: addr, Transport: transport, Timeout: requestTimeout},
		few:       newWriter(addr, transport, fewRecords),
		many:      newWriter(addr, transport, manyRecords),
	}, nil
}

// Close ends the client's connections.
func (c *Client) Close() error {
	err := errors.Join(c.few.Close(), c.many.Close())
	c.transport.CloseIdleConnections()
	return err
}

// Ping asks a broker what it speaks, over the network each time: metadata would come from a
// cache that outlives the broker. Its error says what is wrong and what to do.
func (c *Client) Ping(ctx context.Context) error {
	return c.try(ctx, func() error {
		resp, err := c.api.ApiVersions(ctx, &kafkago.ApiVersionsRequest{})
		if err == nil {
			err = resp.Error
		}
		return err
	})
}

// WaitTopics waits until every topic exists and can be read, and says in the log what it
// waits for. It returns ctx's error if ctx ends first.
func (c *Client) WaitTopics(ctx context.Context, log *slog.Logger, topics ...string) error {
	said := ""
	for {
		missing, err := c.missing(ctx, topics)
		if err == nil && len(missing) == 0 {
			return nil
		}
		now := fmt.Sprintf("topics %v do not exist yet", missing)
		if err != nil {
			now = err.Error()
		}
		if now != said && ctx.Err() == nil {
			log.Warn("waiting for Kafka", "servers", c.servers, "reason", now)
			said = now
		}
		if err := run.Sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

func (c *Client) missing(ctx context.Context, topics []string) ([]string, error) {
	infos, err := c.Topics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range infos {
		if t.Exists {
			continue
		}
		if err := c.hidden(ctx, t.Name); err != nil {
			return nil, fmt.Errorf("describe topic %s: %w", t.Name, Explain(err))
		}
		out = append(out, t.Name)
	}
	return out, nil
}

// try runs f, and once more at once if its connection had died while idle: the library
// does not retry raw requests, so the first one after a broker's restart fails with EOF.
func (c *Client) try(ctx context.Context, f func() error) error {
	err := f()
	if err != nil && ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNetClosed(err)) {
		err = f()
	}
	return Explain(err)
}

func isNetClosed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op != "dial"
}

// Explain adds to an error of the client library what it means and what to do about it,
// where that is not plain from its words. The library reports a refused password as a
// connection that ends. It returns nil for nil.
func Explain(err error) error {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafkago.SASLAuthenticationFailed):
		hint = "the broker refused the user name or password: check the SASL settings"
	case errors.Is(err, kafkago.TopicAuthorizationFailed), errors.Is(err, kafkago.GroupAuthorizationFailed), errors.Is(err, kafkago.ClusterAuthorizationFailed):
		hint = "the broker's ACLs do not allow it: grant the user what docs/acls.md lists"
	case errors.As(err, &authority):
		hint = "the broker's certificate is signed by an authority that is not trusted: set KAFKA_TLS_CA to its PEM bundle"
	case errors.As(err, &invalid):
		hint = "the broker's certificate is not valid: see whether it has expired"
	case errors.As(err, &hostname):
		hint = "the broker's certificate is for another host name: use that name in KAFKA_BOOTSTRAP_SERVERS"
	case errors.As(err, &dns):
		hint = "the host name cannot be resolved: check KAFKA_BOOTSTRAP_SERVERS"
	case strings.Contains(err.Error(), "connection refused"):
		hint = "nothing listens there: check KAFKA_BOOTSTRAP_SERVERS and that the broker runs"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		hint = "the broker closed the connection: it restarts, or a wrong password, or TLS on one side only"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// Servers are the brokers that the client started from.
func (c *Client) Servers() []string { return slices.Clone(c.servers) }
