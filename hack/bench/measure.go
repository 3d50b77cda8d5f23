package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/proc"
)

// result is what one row took.
type result struct {
	row     row
	skipped string // why it was not run

	cold, warm float64         // records/s
	latency    map[int]spread  // by records/s
	start      []time.Duration // from exec to the first output
	cpu        float64         // seconds of its processes, from exec to the end of the cold drain
	brokerCPU  float64         // and of the broker
	rss        int64           // bytes, the sum of its processes' peaks in the whole run
}

// spread is the middle and the tail of latencies.
type spread struct {
	p50, p95, p99 time.Duration
	n             int
}

func newSpread(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	at := func(p float64) time.Duration { return all[min(len(all)-1, int(p*float64(len(all))))] }
	return spread{p50: at(0.50), p95: at(0.95), p99: at(0.99), n: len(all)}
}

const (
	drainLimit = 10 * time.Minute
	pollEvery  = 10 * time.Millisecond
	stopGrace  = 15 * time.Second
)

// members are the processes of a row.
type members []*proc.Process

func (m members) pids() []int {
	var pids []int
	for _, p := range m {
		pids = append(pids, p.Pid())
	}
	return pids
}

// died says which member has ended.
func (m members) died() error {
	for i, p := range m {
		select {
		case <-p.Done():
			return fmt.Errorf("member %d ended by itself: %w", i, errors.Join(p.Err(), errors.New("see its log")))
		default:
		}
	}
	return nil
}

func (m members) stop(ctx context.Context) {
	for _, p := range m {
		_ = p.Signal(syscall.SIGTERM)
	}
	for _, p := range m {
		_ = p.Stop(ctx, stopGrace) // whether it had to be killed changes no figure
	}
}

// launch starts the row's members, each with its log.
func (b *bench) launch(r row, t topics) (members, error) {
	var m members
	for i := range r.members {
		cmd := r.command(b, t, i)
		log, err := os.Create(fmt.Sprintf("%s/%s%s.%d.log", b.dir, t.out, r.name, i))
		if err != nil {
			return m, err
		}
		cmd.Stdout, cmd.Stderr = log, log
		p, err := proc.Start(cmd)
		_ = log.Close() // the process has its own
		if err != nil {
			return m, err
		}
		m = append(m, p)
	}
	return m, nil
}

// run measures one row: start to first output in runs of their own, all else in one.
func (b *bench) run(ctx context.Context, r row) (res result, err error) {
	res = result{row: r, latency: map[int]spread{}}
	for range min(r.starts, b.starts) {
		took, err := b.measureStart(ctx, r)
		if err != nil {
			return res, fmt.Errorf("start: %w", err)
		}
		res.start = append(res.start, took)
	}
	slices.Sort(res.start)
	t, err := b.cluster.create(ctx, r.name)
	if err != nil {
		return res, err
	}
	defer b.cluster.remove(ctx, t)
	cold, err := b.cluster.fill(ctx, t.in, b.blocks[r.plain], b.events)
	if err != nil {
		return res, err
	}
	warm, err := b.cluster.fill(ctx, t.in, b.blocks[r.plain], b.warm)
	if err != nil {
		return res, err
	}
	var g *gate
	if r.gated {
		if g, err = b.cluster.gate(ctx, t.group(), t.in); err != nil {
			return res, err
		}
	}
	res.brokerCPU = -usageOf(b.brokers).cpu
	m, err := b.launch(r, t)
	defer m.stop(ctx)
	if err != nil {
		return res, err
	}
	if g != nil {
		if err := g.open(ctx, r.members); err != nil {
			return res, errors.Join(err, m.died())
		}
	}
	if err := b.drain(ctx, m, t, int64(cold), int64(warm), &res); err != nil {
		return res, err
	}
	for _, rate := range b.rates {
		if res.latency[rate], err = b.measureLatency(ctx, r, t, rate); err != nil {
			return res, errors.Join(err, m.died())
		}
	}
	res.rss = usageOf(m.pids()).rss
	return res, m.died()
}

// drain waits until the row has copied what is there, and takes the rates from its first output on: of
// the first records, with the start's cold code and connections, and of the rest.
func (b *bench) drain(ctx context.Context, m members, t topics, cold, warm int64, res *result) error {
	var first, middle, end mark
	deadline := time.Now().Add(drainLimit)
	for end.n < cold+warm {
		if err := m.died(); err != nil {
			return err
		}
		n, err := b.cluster.ends(ctx, t.out)
		if err != nil {
			return err
		}
		now := mark{time.Now(), n}
		switch {
		case n > 0 && first.n == 0:
			first = now
		case n >= cold && middle.n == 0:
			middle = now
			res.cpu = usageOf(m.pids()).cpu
			res.brokerCPU += usageOf(b.brokers).cpu
		}
		if end = now; now.at.After(deadline) {
			return fmt.Errorf("%d of %d records within %s", n, cold+warm, drainLimit)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	if middle.n == 0 {
		return fmt.Errorf("all %d records came at once: take more EVENTS", end.n)
	}
	res.cold = middle.since(first)
	if warm > 0 {
		res.warm = end.since(middle)
	}
	return nil
}

// mark is a count at a time.
type mark struct {
	at time.Time
	n  int64
}

func (m mark) since(o mark) float64 { return float64(m.n-o.n) / m.at.Sub(o.at).Seconds() }

// measureStart is the time from exec to the first output, with the topics and one record there already.
func (b *bench) measureStart(ctx context.Context, r row) (time.Duration, error) {
	t, err := b.cluster.create(ctx, r.name)
	if err != nil {
		return 0, err
	}
	defer b.cluster.remove(ctx, t)
	w, err := b.watch(ctx, t.out)
	if err != nil {
		return 0, err
	}
	defer w.close()
	p, err := newProducer(b, r.plain, t.in)
	if err != nil {
		return 0, err
	}
	defer p.client.Close()
	if err := p.send(ctx, time.Now()); err != nil {
		return 0, err
	}
	if err := p.client.Flush(ctx); err != nil {
		return 0, err
	}
	r.members = 1
	began := time.Now()
	m, err := b.launch(r, t)
	defer m.stop(ctx)
	if err != nil {
		return 0, err
	}
	select {
	case <-w.seen:
		return time.Since(began), nil
	case <-m[0].Done():
		return 0, m.died()
	case <-time.After(2 * time.Minute):
		return 0, errors.New("no output within 2 minutes")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// measureLatency sends at a rate, whatever comes back, and takes the time from before a record is handed
// to the producer to when its output was read.
func (b *bench) measureLatency(ctx context.Context, r row, t topics, rate int) (spread, error) {
	w, err := b.watch(ctx, t.out)
	if err != nil {
		return spread{}, err
	}
	defer w.close()
	p, err := newProducer(b, r.plain, t.in)
	if err != nil {
		return spread{}, err
	}
	defer p.client.Close()
	began := time.Now()
	settled := began.Add(b.settle)
	for i := range int((b.settle + b.duration).Seconds() * float64(rate)) {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		select {
		case <-ctx.Done():
			return spread{}, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if err := p.send(ctx, time.Now()); err != nil {
			return spread{}, err
		}
	}
	if err := p.client.Flush(ctx); err != nil {
		return spread{}, err
	}
	want := int(b.duration.Seconds() * float64(rate))
	err = until(ctx, 10*time.Second, func() error {
		if got := len(w.since(settled)); got < want*99/100 {
			return fmt.Errorf("%d of %d records came out", got, want)
		}
		return nil
	})
	return newSpread(w.since(settled)), err
}

// producer sends stamped records of which the key tells when.
type producer struct {
	client *kgo.Client
	plain  bool
	texts  []string
	sent   int
}

func newProducer(b *bench, plain bool, topic string) (*producer, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.bootstrap), kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	return &producer{client: client, plain: plain, texts: b.texts}, err
}

func (p *producer) send(ctx context.Context, at time.Time) error {
	id := idPrefix + strconv.FormatInt(at.UnixNano(), 10)
	value, headers, err := record(p.plain, id, p.texts[p.sent%len(p.texts)], at)
	if err != nil {
		return err
	}
	p.sent++
	r := &kgo.Record{Key: []byte(id), Value: value}
	for _, h := range headers {
		r.Headers = append(r.Headers, kgo.RecordHeader(h))
	}
	p.client.Produce(ctx, r, nil)
	return nil
}

// watcher reads a topic from its end on and notes how old each record's key is when it comes.
type watcher struct {
	client *kgo.Client
	seen   chan struct{} // closed with the first record

	mu    sync.Mutex
	marks []arrival
}

type arrival struct {
	sent time.Time
	took time.Duration
}

func (b *bench) watch(ctx context.Context, topic string) (*watcher, error) {
	ends, err := b.cluster.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.bootstrap), kgo.ConsumePartitions(ends.KOffsets()), kgo.FetchMinBytes(1), kgo.FetchMaxWait(time.Second))
	if err != nil {
		return nil, err
	}
	w := &watcher{client: client, seen: make(chan struct{})}
	go w.run(ctx)
	return w, nil
}

func (w *watcher) run(ctx context.Context) {
	first := sync.OnceFunc(func() { close(w.seen) })
	for {
		fetches := w.client.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		now := time.Now()
		w.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			key := string(r.Key)
			if n, err := strconv.ParseInt(key[strings.LastIndexByte(key, ':')+1:], 10, 64); err == nil {
				sent := time.Unix(0, n)
				w.marks = append(w.marks, arrival{sent, now.Sub(sent)})
			}
			first()
		})
		w.mu.Unlock()
	}
}

// since gives the latencies of the records that were sent after t.
func (w *watcher) since(t time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []time.Duration
	for _, a := range w.marks {
		if !a.sent.Before(t) {
			out = append(out, a.took)
		}
	}
	return out
}

func (w *watcher) close() { w.client.Close() }
