package kafka_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

func open(t *testing.T) *kafka.Client {
	t.Helper()
	c, _ := opened(t)
	return c
}

// opened is a client, and the broker that it knows.
func opened(t *testing.T) (*kafka.Client, *kfake.Cluster) {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return connect(t, kafka.Settings{Servers: broker.ListenAddrs()}), broker
}

func connect(t *testing.T, s kafka.Settings) *kafka.Client {
	t.Helper()
	c, err := kafka.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestTopicsAreAsPlanned carries out plans on a broker until nothing is left to do.
func TestTopicsAreAsPlanned(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	want := desired.Topic{
		Role: desired.RoleFeedback, Name: "a.feedback", Partitions: 2, ReplicationFactor: -1, Managed: true,
		Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "60000", "max.message.bytes": "5000"},
	}
	settle := func(applied topics.Applied) topics.Plan {
		t.Helper()
		live, err := c.Describe(ctx, want.Name)
		if err != nil {
			t.Fatal(err)
		}
		return topics.Diff([]desired.Topic{want}, live, applied)
	}
	plan := settle(nil)
	if len(plan.Create) != 1 {
		t.Fatalf("plan = %+v, want the topic created", plan)
	}
	if err := c.Create(ctx, want); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(ctx, want); !kafka.Existed(err) {
		t.Fatalf("Create of a topic that exists = %v, want that it does", err)
	}
	before := topics.Remember([]desired.Topic{want})
	if plan := settle(before); plan.Writes() {
		t.Fatalf("plan after the creation = %+v, want nothing", plan)
	}
	want.Partitions, want.Config = 5, map[string]string{"cleanup.policy": "delete", "retention.ms": "90000"}
	plan = settle(before)
	wantPlan := topics.Plan{
		Grow:  []topics.Growth{{Topic: "a.feedback", Partitions: 5}},
		Alter: []topics.Alteration{{Topic: "a.feedback", Set: map[string]string{"retention.ms": "90000"}, Reset: []string{"max.message.bytes"}}},
	}
	if diff := cmp.Diff(wantPlan, plan); diff != "" {
		t.Fatalf("plan (-want +got):\n%s", diff)
	}
	if err := c.Grow(ctx, plan.Grow[0]); err != nil {
		t.Fatal(err)
	}
	if err := c.Alter(ctx, plan.Alter[0]); err != nil {
		t.Fatal(err)
	}
	live, err := c.Describe(ctx, want.Name)
	if err != nil {
		t.Fatal(err)
	}
	if s := live[want.Name].Config["max.message.bytes"]; s.Explicit || live[want.Name].Config["retention.ms"].Value != "90000" {
		t.Errorf("settings = %+v, want max.message.bytes reset and retention.ms 90000", live[want.Name].Config)
	}
	for range 2 {
		if err := c.DeleteTopic(ctx, want.Name); err != nil {
			t.Fatal(err)
		}
	}
	if live, err := c.Describe(ctx, want.Name); err != nil || len(live) != 0 {
		t.Errorf("after the deletion: %v, %v, want nothing", live, err)
	}
}

func TestProgressAndState(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	state := desired.Topic{Name: "a.state", Partitions: 1, ReplicationFactor: -1, Config: map[string]string{"cleanup.policy": "compact"}}
	if err := c.Create(ctx, state); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"one", "two"} {
		if err := c.Append(ctx, state.Name, key, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	records, next, restarted, err := c.Read(ctx, state.Name, 0)
	if err != nil || len(records) != 2 || next != 2 || restarted || !records[0].JSON || string(records[1].Key) != "two" {
		t.Fatalf("Read = %+v, %d, %v, %v, want two records and 2", records, next, restarted, err)
	}
	if records, next, _, err := c.Read(ctx, state.Name, next); err != nil || len(records) != 0 || next != 2 {
		t.Errorf("Read on = %v, %d, %v, want nothing new", records, next, err)
	}
	if err := c.Append(ctx, state.Name, "one", nil); err != nil {
		t.Fatal(err)
	}
	if records, _, _, err := c.Read(ctx, state.Name, next); err != nil || len(records) != 1 || records[0].Value != nil {
		t.Errorf("Read of a deleted key = %+v, %v, want one record without a value", records, err)
	}
	if records, _, restarted, err := c.Read(ctx, state.Name, 99); err != nil || !restarted || len(records) != 3 {
		t.Errorf("Read beyond the end = %d records, restarted %v, %v, want all three anew", len(records), restarted, err)
	}
	progress, err := c.Progress(ctx, desired.Group{ID: "g", Topic: state.Name})
	if err != nil || progress["g"].Lag != 3 {
		t.Errorf("Progress of a group that never was = %+v, %v, want a lag of 3", progress, err)
	}
	if err := c.DeleteGroup(ctx, "g"); err != nil {
		t.Errorf("DeleteGroup of a group that never was: %v, want nil", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	c, err := kafka.Open(kafka.Settings{Servers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Describe(t.Context(), "a")
	if err == nil || !strings.Contains(err.Error(), "check kafka.bootstrapServers") || kafka.Answered(err) {
		t.Errorf("Describe without a broker = %v, want what to check", err)
	}
	for _, s := range []kafka.Settings{{TLS: true, CA: "nonsense"}, {TLS: true, Certificate: "a", PrivateKey: "b"}, {Mechanism: "GSSAPI"}} {
		if _, err := kafka.Open(s); err == nil || !strings.Contains(err.Error(), "kafka.") {
			t.Errorf("Open(%+v) = %v, want the field", s, err)
		}
	}
}

// TestNothingStale: what somebody else does to the topics is seen at the next look, whatever the library has in its
// cache; and where the broker does not say what there is, the cache does not speak for it.
func TestNothingStale(t *testing.T) {
	ours, broker := opened(t)
	theirs := connect(t, kafka.Settings{Servers: broker.ListenAddrs()})
	ctx := t.Context()
	topic := desired.Topic{Name: "a.feedback", Partitions: 1, ReplicationFactor: -1}
	sees := func(want int32) {
		t.Helper()
		live, err := ours.Describe(ctx, topic.Name)
		if got := live[topic.Name].Partitions; err != nil || got != want {
			t.Fatalf("Describe = %d partitions, %v; want %d", got, err, want)
		}
	}
	for range 5 {
		sees(0)
		if err := theirs.Create(ctx, topic); err != nil {
			t.Fatal(err)
		}
		sees(1)
		for n := int32(2); n < 5; n++ {
			if err := theirs.Grow(ctx, topics.Growth{Topic: topic.Name, Partitions: n}); err != nil {
				t.Fatal(err)
			}
			sees(n)
		}
		if err := theirs.DeleteTopic(ctx, topic.Name); err != nil {
			t.Fatal(err)
		}
	}
	broker.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		return nil, errors.New("no answer"), true
	})
	if live, err := ours.Describe(ctx, topic.Name); err == nil {
		t.Errorf("Describe while the broker does not say what there is = %v, want an error", live)
	}
}
