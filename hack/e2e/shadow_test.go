//go:build e2e

package e2e

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// TestShadowIsKilledInMidTraffic: the shadow scores each revision of each event, in the event's partition, however often
// it is killed, and the pipeline's ledger stays clean beside it.
func TestShadowIsKilledInMidTraffic(t *testing.T) {
	r := e2etest.Kafka(t, broker.RealOptions{})
	l := startOf(t, r, t.TempDir(), e2etest.Shadowed(t, root(t)))
	for range 3 {
		e2etest.More(t, l, 3*rate)
		if err := l.Pipeline().Kill("azure-shadow-0", syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	e2etest.More(t, l, 3*rate)
	finish(t, l)
	events, shadow, scored := revisions(t, r, "default.azure.feedback"), revisions(t, r, "default.azure.shadow"), revisions(t, r, "default.azure.scored")
	if len(events) < 6*rate {
		t.Fatalf("%d revisions in feedback, want at least %d", len(events), 6*rate)
	}
	again := 0
	for revision := range events {
		again += max(0, shadow[revision]-1)
		if shadow[revision] == 0 {
			t.Errorf("%s is not in the shadow's topic", revision)
		}
	}
	if len(shadow) != len(events) || len(scored) != len(events) {
		t.Errorf("%d revisions in feedback, %d in scored, %d in shadow; want as many in each", len(events), len(scored), len(shadow))
	}
	t.Logf("%d revisions, %d of them scored again by the shadow after a kill", len(events), again)
}

// revisions counts how often each revision of each event stands in a topic, with its partition.
func revisions(t *testing.T, r *broker.Real, topic string) map[string]int {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ends, err := kadm.NewClient(c).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	var left int64
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	all, limit := map[string]int{}, time.Now().Add(time.Minute)
	for left > 0 && time.Now().Before(limit) {
		c.PollFetches(t.Context()).EachRecord(func(record *kgo.Record) {
			left--
			for _, h := range record.Headers {
				if h.Key == "ce_id" {
					all[string(h.Value)+" in partition "+strconv.Itoa(int(record.Partition))]++
				}
			}
		})
	}
	return all
}
