package kafka

import (
	"context"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// Progress is how far a consumer group has come in its topic.
type Progress struct {
	// Lag is how many records it has still to read.
	Lag int64
	// Committed is the sum of its committed offsets: it grows with each commit.
	Committed int64
}

// Progress returns how far each group has come, by its id.
func (c *Client) Progress(ctx context.Context, groups ...desired.Group) (map[string]Progress, error) {
	bounds := map[string]map[int]kafkago.PartitionOffsets{}
	all := map[string]Progress{}
	for _, g := range groups {
		if bounds[g.Topic] == nil {
			b, err := c.bounds(ctx, g.Topic)
			if err != nil {
				return nil, fmt.Errorf("read the offsets of topic %s: %w", g.Topic, err)
			}
			bounds[g.Topic] = b
		}
		p, err := c.progress(ctx, g, bounds[g.Topic])
		if err != nil {
			return nil, fmt.Errorf("read the offsets of group %s: %w", g.ID, err)
		}
		all[g.ID] = p
	}
	return all, nil
}

// bounds are the first and last offsets of a topic's partitions.
func (c *Client) bounds(ctx context.Context, topic string) (map[int]kafkago.PartitionOffsets, error) {
	meta, err := try(ctx, c, func() (*kafkago.MetadataResponse, error) {
		return c.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
	})
	if err != nil {
		return nil, err
	}
	req := &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{}}
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, c.explain(t.Error)
		}
		for _, p := range t.Partitions {
			req.Topics[topic] = append(req.Topics[topic], kafkago.FirstOffsetOf(p.ID), kafkago.LastOffsetOf(p.ID))
		}
	}
	resp, err := try(ctx, c, func() (*kafkago.ListOffsetsResponse, error) { return c.api.ListOffsets(ctx, req) })
	if err != nil {
		return nil, err
	}
	all := map[int]kafkago.PartitionOffsets{}
	for _, p := range resp.Topics[topic] {
		if p.Error != nil {
			return nil, c.explain(p.Error)
		}
		all[p.Partition] = p
	}
	return all, nil
}

func (c *Client) progress(ctx context.Context, g desired.Group, bounds map[int]kafkago.PartitionOffsets) (Progress, error) {
	req := &kafkago.OffsetFetchRequest{GroupID: g.ID, Topics: map[string][]int{}}
	for p := range bounds {
		req.Topics[g.Topic] = append(req.Topics[g.Topic], p)
	}
	resp, err := coordinated(ctx, c, func() (*kafkago.OffsetFetchResponse, error) {
		r, err := c.api.OffsetFetch(ctx, req)
		if err == nil {
			err = r.Error
		}
		return r, err
	})
	if err != nil && !errors.Is(err, kafkago.GroupIdNotFound) {
		return Progress{}, err
	}
	committed := map[int]int64{}
	for _, p := range resp.Topics[g.Topic] {
		if p.Error != nil {
			return Progress{}, c.explain(p.Error)
		}
		committed[p.Partition] = max(0, p.CommittedOffset)
	}
	var sum Progress
	for id, b := range bounds {
		sum.Lag += max(0, b.LastOffset-max(committed[id], b.FirstOffset))
		sum.Committed += committed[id]
	}
	return sum, nil
}

// DeleteGroup deletes a consumer group; one that is not known is no error, one that still has members is.
func (c *Client) DeleteGroup(ctx context.Context, id string) error {
	_, err := coordinated(ctx, c, func() (*kafkago.DeleteGroupsResponse, error) {
		r, err := c.api.DeleteGroups(ctx, &kafkago.DeleteGroupsRequest{GroupIDs: []string{id}})
		if err == nil {
			err = r.Errors[id]
		}
		return r, err
	})
	if err != nil && !errors.Is(err, kafkago.GroupIdNotFound) {
		return fmt.Errorf("delete group %s: %w", id, err)
	}
	return nil
}
