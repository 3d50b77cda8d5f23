package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// silence is how long a partition may give nothing before its end until the auditor stops waiting.
const silence = 15 * time.Second

// broker reads topics without a group, so that the audit leaves no trace.
type broker struct {
	how    []kgo.Opt
	client *kgo.Client
	admin  *kadm.Client
}

func openKafka(bootstrap []string, how []kgo.Opt) (*broker, error) {
	how = append(slices.Clone(how), kgo.SeedBrokers(bootstrap...), kgo.ClientID("audit"))
	c, err := kgo.NewClient(how...)
	if err != nil {
		return nil, fmt.Errorf("open Kafka: %w", err)
	}
	return &broker{how: how, client: c, admin: kadm.NewClient(c)}, nil
}

func (b *broker) close() { b.client.Close() }

// committed are the offsets of each route's group; a partition that it never committed is absent.
func (b *broker) committed(ctx context.Context, m *manifest) ([]map[int32]int64, error) {
	topic := m.topics().scored
	all := make([]map[int32]int64, len(m.Spec.Routes))
	for i, r := range m.Spec.Routes {
		all[i] = map[int32]int64{}
		offsets, err := b.admin.FetchOffsets(ctx, m.group(r.Name))
		if errors.Is(err, kerr.GroupIDNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the offsets of group %s: %w", m.group(r.Name), err)
		}
		for partition, o := range offsets[topic] {
			if o.Err == nil && o.At >= 0 {
				all[i][partition] = o.At
			}
		}
	}
	return all, nil
}

// read calls take for every record of a topic from its first to its end as it is now, each
// partition in order. The findings say what could not be read.
func (b *broker) read(ctx context.Context, topic string, take func(record)) ([]Finding, error) {
	starts, err := b.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	if err := errors.Join(starts.Error(), ends.Error()); err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	var findings []Finding
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	starts.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			findings = append(findings, Finding{Kind: Note, ID: fmt.Sprintf("%s[%d]", topic, o.Partition), Why: fmt.Sprintf("it begins at offset %d: what stood before was taken by retention, and counts as lost, or by compaction", o.Offset)})
		}
		if end, ok := ends.Lookup(topic, o.Partition); ok && end.Offset > o.Offset {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(o.Offset), end.Offset
		}
	})
	if len(from) == 0 {
		return findings, nil
	}
	unread, err := b.consume(ctx, topic, from, left, take)
	return append(findings, unread...), err
}

// consume reads until each partition has come to its end.
func (b *broker) consume(ctx context.Context, topic string, from map[int32]kgo.Offset, left map[int32]int64, take func(record)) ([]Finding, error) {
	c, err := kgo.NewClient(append(slices.Clone(b.how), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	defer c.Close()
	for len(left) > 0 {
		wait, cancel := context.WithTimeout(ctx, silence)
		fetches := c.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read %s: %w", topic, ctx.Err())
		}
		if errors.Is(fetches.Err0(), context.DeadlineExceeded) {
			return unread(topic, left), nil
		}
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, open := left[r.Partition]
			if !open || r.Offset >= end {
				return
			}
			if !r.Attrs.IsControl() {
				take(r)
			}
			if r.Offset == end-1 {
				delete(left, r.Partition)
			}
		})
	}
	return nil, nil
}

// unread says which partitions gave nothing more before their end.
func unread(topic string, left map[int32]int64) []Finding {
	var list []Finding
	for partition, end := range left {
		list = append(list, Finding{Kind: Mangled, ID: fmt.Sprintf("%s[%d]", topic, partition), Why: fmt.Sprintf("the broker gave nothing for %s before its end at offset %d", silence, end)})
	}
	return list
}
