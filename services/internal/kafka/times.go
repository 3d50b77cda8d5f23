package kafka

import (
	"context"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// OffsetsAt finds by the brokers' index where each partition of the topic was at a time: the
// offset of its first record that is as old or newer, the end where there is none. Records
// that stand behind it may be older where their writers' clocks disagree.
func (c *Client) OffsetsAt(ctx context.Context, topic string, at time.Time) (map[int]int64, error) {
	info, err := c.existing(ctx, topic)
	if err != nil {
		return nil, err
	}
	return c.offsetsAt(ctx, info, at)
}

func (c *Client) offsetsAt(ctx context.Context, info TopicInfo, at time.Time) (map[int]int64, error) {
	if at.UnixMilli() < 0 { // the protocol's numbers below 0 have meanings of their own
		at = time.UnixMilli(0)
	}
	var req []kafkago.OffsetRequest
	out := make(map[int]int64, len(info.Partitions))
	for _, p := range info.Partitions {
		req = append(req, kafkago.TimeOffsetOf(p.ID, at))
		out[p.ID] = p.End
	}
	list, err := c.listOffsets(ctx, info.Name, req)
	if err != nil {
		return nil, fmt.Errorf("find offsets of topic %s at %s: %w", info.Name, at.UTC().Format(time.RFC3339), err)
	}
	for _, p := range list {
		for offset := range p.Offsets { // one, or -1 for none
			if offset >= 0 {
				out[p.Partition] = min(offset, out[p.Partition])
			}
		}
	}
	return out, nil
}

// existing describes a topic that has to be there.
func (c *Client) existing(ctx context.Context, topic string) (TopicInfo, error) {
	infos, err := c.Topics(ctx, topic)
	if err != nil {
		return TopicInfo{}, err
	}
	if !infos[0].Exists {
		return TopicInfo{}, fmt.Errorf("topic %s does not exist", topic)
	}
	return infos[0], nil
}

// ScanFrom is Scan from a time on: see OffsetsAt. The zero time scans all.
func (c *Client) ScanFrom(ctx context.Context, topic string, at time.Time, f func(Record) error) error {
	info, err := c.existing(ctx, topic)
	if err != nil {
		return err
	}
	from, err := c.offsetsAt(ctx, info, at)
	if err != nil {
		return err
	}
	for _, p := range info.Partitions {
		if !at.IsZero() {
			p.First = max(p.First, from[p.ID])
		}
		if err := c.scanPartition(ctx, topic, p, f); err != nil {
			return fmt.Errorf("scan %s[%d]: %w", topic, p.ID, err)
		}
	}
	return nil
}

// TailFrom is Tail from a time on: see OffsetsAt.
func (c *Client) TailFrom(ctx context.Context, topic string, at time.Time, f func(Record) error) error {
	info, err := c.existing(ctx, topic)
	if err != nil {
		return err
	}
	from, err := c.offsetsAt(ctx, info, at)
	if err != nil {
		return err
	}
	return c.tail(ctx, topic, from, f)
}

// Read returns the one record at an offset, or an error that says what stands there instead.
func (c *Client) Read(ctx context.Context, topic string, partition int, offset int64) (Record, error) {
	info, err := c.existing(ctx, topic)
	if err != nil {
		return Record{}, err
	}
	for _, p := range info.Partitions {
		if p.ID != partition {
			continue
		}
		if offset < p.First || offset >= p.End {
			return Record{}, fmt.Errorf("%s[%d] has no offset %d: it holds %d to %d", topic, partition, offset, p.First, p.End-1)
		}
		return c.readAt(ctx, topic, partition, offset)
	}
	return Record{}, fmt.Errorf("topic %s has no partition %d: it has 0 to %d", topic, partition, len(info.Partitions)-1)
}

func (c *Client) readAt(ctx context.Context, topic string, partition int, offset int64) (Record, error) {
	var found *Record
	at := PartitionInfo{ID: partition, First: offset, End: offset + 1}
	err := c.scanPartition(ctx, topic, at, func(r Record) error {
		if r.Offset == offset {
			found = &r
		}
		return nil
	})
	switch {
	case err != nil:
		return Record{}, fmt.Errorf("read %s[%d]@%d: %w", topic, partition, offset, err)
	case found == nil:
		return Record{}, fmt.Errorf("%s[%d] has nothing at offset %d any more: compaction has removed it", topic, partition, offset)
	}
	return *found, nil
}
