package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// noted is the shortest standstill that is remembered.
const noted = 100 * time.Millisecond

// hop is a place at which progress is seen.
type hop int

const (
	scored hop = iota // a record in the scored topic
	told              // an outcome in the notifications
	hops
)

// gap is a time in which a hop made no progress.
type gap struct{ from, to time.Time }

// progress watches the topics as any consumer would, and knows when nothing moved.
type progress struct {
	client  *kgo.Client
	topics  map[string]hop
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	count [hops]int
	last  [hops]time.Time
	gaps  [hops][]gap
}

// watch follows the plan's topics from now on, until stop.
func watch(ctx context.Context, plan executor.Plan) (*progress, error) {
	options, err := executor.ClientOptions(plan.Kafka)
	if err != nil {
		return nil, err
	}
	p := &progress{topics: map[string]hop{}}
	var names []string
	for _, t := range plan.Topics {
		switch t.Role {
		case "scored":
			p.topics[t.Name] = scored
		case "notifications":
			p.topics[t.Name] = told
		default:
			continue
		}
		names = append(names, t.Name)
	}
	p.client, err = kgo.NewClient(append(options, kgo.ConsumeTopics(names...), kgo.MetadataMaxAge(2*time.Second),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DialTimeout(2*time.Second))...)
	if err != nil {
		return nil, err
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	now := time.Now()
	p.last = [hops]time.Time{now, now}
	p.running.Go(func() { p.follow(ctx) })
	return p, nil
}

func (p *progress) stop() {
	p.cancel()
	p.running.Wait()
	p.client.Close()
}

func (p *progress) follow(ctx context.Context) {
	for ctx.Err() == nil {
		var n [hops]int
		p.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			if at := p.topics[r.Topic]; at == scored || outcome(r.Value) {
				n[at]++
			}
		})
		p.add(time.Now(), n)
	}
}

// outcome is true for a notification that says what became of an event.
func outcome(value []byte) bool {
	var n feedbackv1.Notification
	return proto.Unmarshal(value, &n) == nil && n.GetState() != feedbackv1.Notification_STATE_INTENT
}

func (p *progress) add(now time.Time, n [hops]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := range hops {
		if n[at] == 0 {
			continue
		}
		if now.Sub(p.last[at]) > noted {
			p.gaps[at] = append(p.gaps[at], gap{p.last[at], now})
		}
		p.count[at] += n[at]
		p.last[at] = now
	}
}

// counts is how many records each hop has seen.
func (p *progress) counts() [hops]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// longest is the longest time without progress at a hop between from and to, as far as it lies between them.
func (p *progress) longest(at hop, from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var most time.Duration
	for _, g := range append(slices.Clone(p.gaps[at]), gap{p.last[at], to}) {
		begin, end := g.from, g.to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		most = max(most, end.Sub(begin))
	}
	return most
}
