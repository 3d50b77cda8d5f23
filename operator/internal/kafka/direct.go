package kafka

import (
	"context"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// What follows goes to the brokers as it is written here. The library would answer the first from a cache, which it fills
// with all topics of the cluster, and would send the second once for each partition: in a cluster of many pipelines
// either is most of what an operator asks.

// topicsOf asks any broker for the metadata of its topics, and is answered by described. It creates none.
type topicsOf struct {
	metadata.Request
	version int16
}

// described is not the library's own type, for which it would look into its cache.
type described metadata.Response

// ApiKey makes it an answer about metadata.
func (*described) ApiKey() protocol.ApiKey { return protocol.Metadata }

var _ protocol.RawExchanger = (*topicsOf)(nil)

// Required tells the library to leave the exchange to RawExchange.
func (r *topicsOf) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Metadata]
	return true
}

// RawExchange sends the request and reads its answer, on a connection that nobody else uses meanwhile.
func (r *topicsOf) RawExchange(connection io.ReadWriter) (protocol.Message, error) {
	answer, err := protocol.RoundTrip(connection, r.version, 0, clientID, &r.Request)
	if err != nil {
		return nil, err
	}
	response, ok := answer.(*metadata.Response)
	if !ok {
		return nil, fmt.Errorf("answer to a metadata request is %T", answer)
	}
	return (*described)(response), nil
}

// offsetsOf asks the leader of its partitions, which is the same for all of them, for one offset of each.
type offsetsOf listoffsets.Request

// ApiKey makes it a request for offsets.
func (*offsetsOf) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

// Broker is that leader.
func (r *offsetsOf) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return (*listoffsets.Request)(r).Broker(cluster)
}

// ask sends a request and returns its answer, of type A.
func ask[A protocol.Message](ctx context.Context, c *Client, request protocol.Message) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return try(ctx, c, func() (A, error) {
		answer, err := c.transport.RoundTrip(ctx, c.api.Addr, request)
		a, ok := answer.(A)
		if err == nil && !ok {
			err = fmt.Errorf("answer to %s is %T", request.ApiKey(), answer)
		}
		return a, err
	})
}

// spot is a partition of a topic.
type spot struct {
	topic     string
	partition int
}

// offsets returns an offset of each partition: kafkago.FirstOffset or kafkago.LastOffset. It takes one request for each
// broker that leads some of them.
func (c *Client) offsets(ctx context.Context, which int64, spots []spot) (map[spot]int64, error) {
	leaders, err := c.leaders(ctx, spots)
	if err != nil {
		return nil, err
	}
	requests := map[int]*offsetsOf{}
	for _, s := range spots {
		r := requests[leaders[s]]
		if r == nil {
			r = &offsetsOf{ReplicaID: -1}
			requests[leaders[s]] = r
		}
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Topic != s.topic {
			r.Topics = append(r.Topics, listoffsets.RequestTopic{Topic: s.topic})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, listoffsets.RequestPartition{Partition: int32(s.partition), CurrentLeaderEpoch: -1, Timestamp: which}) //nolint:gosec // a number of a partition
	}
	all := map[spot]int64{}
	for _, r := range requests {
		answer, err := ask[*listoffsets.Response](ctx, c, r)
		if err != nil {
			return nil, err
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return nil, c.explain(fmt.Errorf("partition %d: %w", p.Partition, kafkago.Error(p.ErrorCode)))
				}
				all[spot{t.Topic, int(p.Partition)}] = p.Offset
			}
		}
	}
	return all, nil
}

// leaders returns who leads each partition, as the library knows it for routing.
func (c *Client) leaders(ctx context.Context, spots []spot) (map[spot]int, error) {
	known, err := c.known(ctx, topicNames(spots)...)
	if err != nil {
		return nil, err
	}
	all := map[spot]int{}
	for _, s := range spots {
		leader, ok := known[s]
		if !ok {
			return nil, c.explain(fmt.Errorf("topic %s, partition %d: %w", s.topic, s.partition, kafkago.UnknownTopicOrPartition))
		}
		all[s] = leader
	}
	return all, nil
}

// known are the partitions of topics that the library knows, and who leads each. It learns of changes within metadataTTL.
func (c *Client) known(ctx context.Context, names ...string) (map[spot]int, error) {
	answer, err := ask[*metadata.Response](ctx, c, &metadata.Request{TopicNames: names})
	if err != nil {
		return nil, err
	}
	all := map[spot]int{}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			all[spot{t.Name, int(p.PartitionIndex)}] = int(p.LeaderID)
		}
	}
	return all, nil
}

func topicNames(spots []spot) []string {
	seen, names := map[string]bool{}, []string{}
	for _, s := range spots {
		if !seen[s.topic] {
			seen[s.topic] = true
			names = append(names, s.topic)
		}
	}
	return names
}
