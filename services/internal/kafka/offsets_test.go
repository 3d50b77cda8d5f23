package kafka_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// After a leader has moved, the old one refuses by a code for each partition; the request
// itself is fine. That passes, and is nothing to tell anybody.
func TestOffsetsAreFoundWhileLeadersMove(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "there"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var refused atomic.Int32
	cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if refused.Add(1) > 2 {
			return nil, nil, false
		}
		req := r.(*kmsg.ListOffsetsRequest)
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewListOffsetsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewListOffsetsResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	client, err := kafka.Open(kafka.Config{BootstrapServers: cluster.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	infos, err := client.Topics(t.Context(), "there")
	if err != nil || len(infos[0].Partitions) != 2 {
		t.Errorf("Topics = %v, %v, want 2 partitions", infos, err)
	}
	refused.Store(0)
	if _, err := client.OffsetsAt(t.Context(), "there", time.Now()); err != nil {
		t.Errorf("OffsetsAt = %v, want nil", err)
	}
	if got := refused.Load(); got < 3 {
		t.Errorf("asked %d times, want that it was refused first", got)
	}
}
