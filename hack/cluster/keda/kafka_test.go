//go:build e2e

package keda

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// user is the pipeline's in Kafka, and KEDA's.
const user = "azure"

// kafka is a real broker that allows only what ACLs grant, seen as its super user.
type kafka struct {
	*testing.T
	env    map[string]string
	client *kgo.Client
	admin  *kadm.Client
	prefix string
	sent   map[string]bool // the ids of all events that were produced
}

// startKafka starts Apache Kafka at an IP address of this machine, or skips the test.
func startKafka(t *testing.T, host, prefix string) *kafka {
	t.Helper()
	r := clustertest.StartKafka(t, broker.RealOptions{TLS: true, SASL: true, ACLs: true, Host: host})
	k := &kafka{T: t, env: map[string]string{}, prefix: prefix, sent: map[string]bool{}}
	for _, v := range r.Env() {
		name, value, _ := strings.Cut(v, "=")
		k.env[name] = value
	}
	clustertest.Must(t, r.CreateUser(t.Context(), user, k.env[broker.EnvPassword]))
	var err error
	k.client, err = kgo.NewClient(kgo.SeedBrokers(r.Bootstrap()...))
	clustertest.Must(t, err)
	t.Cleanup(k.client.Close)
	k.admin = kadm.NewClient(k.client)
	k.grant()
	return k
}

// grant gives the user what docs/acls.md and docs/spec/feedbackpipeline.md list, and nothing for KEDA alone.
func (k *kafka) grant() {
	k.Helper()
	topics := kadm.NewACLs().Allow("User:"+user).AllowHosts().Topics(k.prefix+".").ResourcePatternType(kadm.ACLPatternPrefixed).
		Operations(kadm.OpRead, kadm.OpWrite, kadm.OpDescribe, kadm.OpDescribeConfigs, kadm.OpCreate, kadm.OpAlter, kadm.OpAlterConfigs)
	groups := kadm.NewACLs().Allow("User:"+user).AllowHosts().Groups(k.prefix+".").ResourcePatternType(kadm.ACLPatternPrefixed).
		Operations(kadm.OpRead, kadm.OpDescribe)
	for _, acls := range []*kadm.ACLBuilder{topics, groups} {
		results, err := k.admin.CreateACLs(k.Context(), acls)
		clustertest.Must(k.T, err)
		for _, r := range results {
			clustertest.Must(k.T, r.Err)
		}
	}
}

// produce adds n events to the topic of feedback.
func (k *kafka) produce(ctx context.Context, n int) error {
	var records []*kgo.Record
	for range n {
		id := fmt.Sprintf("slack:T0123456789:C0123456789:1762093805.%06d", len(k.sent))
		now := timestamppb.Now()
		value, err := proto.Marshal(&feedbackv1.Event{
			Id: id, Source: "community", Kind: feedbackv1.SourceKind_SOURCE_KIND_SLACK,
			Text:      "The portal of azure is slow again, and I really hate to wait for it every single morning.",
			Author:    &feedbackv1.Author{Id: "U0123456789", Handle: "ada"},
			CreatedAt: now, RevisedAt: now, IngestedAt: now,
			Origin: &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{TeamId: "T0123456789", ChannelId: "C0123456789", ChannelName: "feedback", Ts: id[len(id)-17:]}},
		})
		if err != nil {
			return err
		}
		k.sent[id] = true
		records = append(records, &kgo.Record{Topic: k.prefix + ".feedback", Key: []byte(id), Value: value, Headers: []kgo.RecordHeader{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte(id + "@0")}, {Key: "ce_source", Value: []byte("/community")},
			{Key: "ce_type", Value: []byte("dev.feedbackpipeline.event.v1")}, {Key: "ce_time", Value: []byte(now.AsTime().Format(time.RFC3339Nano))},
			{Key: "content-type", Value: []byte("application/protobuf")},
		}})
	}
	return k.client.ProduceSync(ctx, records...).FirstErr()
}

// lag is that of the scorer's group.
func (k *kafka) lag(ctx context.Context) (int64, error) {
	committed, err := k.admin.FetchOffsets(ctx, k.prefix+".sentiment-scorer")
	if err != nil {
		return 0, err
	}
	ends, err := k.admin.ListEndOffsets(ctx, k.prefix+".feedback")
	sum := int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(end.Topic, end.Partition) // zero where nothing was committed yet
		sum += end.Offset - max(0, at.At)
	})
	return sum, err
}

// scored reads all of the topic of scored events: how often each id stands there.
func (k *kafka) scored(ctx context.Context) (map[string]int, error) {
	topic := k.prefix + ".scored"
	ends, err := k.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	left, from := int64(0), map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		left += end.Offset
		from[end.Partition] = kgo.NewOffset().At(0)
	})
	reader, err := kgo.NewClient(kgo.SeedBrokers(k.env[broker.EnvBootstrap]), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	counts := map[string]int{}
	for left > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			counts[string(r.Key)]++
			left--
		})
	}
	return counts, nil
}

// deadLetters are how many records the topic of dead letters holds.
func (k *kafka) deadLetters(ctx context.Context) (int64, error) {
	ends, err := k.admin.ListEndOffsets(ctx, k.prefix+".dead-letters")
	sum := int64(0)
	ends.Each(func(end kadm.ListedOffset) { sum += end.Offset })
	return sum, err
}
