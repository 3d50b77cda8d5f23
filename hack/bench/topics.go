package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// topics are those of one run of a row.
type topics struct{ in, out, dead, state string }

func (t topics) all() []string { return []string{t.in, t.out, t.dead, t.state} }

// cluster is the Kafka that all rows use.
type cluster struct {
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
	made      int
}

func connect(bootstrap string) (*cluster, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(1000))
	if err != nil {
		return nil, err
	}
	return &cluster{bootstrap: bootstrap, client: client, admin: kadm.NewClient(client)}, nil
}

// create makes fresh topics.
func (c *cluster) create(ctx context.Context, row string) (topics, error) {
	c.made++
	name := fmt.Sprintf("bench%d.%s.", c.made, row)
	t := topics{in: name + "feedback", out: name + "scored", dead: name + "dead-letters", state: name + "state"}
	made, err := c.admin.CreateTopics(ctx, partitions, 1, nil, t.all()...)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		return t, err
	}
	return t, until(ctx, 10*time.Second, func() error { // the broker has leaders a moment later
		_, err := c.ends(ctx, t.all()...)
		return err
	})
}

func (c *cluster) remove(ctx context.Context, t topics) {
	_, _ = c.admin.DeleteTopics(ctx, t.all()...) // the broker's folder goes at the end in any case
}

// fill appends n records, as whole blocks, and returns how many they are.
func (c *cluster) fill(ctx context.Context, topic string, b *block, n int) (int, error) {
	details, err := c.admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, err
	}
	filled := 0
	for ; filled < n; filled += b.records {
		g, ctx := errgroup.WithContext(ctx)
		for p, batches := range b.batches {
			g.Go(func() error {
				for _, batch := range batches {
					if err := c.append(ctx, details[topic], p, batch); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return filled, fmt.Errorf("fill %s: %w", topic, err)
		}
	}
	return filled, nil
}

// append writes one batch as it is.
func (c *cluster) append(ctx context.Context, topic kadm.TopicDetail, partition int, batch []byte) error {
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = int32(partition), batch
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic.Topic, topic.ID, []kmsg.ProduceRequestTopicPartition{p}
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis, request.Topics = -1, 10_000, []kmsg.ProduceRequestTopic{t}
	response, err := c.client.Broker(int(topic.Partitions[int32(partition)].Leader)).Request(ctx, request)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
}

// ends is how many records the topics have had.
func (c *cluster) ends(ctx context.Context, topics ...string) (int64, error) {
	offsets, err := c.admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return 0, err
	}
	var n int64
	offsets.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, nil
}

// warmUp has the broker make its topic of offsets, which the first group would wait for.
func (c *cluster) warmUp(ctx context.Context) error {
	g, err := c.gate(ctx, "warm-up", "warm-up")
	if err != nil {
		return err
	}
	return g.open(ctx, 0)
}

// gate is a member of a group that holds back all others until it is opened, so that they begin together,
// in one generation: it has joined first, and does not join again.
type gate struct {
	client        *kgo.Client
	group, member string
	generation    int32
}

const gateTimeout = time.Minute

func (c *cluster) gate(ctx context.Context, group, topic string) (*gate, error) {
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name = "range"
	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics = []string{topic}
	protocol.Metadata = metadata.AppendTo(nil)
	request := kmsg.NewPtrJoinGroupRequest()
	request.Group, request.ProtocolType = group, "consumer"
	request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = int32(gateTimeout.Milliseconds()), int32(gateTimeout.Milliseconds())
	request.Protocols = []kmsg.JoinGroupRequestProtocol{protocol}
	for {
		response, err := request.RequestWith(ctx, c.client)
		if err != nil {
			return nil, err
		}
		err = kerr.ErrorForCode(response.ErrorCode)
		if errors.Is(err, kerr.MemberIDRequired) {
			request.MemberID = response.MemberID
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("join group %s: %w", group, err)
		}
		return (&gate{client: c.client, group: group, member: response.MemberID, generation: response.Generation}).sync(ctx)
	}
}

// sync ends the gate's own rebalance with an empty assignment.
func (g *gate) sync(ctx context.Context) (*gate, error) {
	request := kmsg.NewPtrSyncGroupRequest()
	request.Group, request.MemberID, request.Generation = g.group, g.member, g.generation
	kind, protocol := "consumer", "range"
	request.ProtocolType, request.Protocol = &kind, &protocol
	assignment := kmsg.NewSyncGroupRequestGroupAssignment()
	assignment.MemberID = g.member
	empty := kmsg.NewConsumerMemberAssignment()
	assignment.MemberAssignment = empty.AppendTo(nil)
	request.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{assignment}
	response, err := request.RequestWith(ctx, g.client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	return g, err
}

// open waits until so many others want to join, and lets them.
func (g *gate) open(ctx context.Context, members int) error {
	if err := until(ctx, gateTimeout/2, func() error {
		groups, err := kadm.NewClient(g.client).DescribeGroups(ctx, g.group)
		if err != nil {
			return err
		}
		if n := len(groups[g.group].Members) - 1; n < members {
			return fmt.Errorf("%d of %d members have come to group %s", n, members, g.group)
		}
		return nil
	}); err != nil {
		return err
	}
	leaving := kmsg.NewLeaveGroupRequestMember()
	leaving.MemberID = g.member
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group, request.Members = g.group, []kmsg.LeaveGroupRequestMember{leaving}
	response, err := request.RequestWith(ctx, g.client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	return err
}

// until calls f every 10 ms until it returns nil; after limit it returns f's last error.
func until(ctx context.Context, limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %w", limit, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
