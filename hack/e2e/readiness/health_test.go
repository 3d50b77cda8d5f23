//go:build e2e

package readiness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// stale is how old a health record may be before a reader takes it for unknown.
const stale = 30 * time.Second

// follower is the newest health of each instance, as it stands in a state topic, and all that it was before.
type follower struct {
	mu      sync.Mutex
	newest  map[string]*feedbackv1.Health // by instance, which is the process's name here
	history map[string][]*feedbackv1.Health
}

// follow reads a state topic until the test ends.
func follow(t *testing.T, k *cluster, topic string) *follower {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap()...), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{newest: map[string]*feedbackv1.Health{}, history: map[string][]*feedbackv1.Health{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			c.PollFetches(ctx).EachRecord(f.take)
		}
	})
	t.Cleanup(func() { cancel(); reading.Wait(); c.Close() })
	return f
}

func (f *follower) take(r *kgo.Record) {
	rest, ok := strings.CutPrefix(string(r.Key), "health/")
	if !ok {
		return
	}
	instance := rest[strings.LastIndex(rest, "/")+1:]
	h := &feedbackv1.Health{}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(r.Value) == 0 || proto.Unmarshal(r.Value, h) != nil {
		delete(f.newest, instance)
		return
	}
	f.newest[instance] = h
	f.history[instance] = append(f.history[instance], h)
}

// of is the newest health of an instance; nil if it has none or is older than 30 s.
func (f *follower) of(instance string) *feedbackv1.Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.newest[instance]; h != nil && time.Since(h.GetObservedAt().AsTime()) <= stale {
		return h
	}
	return nil
}

// since is all that an instance said after a moment, oldest first.
func (f *follower) since(instance string, from time.Time) []*feedbackv1.Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*feedbackv1.Health
	for _, h := range f.history[instance] {
		if h.GetObservedAt().AsTime().After(from) {
			out = append(out, h)
		}
	}
	return out
}

// good is nil where an instance's health is fresh and good, else what is wrong.
func (f *follower) good(instance string) error {
	h := f.of(instance)
	if h == nil {
		return errors.New("its health is unknown")
	}
	if h.GetLevel() == feedbackv1.Health_LEVEL_GOOD {
		return nil
	}
	var errs []error
	for _, c := range h.GetConditions() {
		if c.GetLevel() != feedbackv1.Health_LEVEL_GOOD {
			errs = append(errs, errors.New(describe(c)))
		}
	}
	return errors.Join(errs...)
}

func describe(c *feedbackv1.Health_Condition) string {
	return fmt.Sprintf("%s %s %s: %s", c.GetName(), strings.TrimPrefix(c.GetLevel().String(), "LEVEL_"), c.GetReason(), c.GetMessage())
}
