package e2etest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Health is what the instances of a pipeline say of themselves, as it stands in a state topic, and all that they said
// before. It may be used by several goroutines.
type Health struct {
	mu      sync.Mutex
	newest  map[string]*feedbackv1.Health // by instance, which is the process's name here
	history map[string][]*feedbackv1.Health
}

// FollowHealth reads a state topic until the test ends.
func FollowHealth(t *testing.T, bootstrap []string, topic string) *Health {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	h := &Health{newest: map[string]*feedbackv1.Health{}, history: map[string][]*feedbackv1.Health{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			c.PollFetches(ctx).EachRecord(h.take)
		}
	})
	t.Cleanup(func() { cancel(); reading.Wait(); c.Close() })
	return h
}

func (h *Health) take(r *kgo.Record) {
	rest, ok := strings.CutPrefix(string(r.Key), "health/")
	if !ok {
		return
	}
	instance := rest[strings.LastIndex(rest, "/")+1:]
	report := &feedbackv1.Health{}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(r.Value) == 0 || proto.Unmarshal(r.Value, report) != nil {
		delete(h.newest, instance)
		return
	}
	h.newest[instance] = report
	h.history[instance] = append(h.history[instance], report)
}

// Of is the newest health of an instance, of whatever age; nil if it has none.
func (h *Health) Of(instance string) *feedbackv1.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest[instance]
}

// History is all that an instance ever said, oldest first.
func (h *Health) History(instance string) []*feedbackv1.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.history[instance])
}
