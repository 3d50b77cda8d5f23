package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/fakeslack"
)

// TestMain is slack-ingest itself where a test starts it as a process, to kill it.
func TestMain(m *testing.M) {
	if os.Getenv("SLACK_INGEST_PROCESS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// world is a broker, a Slack, and the service as a process between them.
type world struct {
	t      *testing.T
	slack  *fakeslack.Slack
	broker *kfake.Cluster
	kafka  *kafka.Client
	env    []string
	probes string
	cmd    *exec.Cmd
	log    *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "feedback", "dead-letters"), kfake.SeedTopics(1, "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kafka.Open(kafka.Config{BootstrapServers: cluster.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	w := &world{t: t, broker: cluster, slack: fakeslack.New(t), kafka: client, probes: freeAddress(t), log: &buffer{}}
	w.env = append([]string{
		"SLACK_INGEST_PROCESS=1", "PIPELINE=default/test", "INSTANCE=one", "LISTEN_ADDRESS=" + w.probes, "SOURCE=community",
		"KAFKA_BOOTSTRAP_SERVERS=" + strings.Join(cluster.ListenAddrs(), ","), "SLACK_CHANNELS=feedback",
		"SLACK_BOT_TOKEN=" + fakeslack.BotToken, "SLACK_APP_TOKEN=" + fakeslack.AppToken, "SLACK_API_URL=" + w.slack.URL + "/api/",
		`MATCH={"keywords":["azure"]}`, "SLACK_SWEEP_INTERVAL=1s",
	}, env...)
	t.Cleanup(func() {
		w.kill()
		if t.Failed() {
			t.Logf("slack-ingest's log:\n%s", w.log)
		}
	})
	return w
}

func freeAddress(t *testing.T) string {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	return lis.Addr().String()
}

// start starts the service and waits until it is ready.
func (w *world) start() {
	w.t.Helper()
	w.cmd = exec.Command(os.Args[0])
	w.cmd.Env, w.cmd.Stderr = append(os.Environ(), w.env...), w.log
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.until("ready", func() bool {
		res, err := http.Get("http://" + w.probes + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode == http.StatusOK
	})
}

func (w *world) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait()
		w.cmd = nil
	}
}

// stop asks the service to stop and gives its exit status.
func (w *world) stop() int {
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	_ = w.cmd.Wait()
	code := w.cmd.ProcessState.ExitCode()
	w.cmd = nil
	return code
}

// until waits for a condition.
func (w *world) until(what string, f func() bool) {
	w.t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-limit:
			w.t.Fatalf("waited 20 s for: %s", what)
		case <-tick.C:
		}
	}
}

// events are the newest revisions in Kafka by id, and how many records there are.
func (w *world) events() (map[string]*feedbackv1.Event, int) {
	w.t.Helper()
	newest, n := map[string]*feedbackv1.Event{}, 0
	err := w.kafka.Scan(context.Background(), "feedback", func(r kafka.Record) error {
		e, err := feedback.DecodeEvent(r)
		if err != nil {
			return err
		}
		n++
		if old := newest[e.GetId()]; old == nil || old.GetRevision() <= e.GetRevision() {
			newest[e.GetId()] = e
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return newest, n
}

func (w *world) event(ts string) *feedbackv1.Event {
	all, _ := w.events()
	return all[feedback.SlackID(fakeslack.Team, "C1", ts)]
}

func (w *world) arrives(ts string) *feedbackv1.Event {
	w.t.Helper()
	w.until("event "+ts, func() bool { return w.event(ts) != nil })
	return w.event(ts)
}

func (w *world) count(topic string) int {
	n := 0
	_ = w.kafka.Scan(context.Background(), topic, func(kafka.Record) error { n++; return nil })
	return n
}

func (w *world) condition(name string) *feedbackv1.Health_Condition {
	var out *feedbackv1.Health_Condition
	_ = w.kafka.Scan(context.Background(), "state", func(r kafka.Record) error {
		if !strings.HasPrefix(string(r.Key), "health/slack-ingest/community/") || len(r.Value) == 0 {
			return nil
		}
		h, err := feedback.DecodeHealth(r)
		for _, c := range h.GetConditions() {
			if c.GetName() == name {
				out = c
			}
		}
		return err
	})
	return out
}
