package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// ErrTooLarge is a record that no broker of the cluster takes; resending cannot cure it.
var ErrTooLarge = errors.New("record is larger than the broker takes")

const (
	// maxBatchBytes stays under the broker's default limit of 1,048,588 bytes a batch, with
	// room for the batch's own header.
	maxBatchBytes = 1_000_000
	// The library allocates room for a whole batch at its first record, 200 kB for manyRecords:
	// too much for a record alone, such as a checkpoint or a notification.
	fewRecords, manyRecords = 16, 1000
	// writePatience is how long Write tries before it gives back what has failed.
	writePatience = 10 * time.Second
)

// WriteError tells which records of a Write were not acknowledged.
type WriteError struct {
	// Failed are indexes into the records given to Write, ascending.
	Failed []int
	// TooLarge are those of them that no broker of the cluster takes.
	TooLarge []int
	// Err is why the first of them failed; ErrTooLarge if all are too large.
	Err error
}

// Error counts the records and gives the first reason; it never quotes a record.
func (e *WriteError) Error() string {
	return fmt.Sprintf("write: %d records not acknowledged: %v", len(e.Failed), e.Err)
}

// Unwrap gives the first reason.
func (e *WriteError) Unwrap() error { return e.Err }

func newWriter(addr net.Addr, transport *kafkago.Transport, batchSize int) *kafkago.Writer {
	return &kafkago.Writer{
		Addr: addr, Transport: transport,
		Balancer:     kafkago.Murmur2Balancer{Consistent: true}, // Java's: other tools find a key's partition
		RequiredAcks: kafkago.RequireAll,
		MaxAttempts:  1,               // Write resends what failed, and only that
		BatchTimeout: time.Nanosecond, // a synchronous write would wait out the default of 1 s
		BatchSize:    batchSize,
		BatchBytes:   maxBatchBytes,
		WriteTimeout: requestTimeout,
		ReadTimeout:  requestTimeout,
	}
}

// Write writes records to the topics that they name and returns when all in-sync replicas
// have them. Records of one key go to one partition. What fails for a reason that passes is
// written again, alone, for about ten seconds; then, or when ctx ends, a *WriteError names
// what is left. A record that is too large fails at once, and the rest is written. Records
// of one partition may be reordered if a write has to be repeated.
func (c *Client) Write(ctx context.Context, recs ...Record) error {
	todo := make([]int, 0, len(recs))
	fail := &WriteError{}
	for i := range recs {
		if size(recs[i]) > maxBatchBytes {
			fail.TooLarge = append(fail.TooLarge, i)
			continue
		}
		todo = append(todo, i)
	}
	c.writeUntil(ctx, recs, todo, time.Now().Add(writePatience), fail)
	if len(fail.TooLarge) == 0 && len(fail.Failed) == 0 {
		return nil
	}
	if fail.Err == nil {
		fail.Err = ErrTooLarge
	}
	if errors.Is(fail.Err, kafkago.UnknownTopicOrPartition) { // what a topic is that ACLs hide
		if err := c.hidden(ctx, recs[fail.Failed[0]].Topic); err != nil {
			fail.Err = err
		}
	}
	fail.Err = c.explain(fail.Err)
	fail.Failed = append(fail.Failed, fail.TooLarge...)
	slices.Sort(fail.Failed)
	return fail
}

// writeUntil adds to fail what is left of todo at the deadline or at an error that does not
// pass.
func (c *Client) writeUntil(ctx context.Context, recs []Record, todo []int, deadline time.Time, fail *WriteError) {
	for attempt := 0; len(todo) > 0; attempt++ {
		left, err := c.writeOnce(ctx, recs, todo)
		if len(left) == 0 {
			c.patience.worked()
			return
		}
		if errors.Is(err, kafkago.MessageSizeTooLarge) {
			if len(left) == 1 {
				fail.TooLarge = append(fail.TooLarge, left[0])
				return
			}
			for _, i := range left { // a batch is refused as a whole: alone, only the one that is too large is
				c.writeUntil(ctx, recs, []int{i}, deadline, fail)
			}
			return
		}
		todo = left
		if !transient(err) || time.Now().After(deadline) || run.Sleep(ctx, backOff(attempt)) != nil {
			fail.Failed, fail.Err = append(fail.Failed, todo...), err
			return
		}
	}
}

// writeOnce hands recs[todo] over in one call and returns what was not acknowledged.
func (c *Client) writeOnce(ctx context.Context, recs []Record, todo []int) ([]int, error) {
	batch := make([]Record, len(todo))
	for n, i := range todo {
		r := recs[i]
		batch[n] = Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers, Time: r.Time}
	}
	w := c.many
	if len(batch) <= fewRecords {
		w = c.few
	}
	err := w.WriteMessages(ctx, batch...)
	var each kafkago.WriteErrors
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &each) || len(each) != len(todo):
		return todo, err // an error of the call itself: nothing is known to be written
	}
	var left []int
	var first error
	for n, e := range each {
		if e != nil {
			left = append(left, todo[n])
			if first == nil {
				first = e
			}
		}
	}
	return left, first
}

// transient tells whether writing again later can cure err.
func transient(err error) bool {
	var ke kafkago.Error
	if errors.As(err, &ke) {
		return ke.Temporary() || ke.Timeout() || ke == kafkago.NotEnoughReplicas || ke == kafkago.NotEnoughReplicasAfterAppend ||
			ke == kafkago.UnknownTopicOrPartition // a topic that was just created
	}
	return !errors.Is(err, context.Canceled)
}

// backOff is 50 ms doubling to 2 s, with jitter of a half.
func backOff(attempt int) time.Duration {
	d := min(50*time.Millisecond<<min(attempt, 6), 2*time.Second)
	return d/2 + rand.N(d/2)
}

// size is about what a record takes on the wire.
func size(r Record) int {
	n := len(r.Key) + len(r.Value) + 64
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 8
	}
	return n
}

// Failed gives the indexes of the n records of a Write that err says were not acknowledged: those
// that a *WriteError names, all for any other error, none for nil.
func Failed(err error, n int) []int {
	var we *WriteError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &we):
		return we.Failed
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
