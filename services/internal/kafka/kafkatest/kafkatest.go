// Package kafkatest gives tests a broker: the embedded one (kfake) always, a real Apache
// Kafka where KAFKA_TEST_BOOTSTRAP names one (`go run ./hack/kafka exec` does).
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// Broker is a broker that a test uses.
type Broker struct {
	// Name is embedded or real.
	Name string
	// Real is true for Apache Kafka.
	Real bool
	// Servers are where it listens.
	Servers []string
	// Stop ends the embedded broker before the test does; nil for the real one.
	Stop func()
}

// Each runs f as a subtest on every broker that there is; the real one's is skipped, and
// says so, where none was started.
func Each(t *testing.T, f func(t *testing.T, b *Broker)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, Embedded(t)) })
	t.Run("real", func(t *testing.T) { f(t, Real(t)) })
}

// Embedded starts an in-process broker that ends with the test.
func Embedded(t testing.TB) *Broker {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &Broker{Name: "embedded", Servers: c.ListenAddrs(), Stop: c.Close}
}

// Real gives the Apache Kafka that KAFKA_TEST_BOOTSTRAP names, or skips the test.
func Real(t testing.TB) *Broker {
	t.Helper()
	servers := os.Getenv("KAFKA_TEST_BOOTSTRAP")
	if servers == "" {
		t.Skip("no real Kafka: KAFKA_TEST_BOOTSTRAP is not set (make test sets it where Java and Maven are found)")
	}
	return &Broker{Name: "real", Real: true, Servers: strings.Split(servers, ",")}
}

// Client opens a client that is closed with the test.
func (b *Broker) Client(t testing.TB) *kafka.Client {
	t.Helper()
	c, err := kafka.Open(kafka.Config{BootstrapServers: b.Servers}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

var topics atomic.Int64

// Topic creates a topic with a name of its own. configs are alternating names and values.
func (b *Broker) Topic(t testing.TB, partitions int, configs ...string) string {
	t.Helper()
	name := fmt.Sprintf("t%d-%d", time.Now().UnixNano(), topics.Add(1))
	var entries []kafkago.ConfigEntry
	for i := 0; i+1 < len(configs); i += 2 {
		entries = append(entries, kafkago.ConfigEntry{ConfigName: configs[i], ConfigValue: configs[i+1]})
	}
	c := &kafkago.Client{Addr: kafkago.TCP(b.Servers...), Timeout: 10 * time.Second}
	resp, err := c.CreateTopics(context.Background(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{
		{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: entries},
	}})
	if err == nil {
		err = resp.Errors[name]
	}
	if err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
	b.await(t, name, partitions)
	return name
}

// AddPartitions grows the topic.
func (b *Broker) AddPartitions(t testing.TB, topic string, to int) {
	t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, int32(to)
	req.Topics = append(req.Topics, rt)
	b.request(t, req)
	b.await(t, topic, to)
}

// DeleteRecords does what retention does: it deletes the partition's records below offset.
func (b *Broker) DeleteRecords(t testing.TB, topic string, partition int, offset int64) {
	t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = int32(partition), offset
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	b.request(t, req)
}

func (b *Broker) request(t testing.TB, req kmsg.Request) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Servers...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Request(context.Background(), req); err != nil {
		t.Fatal(err)
	}
}

// await waits until every partition of the topic has a leader.
func (b *Broker) await(t testing.TB, topic string, partitions int) {
	t.Helper()
	c := b.Client(t)
	Eventually(t, 10*time.Second, func() error {
		infos, err := c.Topics(context.Background(), topic)
		if err != nil {
			return err
		}
		if len(infos[0].Partitions) != partitions {
			return errors.New("the topic is not there yet")
		}
		return nil
	})
}

// Eventually waits until check is nil, and fails the test with its last error after limit.
func Eventually(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("after %s still: %v", limit, err)
		case <-tick.C:
		}
	}
}

// Fill writes n records with keys and values 0..n-1 to the topic.
func (b *Broker) Fill(t testing.TB, topic string, from, to int) {
	t.Helper()
	c := b.Client(t)
	var recs []kafka.Record
	for i := from; i < to; i++ {
		recs = append(recs, kafka.Record{Topic: topic, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)})
	}
	if err := c.Write(context.Background(), recs...); err != nil {
		t.Fatal(err)
	}
}

// Values reads all values of the topic as they stand now.
func (b *Broker) Values(t testing.TB, topic string) []string {
	t.Helper()
	var out []string
	if err := b.Client(t).Scan(context.Background(), topic, func(r kafka.Record) error {
		out = append(out, string(r.Value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
