package kafka

import (
	"context"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// partitionCheck is how often a group's leader compares the topic's partitions with those that it gave out.
const partitionCheck = 3 * time.Second

// counted is a balancer that notes how many partitions it has given out. It is asked only where this member is the
// group's leader.
type counted struct {
	kafkago.GroupBalancer
	given *atomic.Int64
}

// noLeader is what stands in counted.given where another member gives out the partitions.
const noLeader = -1

func (c counted) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	c.given.Store(int64(len(partitions)))
	return c.GroupBalancer.AssignGroups(members, partitions)
}

// watchPartitions returns when the topic has had another number of partitions than given for two checks, or when ctx
// ends. The library watches them too, but counts first when they are given out already: a topic that was made or grew in
// between it would never see, and nobody would read it.
func (c *Client) watchPartitions(ctx context.Context, topic string, given int) {
	for different := 0; different < 2; {
		if run.Sleep(ctx, partitionCheck) != nil {
			return
		}
		switch n, err := c.countPartitions(ctx, topic); {
		case err != nil: // whoever fetches says so
		case n == given:
			different = 0
		default:
			different++
		}
	}
}

// countPartitions is how many partitions the topic has, 0 where it is not there. It is answered from what the client
// knows of the cluster, some seconds old.
func (c *Client) countPartitions(ctx context.Context, topic string) (int, error) {
	meta, err := c.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	t, there := topicOf(meta, topic)
	if !there {
		return 0, nil
	}
	return len(t.Partitions), t.Error
}
