package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// Start is where a group begins that has committed nothing.
type Start string

const (
	// Earliest begins at the oldest record that is there.
	Earliest Start = "Earliest"
	// Latest begins behind the newest record. It is resolved to offsets once, and these are
	// committed before the first record is read; a partition that appears later begins at
	// its first record, so that nothing is missed.
	Latest Start = "Latest"
)

// UnmarshalText takes Earliest or Latest.
func (s *Start) UnmarshalText(b []byte) error {
	if v := Start(b); v == Earliest || v == Latest {
		*s = v
		return nil
	}
	return errors.New("not Earliest or Latest")
}

const (
	// An owner that is gone is found out after sessionTimeout; 6 s is the least that a
	// broker takes by default.
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = time.Second
	// rebalanceTimeout is how long a member may take to finish its batch.
	rebalanceTimeout = 15 * time.Second
	commitInterval   = 200 * time.Millisecond
	defaultMaxBatch  = 1000
)

// Subscription says what a group consumes and how.
type Subscription struct {
	Group string
	Topic string
	// Start applies to a group that has committed nothing; default Earliest.
	Start Start
	// Exclusive gives all partitions to one member, the oldest; the others stand by.
	Exclusive bool
	// MaxBatch bounds what Fetch returns; default 1,000. So do 4 MB and MaxBytes, whichever comes first.
	MaxBatch int
	// MaxBytes is what is asked for at once over all partitions, but for 64 kB of each, and one
	// batch of records whatever its size. Default 8 MB.
	MaxBytes int
	// OnError is told of what does not end Consume: it is retried. It is told nil when all that
	// failed works again. May be nil.
	OnError func(error)
	// OnOvertaken is told of offsets that retention deleted before they were read: from
	// (included) to to (excluded) of the partition. May be nil.
	OnOvertaken func(partition int, from, to int64)
	// Progress notes how the member keeps up; may be nil.
	Progress *Progress
}

// Consume joins the group and calls f for each of its generations, one at a time, until ctx
// ends. f's ctx ends with the generation, when partitions are assigned anew, or with ctx; f
// must then finish what it has in hand and return. What it said to be done is committed after that,
// before the group moves on. A nil from f before its ctx ends makes the member join again;
// an error ends Consume with that error. Consume returns nil once ctx has ended.
func (c *Client) Consume(ctx context.Context, s Subscription, f func(ctx context.Context, g *Generation) error) error {
	s.setDefaults()
	wrong := &troubles{tell: s.OnError}
	s.Progress.begin()
	balancer := kafkago.GroupBalancer(kafkago.RangeGroupBalancer{})
	if s.Exclusive {
		balancer = exclusive{since: time.Now()}
	}
	var given atomic.Int64
	given.Store(noLeader)
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: s.Group, Brokers: c.servers, Dialer: c.dialer, Topics: []string{s.Topic},
		GroupBalancers:        []kafkago.GroupBalancer{counted{balancer, &given}},
		StartOffset:           kafkago.FirstOffset,
		HeartbeatInterval:     heartbeatInterval,
		SessionTimeout:        sessionTimeout,
		RebalanceTimeout:      rebalanceTimeout,
		JoinGroupBackoff:      500 * time.Millisecond,
		WatchPartitionChanges: true, PartitionWatchInterval: 2 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("consume %s as %s: %w", s.Topic, s.Group, err)
	}
	defer group.Close()
	for failures := 0; ; {
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			wrong.set(joining, fmt.Errorf("join group %s: %w", s.Group, c.explain(err)))
			if run.Sleep(ctx, pause(err, failures)) != nil {
				return nil
			}
			failures++
			continue
		}
		failures = 0
		partitions := int(given.Swap(noLeader)) // the next generation is joined when this one has ended
		result := make(chan error, 1)
		gen.Start(func(ended context.Context) { result <- c.generation(ctx, ended, s, wrong, gen, partitions, f) })
		if err := <-result; err != nil {
			return err
		}
	}
}

func (s *Subscription) setDefaults() {
	if s.MaxBatch <= 0 {
		s.MaxBatch = defaultMaxBatch
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = fetchAllBytes
	}
	if s.OnError == nil {
		s.OnError = func(error) {}
	}
	if s.OnOvertaken == nil {
		s.OnOvertaken = func(int, int64, int64) {}
	}
}

// generation runs f between the start of a generation and its last commit. given is how many partitions this member gave
// out as the group's leader, or noLeader.
func (c *Client) generation(ctx, ended context.Context, s Subscription, wrong *troubles, gen *kafkago.Generation, given int, f func(context.Context, *Generation) error) error {
	gctx, cancel := context.WithCancel(ended)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()

	g := &Generation{
		ID: gen.ID, topic: s.Topic, maxBatch: s.MaxBatch, maxBytes: min(batchBytes, s.MaxBytes), commit: func(o map[string]map[int]int64) error { return c.explain(gen.CommitOffsets(o)) }, wrong: wrong, progress: s.Progress,
		start: map[int]int64{}, done: map[int]int64{}, committed: map[int]int64{},
	}
	for _, a := range gen.Assignments[s.Topic] {
		g.partitions = append(g.partitions, a.ID)
	}
	wrong.joined(g.partitions)
	if err := c.resolve(gctx, s, g); err != nil {
		return nil // only ctx ends it; the next generation tries again
	}
	s.Progress.assign(g.partitions, g.start)
	g.chunks = make(chan []Record) // each fetcher holds one while the next batch is not asked for
	var running sync.WaitGroup
	for _, p := range g.partitions {
		fetch := &fetcher{client: c, topic: s.Topic, partition: p, offset: g.start[p], maxBytes: fetchBytes(s.MaxBytes, len(g.partitions)), overtaken: s.OnOvertaken, progress: s.Progress}
		running.Go(func() {
			fetch.run(gctx, g.chunks, func(err error) {
				if err != nil {
					err = fmt.Errorf("read %s[%d]: %w", s.Topic, p, err)
				}
				wrong.set(fmt.Sprint(reading, p), err)
			})
		})
	}
	running.Go(func() { g.commitUntil(gctx) })
	if given != noLeader {
		running.Go(func() {
			c.watchPartitions(gctx, s.Topic, given)
			cancel() // f returns, and the group is joined again
		})
	}
	err := f(gctx, g)
	cancel()
	running.Wait()
	g.flush() // the batch in hand: the generation lasts until this returns
	return err
}

// resolve finds where each partition starts. A group that has committed nothing yet begins
// by s.Start; which it is, partition 0 tells, whose owner resolves all partitions at once and
// commits them: two members that start together must not each take the other's partition
// for one that appeared later.
func (c *Client) resolve(ctx context.Context, s Subscription, g *Generation) error {
	for {
		done, err := c.resolveOnce(ctx, s, g)
		if err != nil && ctx.Err() == nil {
			g.wrong.set(starting, fmt.Errorf("find the start of group %s: %w", s.Group, err))
		}
		if done {
			g.wrong.set(starting, nil)
		}
		if done {
			return nil
		}
		if err := run.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func (c *Client) resolveOnce(ctx context.Context, s Subscription, g *Generation) (bool, error) {
	if len(g.partitions) == 0 {
		return true, nil
	}
	lags, err := c.Lag(ctx, s.Group, s.Topic)
	if err != nil {
		return false, err
	}
	owner, fresh := false, false
	for _, p := range g.partitions {
		owner = owner || p == 0
	}
	for _, l := range lags {
		fresh = fresh || (l.Partition == 0 && l.Committed < 0)
	}
	if fresh && s.Start == Latest {
		if !owner {
			return false, nil // the owner of partition 0 is about to commit
		}
		ends := map[int]int64{}
		for i, l := range lags {
			if l.Committed < 0 {
				ends[l.Partition] = l.End
				lags[i].Committed = l.End
			}
		}
		if err := g.commit(map[string]map[int]int64{s.Topic: ends}); err != nil {
			return false, err
		}
	}
	for _, l := range lags {
		g.start[l.Partition] = l.Committed
		if l.Committed < 0 {
			g.start[l.Partition] = l.First
		}
	}
	return true, nil
}

// Generation is a member's share of the partitions until they are assigned anew. Fetch and
// the rest are for one goroutine; Done may be called from any.
type Generation struct {
	// ID is the group's count of assignments.
	ID int32

	topic      string
	partitions []int
	maxBatch   int
	maxBytes   int
	start      map[int]int64
	chunks     chan []Record
	rest       []Record // of a chunk that did not fit into the last batch
	commit     func(map[string]map[int]int64) error
	wrong      *troubles
	progress   *Progress

	mu        sync.Mutex
	done      map[int]int64 // below these all is done
	committed map[int]int64 // and these the broker knows of
}

// Partitions are those of the member; none means that it stands by.
func (g *Generation) Partitions() []int { return g.partitions }

// Fetch waits for a first record, takes what else is there, up to the subscription's
// MaxBatch and bytes, and returns them in order within each partition. It returns ctx's error when
// ctx ends.
func (g *Generation) Fetch(ctx context.Context) ([]Record, error) {
	room := g.maxBytes
	batch := g.take(nil, &room)
	if len(batch) == 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case g.rest = <-g.chunks:
			batch = g.take(batch, &room)
		}
	}
	for len(batch) < g.maxBatch && room > 0 && len(g.rest) == 0 {
		select {
		case g.rest = <-g.chunks:
			batch = g.take(batch, &room)
			continue
		default:
		}
		break
	}
	return batch, nil
}

// take moves records from rest to the batch, as many as fit: until there is no room any more,
// in bytes, which the last one may exceed.
func (g *Generation) take(batch []Record, room *int) []Record {
	n := 0
	for most := min(len(g.rest), g.maxBatch-len(batch)); n < most && *room > 0; n++ {
		*room -= size(g.rest[n])
	}
	if batch == nil && n == len(g.rest) {
		batch, g.rest = g.rest, nil
		return batch
	}
	batch = append(batch, g.rest[:n]...)
	g.rest = g.rest[n:]
	return batch
}

// Done says that all records of the partition below next are done. That is committed
// every 200 ms and at the end of the generation; one that would go back is ignored.
func (g *Generation) Done(partition int, next int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if next > g.start[partition] && next > g.done[partition] {
		g.done[partition] = next
		g.progress.doneTo(partition, next)
	}
}

func (g *Generation) commitUntil(ctx context.Context) {
	t := time.NewTicker(commitInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.flush()
		}
	}
}

// flush commits what is done. What fails is tried again by the next flush, and
// if the generation is over, its records come again to the next owner.
func (g *Generation) flush() {
	g.mu.Lock()
	offsets := make(map[int]int64, len(g.done))
	for p, next := range g.done {
		if next > g.committed[p] {
			offsets[p] = next
		}
	}
	g.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	failpoint.Here(failpoint.BeforeCommit)
	if err := g.commit(map[string]map[int]int64{g.topic: offsets}); err != nil {
		g.wrong.set(committing, fmt.Errorf("commit: %w", err))
		return
	}
	g.wrong.set(committing, nil)
	failpoint.Here(failpoint.Committed)
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, next := range offsets {
		g.committed[p] = next
	}
}
