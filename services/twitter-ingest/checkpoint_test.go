package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// TestGarbledCheckpoint: the source says what to do and what that costs, and begins only when
// a person has done it.
func TestGarbledCheckpoint(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	client, err := kafka.Open(kafka.Config{BootstrapServers: broker.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	put := func(value []byte) {
		if err := client.Write(t.Context(), kafka.Record{Topic: "state", Key: []byte("checkpoint/mentions"), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte("garbage"))
	c := &config{Topics: feedback.Topics{State: "state"}, Source: "mentions", X: xConfig{Backfill: 24 * time.Hour, DailyPostBudget: 10_000}}
	r := health.New("twitter-ingest/mentions", "test")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		saved *feedbackv1.SourceState
		err   error
	}
	done := make(chan result, 1)
	go func() {
		saved, err := checkpoint(ctx, client, c, r)
		done <- result{saved, err}
	}()
	condition := func() *feedbackv1.Health_Condition {
		for _, c := range r.Snapshot().GetConditions() {
			if c.GetName() == "checkpoint" {
				return c
			}
		}
		return nil
	}
	eventually(t, "a failed checkpoint", func() bool { return condition().GetLevel() == health.Failed })
	got := condition().GetMessage()
	for _, want := range []string{
		"key checkpoint/mentions of topic state", "tombstone", "printf 'checkpoint/mentions:' | kcat -P -Z -K: -t state",
		"the last 24h0m0s of posts are read, written and paid for again", "up to 10000 more",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("message = %s\nwant it with %q", got, want)
		}
	}
	if len(done) > 0 {
		t.Error("it began by itself, want it to wait for a person")
	}
	put(nil)
	if got := <-done; got.saved != nil || got.err != nil {
		t.Errorf("after the tombstone checkpoint = %v, %v, want none", got.saved, got.err)
	}
	if got := condition().GetLevel(); got != health.Good {
		t.Errorf("level = %v, want good", got)
	}
}
