package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// Progress is how far a consumer group has come in its topic.
type Progress struct {
	// Lag is how many records it has still to read.
	Lag int64
	// Overtaken is how many records after its committed offsets were deleted by retention: it will never read them.
	Overtaken int64
	// Committed is the sum of its committed offsets: it grows with each commit.
	Committed int64
}

// Progress returns how far each group has come, by its id.
func (c *Client) Progress(ctx context.Context, groups ...desired.Group) (map[string]Progress, error) {
	var topics []string
	for _, g := range groups {
		topics = append(topics, g.Topic)
	}
	spots, err := c.spots(ctx, topics)
	if err != nil {
		return nil, fmt.Errorf("read the topics' partitions: %w", err)
	}
	ends, err := c.offsets(ctx, kafkago.LastOffset, spots)
	if err != nil {
		return nil, fmt.Errorf("read the topics' offsets: %w", err)
	}
	all := map[string]Progress{}
	for _, g := range groups {
		p, err := c.progress(ctx, g, spots, ends)
		if err != nil {
			return nil, fmt.Errorf("read the offsets of group %s: %w", g.ID, err)
		}
		all[g.ID] = p
	}
	return all, nil
}

// spots are the partitions of topics, topic by topic, each once.
func (c *Client) spots(ctx context.Context, topics []string) ([]spot, error) {
	known, err := c.known(ctx, topics...)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Keys(known), func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	}), nil
}

// progress compares what g has committed with the ends of its topic's partitions. Where it is behind, what retention has
// deleted before it is no lag.
func (c *Client) progress(ctx context.Context, g desired.Group, spots []spot, ends map[spot]int64) (Progress, error) {
	committed, err := c.committed(ctx, g, spots)
	if err != nil {
		return Progress{}, err
	}
	var sum Progress
	var behind []spot
	for s, offset := range committed {
		sum.Committed += offset
		if offset < ends[s] {
			behind = append(behind, s)
		}
	}
	if len(behind) == 0 {
		return sum, nil
	}
	first, err := c.offsets(ctx, kafkago.FirstOffset, behind)
	if err != nil {
		return Progress{}, err
	}
	for _, s := range behind {
		sum.Lag += max(0, ends[s]-max(committed[s], first[s]))
		if committed[s] > 0 { // one that never committed begins where it is told to
			sum.Overtaken += max(0, first[s]-committed[s])
		}
	}
	return sum, nil
}

// committed is what g has committed of each partition of its topic; 0 where it never did.
func (c *Client) committed(ctx context.Context, g desired.Group, spots []spot) (map[spot]int64, error) {
	req, all := &kafkago.OffsetFetchRequest{GroupID: g.ID, Topics: map[string][]int{}}, map[spot]int64{}
	for _, s := range spots {
		if s.topic == g.Topic {
			req.Topics[g.Topic] = append(req.Topics[g.Topic], s.partition)
			all[s] = 0
		}
	}
	resp, err := coordinated(ctx, c, func() (*kafkago.OffsetFetchResponse, error) {
		r, err := c.api.OffsetFetch(ctx, req)
		if err == nil {
			err = r.Error
		}
		return r, err
	})
	if errors.Is(err, kafkago.GroupIdNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range resp.Topics[g.Topic] {
		if p.Error != nil {
			return nil, c.explain(p.Error)
		}
		all[spot{g.Topic, p.Partition}] = max(0, p.CommittedOffset)
	}
	return all, nil
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
