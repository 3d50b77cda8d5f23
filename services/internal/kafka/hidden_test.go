package kafka_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A topic that ACLs hide is absent from metadata like one that was never made; what to do about
// the two is not the same.
func TestWaitTopicsTellsHiddenFromMissing(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User("PLAIN", "nobody", "sesame"), kfake.SeedTopics(1, "there"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kafka.Open(kafka.Config{
		BootstrapServers: cluster.ListenAddrs(), SASLMechanism: "PLAIN", SASLUsername: "nobody", SASLPassword: "sesame",
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	out, done := &lines{}, make(chan error, 1)
	go func() { done <- client.WaitTopics(ctx, slog.New(slog.NewTextHandler(out, nil)), "there") }()
	kafkatest.Eventually(t, 10*time.Second, func() error {
		if s := out.String(); !strings.Contains(s, "ACLs do not allow it") {
			return context.DeadlineExceeded
		}
		return nil
	})
	cancel()
	if err := <-done; err == nil {
		t.Error("WaitTopics = nil, want ctx's error")
	}
	if strings.Contains(out.String(), "do not exist") {
		t.Errorf("log says that a topic does not exist, which is there: %s", out)
	}
}
