package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Hidden returns the broker's refusal where a topic that is not there for Topics is one that the
// user may not see; nil where it does not exist or nobody can tell.
func (c *Client) Hidden(ctx context.Context, topic string) error {
	if err := c.hidden(ctx, topic); err != nil {
		return fmt.Errorf("describe topic %s: %w", topic, c.explain(err))
	}
	return nil
}

// hidden returns the broker's refusal where the topic that metadata do not show is one that the
// user may not see, and nil where it does not exist or nobody can tell. Metadata leave out what
// may not be seen; offsets are asked for by name, and whoever is asked refuses.
func (c *Client) hidden(ctx context.Context, topic string) error {
	for _, server := range c.servers {
		switch err := c.askFor(ctx, server, topic); {
		case errors.Is(err, kafkago.TopicAuthorizationFailed):
			return err
		case errors.Is(err, kafkago.UnknownTopicOrPartition):
			return nil
		}
	}
	return nil
}

// askFor asks the broker at server for an offset of the topic and returns its error.
func (c *Client) askFor(ctx context.Context, server, topic string) error {
	host, text, err := net.SplitHostPort(server)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	at := kafkago.Partition{Topic: topic, Leader: kafkago.Broker{Host: host, Port: port}}
	conn, err := c.dialer.DialPartition(ctx, "tcp", "", at)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	_, err = conn.ReadFirstOffset()
	return err
}
