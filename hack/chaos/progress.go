package main

import (
	"bytes"
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
	none      hop = iota
	scored        // a record in the scored topic
	told          // an outcome in the notifications
	posted        // an outcome that stands in a channel: a card or a digest
	fromSlack     // a record in the scored topic that Slack told of
	fromX         // the same of X
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
	for at := range hops {
		p.last[at] = now
	}
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
			switch p.topics[r.Topic] {
			case told:
				outcome, stands := outcome(r.Value)
				n[told] += outcome
				n[posted] += stands
			case scored:
				n[scored]++
				n[platform(r.Key)]++
			}
		})
		p.add(time.Now(), n)
	}
}

// platform is the hop of the platform that an event with the key came from.
func platform(key []byte) hop {
	switch {
	case bytes.HasPrefix(key, []byte("slack:")):
		return fromSlack
	case bytes.HasPrefix(key, []byte("x:")):
		return fromX
	}
	return none
}

// outcome is 1 for a notification that says what became of an event; stands is 1 if that is to be seen in a channel.
func outcome(value []byte) (outcome, stands int) {
	var n feedbackv1.Notification
	if proto.Unmarshal(value, &n) != nil {
		return 0, 0
	}
	switch n.GetState() {
	case feedbackv1.Notification_STATE_INTENT:
		return 0, 0
	case feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_DIGESTED:
		return 1, 1
	}
	return 1, 0
}

func (p *progress) add(now time.Time, n [hops]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := scored; at < hops; at++ {
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

// until is how long after a time a hop made progress: until now, if it made none. What it made within the shortest
// standstill that is remembered counts as at once.
func (p *progress) until(at hop, from, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range append(slices.Clone(p.gaps[at]), gap{p.last[at], now}) {
		if !g.from.After(from) && g.to.After(from) {
			return g.to.Sub(from)
		}
	}
	return 0
}
