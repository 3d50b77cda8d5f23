package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

// TestMain runs the notifier itself where a test has started this binary as one.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_NOTIFIER") == "1" {
		os.Args = os.Args[:1]
		main()
		return
	}
	os.Exit(m.Run())
}

// stage is a broker and a Slack workspace; notifiers come and go on it.
type stage struct {
	t      *testing.T
	broker *kafkatest.Broker
	slack  *workspace
	client *kafka.Client
	topics feedback.Topics
	group  string
}

func newStage(t *testing.T, b *kafkatest.Broker) *stage {
	s := &stage{t: t, broker: b, slack: newWorkspace(t), client: b.Client(t)}
	s.topics = feedback.Topics{
		Feedback: "unused", Scored: b.Topic(t, 3), Notifications: b.Topic(t, 3, "cleanup.policy", "compact"),
		DeadLetters: b.Topic(t, 1), State: b.Topic(t, 1, "cleanup.policy", "compact"),
	}
	s.group = s.topics.Scored + ".notifier.negative"
	return s
}

// log collects what a process writes.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type notifier struct {
	*exec.Cmd
	log     *log
	address string
}

// start runs a notifier of its own name as a process.
func (s *stage) start(instance string) *notifier {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	n := &notifier{log: &log{}, address: l.Addr().String()}
	l.Close()
	n.Cmd = exec.CommandContext(s.t.Context(), os.Args[0])
	n.Stderr = n.log
	n.Env = append(os.Environ(), "TEST_AS_NOTIFIER=1", "LISTEN_ADDRESS="+n.address, "INSTANCE="+instance, "LOG_FORMAT=text",
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(s.broker.Servers, ","), "TOPIC_SCORED="+s.topics.Scored,
		"TOPIC_NOTIFICATIONS="+s.topics.Notifications, "TOPIC_DEAD_LETTERS="+s.topics.DeadLetters, "TOPIC_STATE="+s.topics.State,
		"ROUTE_NEGATIVE_SLACK_BOT_TOKEN=xoxb-very-secret",
		fmt.Sprintf(`ROUTES=[{"name":"negative","group":%q,"match":{"scoreBelow":0.3},"slack":{"channel":"told","apiURL":"%s/api/","digestAfter":50}}]`, s.group, s.slack.URL))
	if err := n.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if n.ProcessState == nil {
			_ = n.Process.Kill()
			_ = n.Wait()
		}
		if strings.Contains(n.log.String(), "very-secret") {
			s.t.Error("the log shows the token")
		}
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", instance, n.log)
		}
	})
	return n
}

// say writes scored events to the topic.
func (s *stage) say(from, to int) {
	s.t.Helper()
	var recs []kafka.Record
	for i := from; i < to; i++ {
		r, err := feedback.ScoredRecord(s.topics.Scored, feedback.Protobuf, &feedbackv1.ScoredEvent{
			Event: &feedbackv1.Event{
				Id: fmt.Sprintf("x:%d", i), Text: fmt.Sprintf("broken in way %d", i), Source: "mentions",
				CreatedAt: timestamppb.Now(), RevisedAt: timestamppb.Now(),
			},
			Sentiment: &feedbackv1.Sentiment{Score: proto.Float64(0.1), Label: feedbackv1.Label_LABEL_NEGATIVE},
			ScoredAt:  timestamppb.Now(),
		})
		if err != nil {
			s.t.Fatal(err)
		}
		recs = append(recs, r)
	}
	if err := s.client.Write(context.Background(), recs...); err != nil {
		s.t.Fatal(err)
	}
}

// awaitTold waits until n events are told, each once.
func (s *stage) awaitTold(n int, limit time.Duration) {
	s.t.Helper()
	kafkatest.Eventually(s.t, limit, func() error {
		told := s.slack.told()
		if len(told) < n {
			return fmt.Errorf("%d events are told, want %d", len(told), n)
		}
		for id, times := range told {
			if times != 1 {
				return fmt.Errorf("%s is told %d times", id, times)
			}
		}
		return nil
	})
}

func (s *stage) awaitCommitted() {
	s.t.Helper()
	kafkatest.Eventually(s.t, 15*time.Second, func() error {
		lags, err := s.client.Lag(context.Background(), s.group, s.topics.Scored)
		if err != nil {
			return err
		}
		for _, l := range lags {
			if l.Lag() != 0 {
				return fmt.Errorf("partition %d lags by %d", l.Partition, l.Lag())
			}
		}
		return nil
	})
}

// TestKilledStoppedAndReplaced tells events while its owner is killed, frozen beyond the
// group's session and stopped in order, and while Slack's answers are lost.
func TestKilledStoppedAndReplaced(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := newStage(t, b)
		s.say(0, 12)
		first := s.start("first")
		s.awaitTold(3, 60*time.Second)
		s.slack.set(func() { s.slack.lose = 1 })
		s.awaitTold(5, 60*time.Second)
		if err := first.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = first.Wait()

		second, third := s.start("second"), s.start("third")
		s.awaitTold(8, 60*time.Second)
		// One of them owns the route; whichever it is, freeze it in mid-traffic.
		owner, heir := second, third
		if !strings.Contains(second.log.String(), "remembered what was told") {
			owner, heir = third, second
		}
		freeze(t, owner, syscall.SIGSTOP)
		s.awaitTold(10, 60*time.Second)
		freeze(t, owner, syscall.SIGCONT)
		s.say(12, 14)
		s.awaitTold(14, 60*time.Second)
		s.awaitCommitted()
		for _, n := range []*notifier{owner, heir} {
			freeze(t, n, syscall.SIGTERM)
			if err := n.Wait(); err != nil {
				t.Errorf("a notifier that was told to stop: %v", err)
			}
		}
		s.awaitTold(14, time.Second)
	})
}

func freeze(t *testing.T, n *notifier, sig syscall.Signal) {
	t.Helper()
	if err := n.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func TestARevokedTokenShowsAndIsRestored(t *testing.T) {
	s := newStage(t, kafkatest.Embedded(t))
	s.slack.set(func() { s.slack.revoked = true })
	n := s.start("one")
	s.say(0, 2)
	kafkatest.Eventually(t, 40*time.Second, func() error {
		var reason string
		err := s.client.Scan(context.Background(), s.topics.State, func(r kafka.Record) error {
			h, err := feedback.DecodeHealth(r)
			for _, c := range h.GetConditions() {
				if c.GetName() == "route/negative" {
					reason = c.GetReason()
				}
			}
			return err
		})
		if err == nil && reason != "TokenRefused" {
			err = fmt.Errorf("condition route/negative is %q, want TokenRefused", reason)
		}
		return err
	})
	resp, err := http.Get("http://" + n.address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz is %s, want 200: a person mends the token, not a restart", resp.Status)
	}
	s.slack.set(func() { s.slack.revoked = false })
	s.awaitTold(2, 30*time.Second)
	freeze(t, n, syscall.SIGTERM)
	var exit *exec.ExitError
	if err := n.Wait(); errors.As(err, &exit) {
		t.Errorf("notifier ended with %v, want 0", err)
	}
}

// TestMetricsAreLive: what alerts and dashboard name is served before anything was told.
func TestMetricsAreLive(t *testing.T) {
	s := newStage(t, kafkatest.Embedded(t))
	n := s.start("one")
	runtest.Live(t, "../..", "notifier", "http://"+n.address+"/metrics")
}
