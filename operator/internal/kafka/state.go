package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Record is a record of the state topic. Its value is nil where the key was deleted.
type Record struct {
	Key, Value []byte
	// JSON is true where the value says that it is Protobuf's JSON mapping.
	JSON   bool
	Offset int64
	Time   time.Time
}

const (
	fetchBytes = 1 << 20
	// maxHoles bounds the requests by which one read goes past offsets that compaction took away.
	maxHoles = 50
)

// Read returns the records of the topic's partition 0 from offset `from` on, and where to go on. Where the offset is
// no longer there (the topic is another one) it starts anew from the first, and restarted is true.
func (c *Client) Read(ctx context.Context, topic string, from int64) (records []Record, next int64, restarted bool, err error) {
	first, end, err := c.bounds(ctx, topic, from)
	if err != nil {
		return nil, from, false, fmt.Errorf("read topic %s: %w", topic, err)
	}
	if next, restarted = from, from > end; restarted {
		next = 0
	}
	next = max(next, first)
	for holes := 0; next < end && holes < maxHoles; {
		more, err := c.fetch(ctx, topic, next)
		if err != nil {
			return nil, from, false, fmt.Errorf("read topic %s at %d: %w", topic, next, err)
		}
		if len(more) == 0 { // the batch that holds this offset lost its last records to compaction
			holes++
			next++
			continue
		}
		records = append(records, more...)
		next = more[len(more)-1].Offset + 1
	}
	return records, next, restarted, nil
}

// bounds are the offsets of partition 0's first record and of the one that comes next. The first is asked for only where
// something is to be read.
func (c *Client) bounds(ctx context.Context, topic string, from int64) (first, end int64, err error) {
	at := []spot{{topic, 0}}
	ends, err := c.offsets(ctx, kafkago.LastOffset, at)
	if err != nil || from == ends[at[0]] {
		return 0, ends[at[0]], err
	}
	firsts, err := c.offsets(ctx, kafkago.FirstOffset, at)
	return firsts[at[0]], ends[at[0]], err
}

func (c *Client) fetch(ctx context.Context, topic string, from int64) ([]Record, error) {
	resp, err := try(ctx, c, func() (*kafkago.FetchResponse, error) {
		return c.api.Fetch(ctx, &kafkago.FetchRequest{Topic: topic, Offset: from, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: 100 * time.Millisecond})
	})
	if err == nil {
		err = c.explain(resp.Error)
	}
	if err != nil {
		return nil, err
	}
	var all []Record
	for {
		r, err := resp.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if r.Offset >= from {
			record, err := read(r)
			if err != nil {
				return nil, err
			}
			all = append(all, record)
		}
	}
}

func read(r *kafkago.Record) (Record, error) {
	key, err := kafkago.ReadAll(r.Key)
	if err != nil {
		return Record{}, err
	}
	value, err := kafkago.ReadAll(r.Value)
	if err != nil {
		return Record{}, err
	}
	out := Record{Key: key, Value: value, Offset: r.Offset, Time: r.Time}
	for _, h := range r.Headers {
		out.JSON = out.JSON || (h.Key == contentType && string(h.Value) == contentJSON)
	}
	return out, nil
}

const (
	contentType = "content-type"
	contentJSON = "application/json"
)

// Append writes a JSON value under a key of the topic's partition 0, acknowledged by all in-sync replicas; nil
// deletes the key.
func (c *Client) Append(ctx context.Context, topic, key string, value []byte) error {
	r := kafkago.Record{Key: kafkago.NewBytes([]byte(key)), Time: time.Now()}
	if value != nil {
		r.Value = kafkago.NewBytes(value)
		r.Headers = []kafkago.Header{{Key: contentType, Value: []byte(contentJSON)}}
	}
	resp, err := try(ctx, c, func() (*kafkago.ProduceResponse, error) {
		return c.api.Produce(ctx, &kafkago.ProduceRequest{Topic: topic, RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(r)})
	})
	if err == nil {
		err = c.explain(resp.Error)
	}
	if err != nil {
		return fmt.Errorf("write %s to topic %s: %w", key, topic, err)
	}
	return nil
}
