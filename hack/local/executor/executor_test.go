package executor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// embedded starts a broker and returns its address.
func embedded(t *testing.T) string {
	t.Helper()
	b, err := broker.StartEmbedded(t.Context(), broker.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b.Bootstrap()[0]
}

// run starts the deployments' programs.
func run(t *testing.T, objects ...client.Object) *Executor {
	t.Helper()
	p, err := plan(t, objects...)
	if err != nil {
		t.Fatal(err)
	}
	p.Kafka["KAFKA_BOOTSTRAP_SERVERS"] = embedded(t)
	e, err := Start(t.Context(), p, Options{LogDir: t.TempDir(), Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return e
}

func ready(t *testing.T, e *Executor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := e.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick, limit := time.NewTicker(10*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func logOf(t *testing.T, s Status) string {
	t.Helper()
	data, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestProcessesRunAndDrain(t *testing.T) {
	d := deployment("azure-helper", "serve")
	two := int32(2)
	d.Spec.Replicas = &two
	e := run(t, d)
	ready(t, e)
	before := e.Processes()
	e.Stop()
	e.Stop() // harmless
	for i, s := range before {
		if s.Pid == 0 || !gone(s.Pid) {
			t.Errorf("%s: pid %d after Stop, want one that is gone", s.Name, s.Pid)
		}
		if got, want := logOf(t, s), "begin "+s.Name+" xoxb-1\ntold to stop\ndrained\n"; got != want {
			t.Errorf("log of process %d = %q, want %q", i, got, want)
		}
	}
}

func TestKilledProcessIsStartedAgain(t *testing.T) {
	e := run(t, deployment("azure-helper", "serve"))
	ready(t, e)
	before := e.Processes()[0]
	if err := e.Kill(before.Name, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process runs", func() bool { s := e.Processes()[0]; return s.Pid != 0 && s.Pid != before.Pid })
	ready(t, e)
	after := e.Processes()[0]
	if got, want := after.Restarts, 1; got != want {
		t.Errorf("restarts = %d, want %d", got, want)
	}
	if got, want := after.LastExit, "signal: killed"; got != want {
		t.Errorf("last exit = %q, want %q", got, want)
	}
	if got, want := after.Listens["LISTEN_ADDRESS"], before.Listens["LISTEN_ADDRESS"]; got != want {
		t.Errorf("address after = %s, want %s as before", got, want)
	}
	if err := e.Kill("nobody", syscall.SIGTERM); err == nil || !strings.Contains(err.Error(), before.Name) {
		t.Errorf("err = %v, want one that names those that there are", err)
	}
}

func TestRestartDrainsFirst(t *testing.T) {
	e := run(t, deployment("azure-helper", "serve"))
	ready(t, e)
	before := e.Processes()[0]
	if err := e.Restart(t.Context(), before.Name); err != nil {
		t.Fatal(err)
	}
	ready(t, e)
	if after := e.Processes()[0]; after.Pid == before.Pid || after.LastExit != "" {
		t.Errorf("after = %+v, want another pid and no end by itself", after)
	}
	if got, want := logOf(t, before), "drained\nbegin"; !strings.Contains(got, want) {
		t.Errorf("log = %q, want %q in it", got, want)
	}
}

func TestStubbornProcessIsKilledAfterItsGrace(t *testing.T) {
	d := deployment("azure-helper", "stubborn")
	one := int64(1)
	d.Spec.Template.Spec.TerminationGracePeriodSeconds = &one
	e := run(t, d)
	ready(t, e)
	s := e.Processes()[0]
	e.Stop()
	if !gone(s.Pid) {
		t.Errorf("pid %d still runs", s.Pid)
	}
	if got, want := logOf(t, s), "told to stop"; !strings.Contains(got, want) {
		t.Errorf("log = %q, want %q: it is asked before it is killed", got, want)
	}
}

func TestBrokenProcessIsToldWithTheEndOfItsLog(t *testing.T) {
	e := run(t, deployment("azure-helper", "broken"))
	eventually(t, "it was started again", func() bool { return e.Processes()[0].Restarts > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := e.WaitReady(ctx)
	if err == nil || !strings.Contains(err.Error(), "no such broker") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("err = %v, want its last words and its status", err)
	}
}

func TestBackoff(t *testing.T) {
	var got []time.Duration
	for failures := range 8 {
		got = append(got, backoff(failures))
	}
	s := time.Second
	if want := []time.Duration{0, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}; !slices.Equal(got, want) {
		t.Errorf("backoff = %v, want %v", got, want)
	}
}

func TestTopicsAreCreatedOnceAndNeverAltered(t *testing.T) {
	at := embedded(t)
	topic := desired.Topic{Name: "azure.feedback", Partitions: 3, ReplicationFactor: 3, Config: map[string]string{"retention.ms": "1000"}, Managed: true}
	p := Plan{Topics: []desired.Topic{topic}, Kafka: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": at}}
	if err := CreateTopics(t.Context(), p, discard()); err != nil {
		t.Fatal(err)
	}
	p.Topics[0].Partitions, p.Topics[0].Config = 6, map[string]string{"retention.ms": "2000"}
	if err := CreateTopics(t.Context(), p, discard()); err != nil {
		t.Fatal(err)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	topics, err := kadm.NewClient(c).ListTopics(t.Context(), topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(topics[topic.Name].Partitions), 3; got != want {
		t.Errorf("partitions = %d, want %d as at first", got, want)
	}
	configs, err := kadm.NewClient(c).DescribeTopicConfigs(t.Context(), topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range configs[0].Configs {
		if config.Key == "retention.ms" && config.MaybeValue() != "1000" {
			t.Errorf("retention.ms = %s, want 1000 as at first", config.MaybeValue())
		}
	}
	p.Topics[0].Name, p.Topics[0].Managed = "theirs", false
	if err := CreateTopics(t.Context(), p, discard()); err == nil || !strings.Contains(err.Error(), "topic theirs does not exist") {
		t.Errorf("err = %v, want that an unmanaged topic must be there", err)
	}
}
