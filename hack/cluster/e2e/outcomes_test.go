//go:build e2e

package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
)

// outcomes are what became of events on routes, as the notifications topic says.
type outcomes struct {
	mu     sync.Mutex
	newest map[[2]string]feedbackv1.Notification_State // by event id and route
}

// follow reads a notifications topic until the test ends.
func follow(t *testing.T, bootstrap []string, topic string) *outcomes {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.ConsumeTopics(topic),
		kgo.MetadataMinAge(time.Second), kgo.MetadataMaxAge(2*time.Second)) // partitions are added
	clustertest.Must(t, err)
	o := &outcomes{newest: map[[2]string]feedbackv1.Notification_State{}}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			c.PollFetches(ctx).EachRecord(o.take) // errors pass: Kafka is killed now and then
		}
	})
	t.Cleanup(func() { cancel(); reading.Wait(); c.Close() })
	return o
}

func (o *outcomes) take(r *kgo.Record) {
	n := &feedbackv1.Notification{}
	if proto.Unmarshal(r.Value, n) != nil || n.GetEventId() == "" {
		return // a tombstone, or a digest's own
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newest[[2]string{n.GetEventId(), n.GetRoute()}] = n.GetState()
}

// of is the newest notification of an event on a route; unspecified if there is none.
func (o *outcomes) of(id, route string) feedbackv1.Notification_State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.newest[[2]string{id, route}]
}

func told(state feedbackv1.Notification_State) bool {
	switch state {
	case feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_DIGESTED, feedbackv1.Notification_STATE_COLLAPSED:
		return true
	}
	return false
}
