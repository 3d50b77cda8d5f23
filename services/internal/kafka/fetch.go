package kafka

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

const (
	// fetchMaxBytes is what a broker is asked for at once; a batch of records that is larger
	// comes whole.
	fetchMaxBytes = 256 << 10
	// A generation asks for fetchAllBytes over all its partitions, or what its subscription
	// says, but for fetchLeastBytes of each. Of each one answer is on its way or waits to be taken.
	fetchAllBytes, fetchLeastBytes = 8 << 20, 64 << 10
	// chunkBytes bounds what becomes of an answer whose batches are compressed.
	chunkBytes = 4 << 20
	// batchBytes bounds what Generation.Fetch returns.
	batchBytes = 4 << 20
	// fetchMaxWait is how long the broker may hold a request for which it has nothing; a
	// record that arrives ends it at once. It bounds how long a rebalance waits.
	fetchMaxWait = 250 * time.Millisecond
	// fetchTimeout is when an answer is given up, and the connection with it.
	fetchTimeout = 10 * time.Second
)

// fetcher reads one partition from an offset on, over a connection to its leader that it
// renews by itself.
type fetcher struct {
	client    *Client
	topic     string
	partition int
	offset    int64 // of the next record; kafkago.FirstOffset or LastOffset before the first connection
	maxBytes  int   // of an answer; 0: fetchMaxBytes
	conn      *kafkago.Conn
	// overtaken is told when the offset was no longer there: records from..to-1 are lost to
	// this reader.
	overtaken func(partition int, from, to int64)
	progress  *Progress // may be nil
	end       int64     // of the partition, as the last answer told it
}

// fetchBytes is what one of so many partitions of a generation is asked for at once, where all
// together may give so much.
func fetchBytes(all, partitions int) int {
	return min(fetchMaxBytes, max(all/max(partitions, 1), fetchLeastBytes))
}

// next returns records in order of offset, or none if there was nothing new for
// fetchMaxWait. After an error it may be called again; it then connects anew.
func (f *fetcher) next(ctx context.Context) ([]Record, error) {
	if f.conn == nil {
		if err := f.connect(ctx); err != nil {
			return nil, f.client.explain(err)
		}
	}
	conn := f.conn
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	recs, err := f.read()
	if err == nil {
		f.client.patience.worked()
		return recs, nil
	}
	if !errors.Is(err, kafkago.RequestTimedOut) {
		f.close()
	}
	switch {
	case ctx.Err() != nil:
		return recs, ctx.Err()
	case len(recs) > 0, errors.Is(err, kafkago.RequestTimedOut), errors.Is(err, kafkago.OffsetOutOfRange):
		return recs, nil // an offset out of range is mended when it connects
	}
	return nil, f.client.explain(err)
}

func (f *fetcher) read() ([]Record, error) {
	if err := f.conn.SetReadDeadline(time.Now().Add(fetchTimeout)); err != nil {
		return nil, err
	}
	batch := f.conn.ReadBatchWith(kafkago.ReadBatchConfig{MinBytes: 1, MaxBytes: cmp.Or(f.maxBytes, fetchMaxBytes), MaxWait: fetchMaxWait})
	f.end = batch.HighWaterMark()
	var recs []Record
	for bytes := 0; ; {
		if bytes >= chunkBytes { // the rest is asked for again
			err := batch.Close()
			f.advance(recs)
			return recs, err
		}
		r, err := batch.ReadMessage()
		if err != nil {
			closeErr := batch.Close()
			if errors.Is(err, io.EOF) {
				err = closeErr
			}
			f.advance(recs)
			return recs, err
		}
		recs = append(recs, r)
		bytes += size(r)
	}
}

// advance sets the offset behind what was read. The connection knows it better than the
// records do: compaction leaves batches whose last records are gone.
func (f *fetcher) advance(recs []Record) {
	if n := len(recs); n > 0 {
		f.offset = recs[n-1].Offset + 1
	}
	if at, whence := f.conn.Offset(); whence == kafkago.SeekAbsolute && at > f.offset && f.offset >= 0 {
		f.offset = at
	}
}

// connect dials the partition's leader and puts it at the offset, or at the nearest one
// that is there.
func (f *fetcher) connect(ctx context.Context) error {
	var conn *kafkago.Conn
	var err error
	for _, server := range f.client.servers {
		if conn, err = f.client.dialer.DialLeader(ctx, "tcp", server, f.topic, f.partition); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		conn.Close()
		return err
	}
	first, last, err := conn.ReadOffsets()
	if err != nil {
		conn.Close()
		return err
	}
	switch {
	case f.offset == kafkago.FirstOffset:
		f.offset = first
	case f.offset == kafkago.LastOffset:
		f.offset = last
	case f.offset < first || f.offset > last:
		// Retention has overtaken it, or the topic was made anew: told, never passed over.
		if f.overtaken != nil {
			f.overtaken(f.partition, f.offset, first)
		}
		f.offset = first
	}
	if _, err := conn.Seek(f.offset, kafkago.SeekAbsolute|kafkago.SeekDontCheck); err != nil {
		conn.Close()
		return err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return err
	}
	f.conn = conn
	return nil
}

func (f *fetcher) close() {
	if f.conn != nil {
		f.conn.Close()
		f.conn = nil
	}
}

// run hands chunks of records to out until ctx ends, and errors to onError, once for each
// streak of failures, and nil when reading works, at first and after such a streak. It never
// gives up.
func (f *fetcher) run(ctx context.Context, out chan<- []Record, onError func(error)) {
	defer f.close()
	for failures, told := 0, true; ; {
		recs, err := f.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if failures++; failures == 3 { // the first ones are everyday: a leader moved, a broker restarted
				onError(err)
				told = true
			}
			if run.Sleep(ctx, pause(err, failures)) != nil {
				return
			}
			continue
		}
		failures = 0
		if told {
			onError(nil)
			told = false
		}
		f.progress.fetched(f.partition, recs, f.offset, f.end)
		if len(recs) == 0 {
			continue
		}
		select {
		case out <- recs:
		case <-ctx.Done():
			return
		}
	}
}
