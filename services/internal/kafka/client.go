// Package kafka is how services speak to Kafka, and the only one of their packages that
// imports the client library.
//
// It guarantees: a write is reported done only after every in-sync replica has it
// (acks=all); a consumer's offset is committed only after it was said to be done, by the generation
// that owns the partition, and never goes back; what retention has overtaken is reported.
package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
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
	cfg       Config // what was asked for, for what errors say of it
	patience  patience
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
	c := &Client{id: clientID, cfg: cfg, servers: cfg.BootstrapServers}
	base := (&net.Dialer{Timeout: dialTimeout}).DialContext
	dial := c.patience.dial(base)
	transport := &kafkago.Transport{
		Dial: dial, TLS: tlsConfig, SASL: mechanism, ClientID: clientID,
		DialTimeout: dialTimeout, MetadataTTL: metadataTTL, IdleTimeout: time.Minute,
	}
	c.transport, c.patience.try = transport, knock(transport, base)
	c.dialer = &kafkago.Dialer{ClientID: clientID, Timeout: dialTimeout, DialFunc: dial, TLS: tlsConfig, SASLMechanism: mechanism}
	c.api = &kafkago.Client{Addr: addr, Transport: transport, Timeout: requestTimeout}
	c.few, c.many = newWriter(addr, transport, fewRecords), newWriter(addr, transport, manyRecords)
	return c, nil
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

// Check asks a broker, over the network, whether it is there and has all these topics. Its error
// says what is wrong and what to do.
func (c *Client) Check(ctx context.Context, topics ...string) error {
	if err := c.Ping(ctx); err != nil {
		return err
	}
	var meta *kafkago.MetadataResponse
	err := c.try(ctx, func() (err error) {
		meta, err = c.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: topics})
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range topics {
		at := slices.IndexFunc(meta.Topics, func(t kafkago.Topic) bool { return t.Name == name })
		err := error(kafkago.UnknownTopicOrPartition)
		if at >= 0 {
			err = meta.Topics[at].Error
		}
		if errors.Is(err, kafkago.UnknownTopicOrPartition) {
			err = cmp.Or(c.hidden(ctx, name), err)
		}
		if err != nil {
			return fmt.Errorf("topic %s: %w", name, c.explain(err))
		}
	}
	return nil
}

// WaitTopics waits until every topic exists and can be read, and says in the log what it
// waits for. It returns ctx's error if ctx ends first.
func (c *Client) WaitTopics(ctx context.Context, log *slog.Logger, topics ...string) error {
	said := ""
	for failures := 0; ; {
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
		wait := 500 * time.Millisecond
		if err != nil {
			wait = pause(err, failures)
			failures++
		}
		if err := run.Sleep(ctx, wait); err != nil {
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
		if err := c.Hidden(ctx, t.Name); err != nil {
			return nil, err
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
	return c.explain(err)
}

func isNetClosed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op != "dial"
}

// Servers are the brokers that the client started from.
func (c *Client) Servers() []string { return slices.Clone(c.servers) }
