package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// TopicInfo is a topic as the cluster has it.
type TopicInfo struct {
	Name       string
	Exists     bool
	Partitions []PartitionInfo
}

// PartitionInfo is a partition's bounds: First is the oldest offset that is still there,
// End the one that the next record gets.
type PartitionInfo struct {
	ID         int
	First, End int64
}

// PartitionLag is how far a group is in a partition. Committed is -1 where it has
// committed nothing.
type PartitionLag struct {
	Partition             int
	First, End, Committed int64
}

// Lag is how many records the group has still to read; from the first one on where it has
// committed nothing.
func (l PartitionLag) Lag() int64 { return l.End - max(l.Committed, l.First) }

// Topics describes the named topics in the order of names; one that is not there has
// Exists false.
func (c *Client) Topics(ctx context.Context, names ...string) ([]TopicInfo, error) {
	var meta *kafkago.MetadataResponse
	err := c.try(ctx, func() (err error) {
		meta, err = c.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: names})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]TopicInfo, len(names))
	for i, name := range names {
		out[i] = TopicInfo{Name: name}
		t, there := topicOf(meta, name)
		if !there {
			continue
		}
		if t.Error != nil {
			return nil, fmt.Errorf("describe topic %s: %w", name, c.explain(t.Error))
		}
		if out[i].Partitions, err = c.bounds(ctx, name, t.Partitions); err != nil {
			return nil, fmt.Errorf("read offsets of topic %s: %w", name, err)
		}
		out[i].Exists = true
	}
	return out, nil
}

// topicOf is what an answer says of a topic; false where it is not there. Its Error may be set.
func topicOf(meta *kafkago.MetadataResponse, name string) (kafkago.Topic, bool) {
	at := slices.IndexFunc(meta.Topics, func(t kafkago.Topic) bool { return t.Name == name })
	if at < 0 || errors.Is(meta.Topics[at].Error, kafkago.UnknownTopicOrPartition) {
		return kafkago.Topic{}, false
	}
	return meta.Topics[at], true
}

func (c *Client) bounds(ctx context.Context, topic string, partitions []kafkago.Partition) ([]PartitionInfo, error) {
	var req []kafkago.OffsetRequest
	for _, p := range partitions {
		req = append(req, kafkago.FirstOffsetOf(p.ID), kafkago.LastOffsetOf(p.ID))
	}
	list, err := c.listOffsets(ctx, topic, req)
	if err != nil {
		return nil, err
	}
	var out []PartitionInfo
	for _, p := range list {
		out = append(out, PartitionInfo{ID: p.Partition, First: max(p.FirstOffset, 0), End: max(p.LastOffset, 0)})
	}
	slices.SortFunc(out, func(a, b PartitionInfo) int { return a.ID - b.ID })
	return out, nil
}

// listOffsets asks the partitions' leaders. A leader that has just moved, or is being elected,
// is looked for again for some seconds.
func (c *Client) listOffsets(ctx context.Context, topic string, req []kafkago.OffsetRequest) ([]kafkago.PartitionOffsets, error) {
	for attempt := 0; ; attempt++ {
		list, err := c.listOffsetsOnce(ctx, topic, req)
		var refused kafkago.Error
		if attempt == 8 || !errors.As(err, &refused) || !refused.Temporary() {
			return list, err
		}
		if run.Sleep(ctx, backOff(attempt)) != nil {
			return nil, err
		}
	}
}

func (c *Client) listOffsetsOnce(ctx context.Context, topic string, req []kafkago.OffsetRequest) ([]kafkago.PartitionOffsets, error) {
	var resp *kafkago.ListOffsetsResponse
	err := c.try(ctx, func() (err error) {
		resp, err = c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: req}})
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range resp.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("partition %d: %w", p.Partition, c.explain(p.Error))
		}
	}
	return resp.Topics[topic], nil
}

// Lag tells how far the group is in each partition of the topic, exactly: committed offsets
// against the ends.
func (c *Client) Lag(ctx context.Context, group, topic string) ([]PartitionLag, error) {
	infos, err := c.Topics(ctx, topic)
	if err != nil {
		return nil, err
	}
	if !infos[0].Exists {
		return nil, fmt.Errorf("topic %s does not exist", topic)
	}
	var ids []int
	for _, p := range infos[0].Partitions {
		ids = append(ids, p.ID)
	}
	committed, err := c.committed(ctx, group, topic, ids)
	if err != nil {
		return nil, err
	}
	var out []PartitionLag
	for _, p := range infos[0].Partitions {
		out = append(out, PartitionLag{Partition: p.ID, First: p.First, End: p.End, Committed: committed[p.ID]})
	}
	return out, nil
}

// committed gives the group's offset for each of the partitions, -1 where it has none.
func (c *Client) committed(ctx context.Context, group, topic string, partitions []int) (map[int]int64, error) {
	var resp *kafkago.OffsetFetchResponse
	err := c.try(ctx, func() (err error) {
		resp, err = c.api.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: partitions}})
		if err == nil {
			err = resp.Error
		}
		return err
	})
	out := map[int]int64{}
	for _, p := range partitions {
		out[p] = -1
	}
	if errors.Is(err, kafkago.GroupIdNotFound) { // what some brokers say of a group that has committed nothing
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	for _, p := range resp.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("read offset of group %s in %s[%d]: %w", group, topic, p.Partition, c.explain(p.Error))
		}
		out[p.Partition] = p.CommittedOffset
	}
	return out, nil
}

// Groups lists the consumer groups whose names begin with prefix, sorted.
func (c *Client) Groups(ctx context.Context, prefix string) ([]string, error) {
	var out []string
	err := c.try(ctx, func() error {
		resp, err := c.api.ListGroups(ctx, &kafkago.ListGroupsRequest{})
		if err == nil {
			err = resp.Error
		}
		if err != nil {
			return err
		}
		out = out[:0]
		for _, g := range resp.Groups {
			if strings.HasPrefix(g.GroupID, prefix) {
				out = append(out, g.GroupID)
			}
		}
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// Scan calls f with every record of the topic, from the first to the end as it is now,
// partition after partition, in order within each. It stops at f's first error.
func (c *Client) Scan(ctx context.Context, topic string, f func(Record) error) error {
	infos, err := c.Topics(ctx, topic)
	if err != nil {
		return err
	}
	if !infos[0].Exists {
		return fmt.Errorf("topic %s does not exist", topic)
	}
	for _, p := range infos[0].Partitions {
		if err := c.scanPartition(ctx, topic, p, f); err != nil {
			return fmt.Errorf("scan %s[%d]: %w", topic, p.ID, err)
		}
	}
	return nil
}

// ScanAll is Scan of all partitions at once: f is called by a goroutine for each, so that it
// must be safe for concurrent use. The order holds within a partition.
func (c *Client) ScanAll(ctx context.Context, topic string, f func(Record) error) error {
	infos, err := c.Topics(ctx, topic)
	if err != nil {
		return err
	}
	if !infos[0].Exists {
		return fmt.Errorf("topic %s does not exist", topic)
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, p := range infos[0].Partitions {
		all.Go(func() error {
			if err := c.scanPartition(ctx, topic, p, f); err != nil {
				return fmt.Errorf("scan %s[%d]: %w", topic, p.ID, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// ScanSince is Scan from the offset of each partition that from names, from the first of a partition that it does not
// name. It returns where each partition ended, from which the next call goes on; with an error, from unchanged.
//
// All that was acknowledged before the call is handed to f.
func (c *Client) ScanSince(ctx context.Context, topic string, from map[int]int64, f func(Record) error) (map[int]int64, error) {
	info, err := c.existing(ctx, topic)
	if err != nil {
		return from, err
	}
	ends := map[int]int64{}
	for _, p := range info.Partitions {
		p.First = max(p.First, from[p.ID])
		if err := c.scanPartition(ctx, topic, p, f); err != nil {
			return from, fmt.Errorf("scan %s[%d]: %w", topic, p.ID, err)
		}
		ends[p.ID] = max(p.End, from[p.ID])
	}
	return ends, nil
}

func (c *Client) scanPartition(ctx context.Context, topic string, p PartitionInfo, f func(Record) error) error {
	fetch := &fetcher{client: c, topic: topic, partition: p.ID, offset: p.First}
	defer fetch.close()
	for failures := 0; fetch.offset < p.End; {
		recs, err := fetch.next(ctx)
		if err != nil {
			if failures++; failures > 5 || ctx.Err() != nil {
				return err
			}
			if err := run.Sleep(ctx, backOff(failures)); err != nil {
				return err
			}
			continue
		}
		failures = 0
		for _, r := range recs {
			if r.Offset >= p.End {
				return nil
			}
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tail calls f with the records of all partitions of the topic as they come, from the first
// that is there or from now on, in order within a partition. It returns nil when ctx ends,
// or f's first error. Partitions that are added later are not seen.
func (c *Client) Tail(ctx context.Context, topic string, from Start, f func(Record) error) error {
	info, err := c.existing(ctx, topic)
	if err != nil {
		return err
	}
	starts := map[int]int64{}
	for _, p := range info.Partitions {
		starts[p.ID] = p.First
		if from == Latest {
			starts[p.ID] = p.End
		}
	}
	return c.tail(ctx, topic, starts, f)
}

// tail follows the partitions from the offsets given.
func (c *Client) tail(ctx context.Context, topic string, starts map[int]int64, f func(Record) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := make(chan []Record)
	for id, at := range starts {
		fetch := &fetcher{client: c, topic: topic, partition: id, offset: at}
		go fetch.run(ctx, out, func(error) {})
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case recs := <-out:
			for _, r := range recs {
				if err := f(r); err != nil {
					return err
				}
			}
		}
	}
}
