package kafka

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// hidden returns the broker's refusal where the topic that metadata do not show is one that the
// user may not see, and nil where it does not exist or nobody can tell. Metadata leave out what
// may not be seen; offsets are asked for by name.
func (c *Client) hidden(ctx context.Context, topic string) error {
	host, port, err := net.SplitHostPort(c.servers[0])
	if err != nil {
		return nil
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil
	}
	at := kafkago.Partition{Topic: topic, Leader: kafkago.Broker{Host: host, Port: number}} // who leads it does not matter to a refusal
	conn, err := c.dialer.DialPartition(ctx, "tcp", "", at)
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil
	}
	if _, err := conn.ReadFirstOffset(); errors.Is(err, kafkago.TopicAuthorizationFailed) {
		return err
	}
	return nil
}
