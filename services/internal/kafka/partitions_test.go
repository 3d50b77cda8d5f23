package kafka_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// TestATopicThatIsMadeWhileTheGroupIsJoinedIsRead: the leader of a group is told that the topic is not there, and gives out
// nothing; when the library begins to watch the topic's partitions they are all there, and never change.
func TestATopicThatIsMadeWhileTheGroupIsJoinedIsRead(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var joined, hidden atomic.Bool
	cluster.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		joined.Store(true)
		cluster.KeepControl()
		return nil, nil, false
	})
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request, ok := r.(*kmsg.MetadataRequest)
		if !ok || !joined.Load() || hidden.Load() || len(request.Topics) != 1 {
			return nil, nil, false
		}
		hidden.Store(true)
		answer, topic := kmsg.NewPtrMetadataResponse(), kmsg.NewMetadataResponseTopic()
		answer.Version = request.Version
		topic.Topic, topic.ErrorCode = kmsg.StringPtr("topic"), kerr.UnknownTopicOrPartition.Code
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	client := open(t, kafka.Config{BootstrapServers: cluster.ListenAddrs()})
	if err := client.Write(t.Context(), kafka.Record{Topic: "topic", Value: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var read atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- client.Consume(ctx, kafka.Subscription{Group: "group", Topic: "topic"}, func(ctx context.Context, g *kafka.Generation) error {
			for {
				batch, err := g.Fetch(ctx)
				if err != nil {
					return nil
				}
				read.Add(int64(len(batch)))
			}
		})
	}()
	kafkatest.Eventually(t, 30*time.Second, func() error {
		if !hidden.Load() {
			return errors.New("the group's leader was not told that the topic is not there")
		}
		if read.Load() != 1 {
			return errors.New("the record was not read")
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
