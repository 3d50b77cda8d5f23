//go:build e2e

package failpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

// channel is the one that the route tells.
const channel = "negative-feedback"

var starting sync.Mutex

// scene is a pipeline with a point that is armed in one of its programs.
type scene struct {
	t     *testing.T
	w     window
	loop  *loop.Loop
	sim   string // the simulator's base URL
	marks string // folder that has a file for each point that fired
	said  int
}

const manifest = `apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {name: %[1]s}
spec:
  kafka: {bootstrapServers: ["127.0.0.1:9092"]}
  topics: {prefix: %[1]s, partitions: 2, replicationFactor: 1}
  sources:
  - name: community
    slack: {channels: [feedback], match: {keywords: [azure]}, credentialsSecretRef: {name: slack}}
  - name: mentions
    twitter: {query: azure, mode: %[2]s, interval: 1s, credentialsSecretRef: {name: x}}
  routes:
  - name: negative
    match: {scoreBelow: 0.3}
    slack: {channel: negative-feedback, delivery: %[3]s, digestInterval: 5s, credentialsSecretRef: {name: slack}}
`

// start runs the pipeline of a window with its point armed to do action in every process of its program.
func (w window) start(t *testing.T, k *broker.Real, action string, replicas int) *scene {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &scene{t: t, w: w, marks: filepath.Join(dir, "fired")}
	if err := os.Mkdir(s.marks, 0o755); err != nil {
		t.Fatal(err)
	}
	mode, delivery := "Search", "Each"
	if w.stream {
		mode = "Stream"
	}
	if w.told == "digest" {
		delivery = "Digest"
	}
	file, name := filepath.Join(dir, "pipeline.yaml"), strings.ReplaceAll(w.name()+"-"+action, ".", "-")
	if err := os.WriteFile(file, fmt.Appendf(nil, manifest, name, mode, delivery), 0o600); err != nil {
		t.Fatal(err)
	}
	starting.Lock() // who looks for free ports takes them before another looks
	defer starting.Unlock()
	s.loop, err = loop.Start(t.Context(), loop.Options{
		Manifest: file, Bin: filepath.Join(root, "bin", "failpoint"), DataDir: filepath.Join(dir, "data"), Kafka: k.Bootstrap(),
		Replicas: map[string]int{w.image: replicas}, Quiet: true,
		// A post that search finds late would be found by the second look after a reconnection, a minute later.
		SimulatorEnv: []string{"SLACK_TIER_LIMITS=false", "X_INDEX_DELAY=10ms"},
		Log:          slog.New(slog.NewTextHandler(t.Output(), nil)),
		Adapt: func(plan *executor.Plan, simulator string) error {
			s.sim = simulator
			s.arm(plan, action)
			if w.before != nil {
				w.before(s)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.loop.Stop)
	t.Cleanup(s.explain)
	return s
}

// explain shows the end of each service's log where the case has failed.
func (s *scene) explain() {
	for _, p := range s.loop.Pipeline().Processes() {
		if log, err := os.ReadFile(p.Log); err == nil && s.t.Failed() {
			lines := strings.Split(strings.TrimSpace(string(log)), "\n")
			s.t.Logf("%s:\n%s", p.Name, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	}
}

// arm sets the environment of the window's program.
func (s *scene) arm(plan *executor.Plan, action string) {
	points := s.w.point + "=" + action
	if s.w.at > 0 {
		points += fmt.Sprintf("@%d", s.w.at)
	}
	if s.w.also != "" {
		points += "," + s.w.also + "=" + action
	}
	for i, p := range plan.Programs {
		if p.Image == s.w.image {
			plan.Programs[i].Env = append(slices.Clip(p.Env), "FAILPOINT="+points, "FAILPOINT_DIR="+s.marks)
		}
	}
}

// name tells the window from the others.
func (w window) name() string {
	name := w.point
	if strings.HasPrefix(w.point, "kafka.") || strings.HasPrefix(w.point, "stream.") {
		name += "." + w.image
	}
	if w.told != "" && !strings.HasPrefix(w.point, "notifier.digest.") {
		name += "." + w.told
	}
	return name
}

// message is what somebody said in Slack.
type message struct{ Channel, TS string }

// say says something in Slack; in a thread where thread is its root's ts.
func (s *scene) say(text, thread string) message {
	s.t.Helper()
	var m message
	s.call(http.MethodPost, "/sim/slack/messages", map[string]any{"channel": "feedback", "user": "ann", "text": text, "thread_ts": thread}, &m)
	s.said++
	return m
}

func (s *scene) edit(m message, text string) {
	s.t.Helper()
	s.call(http.MethodPatch, "/sim/slack/messages/"+m.Channel+"/"+m.TS, map[string]any{"text": text}, nil)
}

func (s *scene) post(text string) {
	s.t.Helper()
	s.call(http.MethodPost, "/sim/x/posts", map[string]any{"author": "ann", "text": text, "lang": "en"}, nil)
	s.said++
}

// card is a message that was ever posted to the route's channel.
type card struct {
	TS      string
	Deleted bool
}

// posts are all, those that were removed again included, oldest first.
func (s *scene) posts() (all []card) {
	s.t.Helper()
	s.call(http.MethodGet, "/sim/channels/"+channel+"/messages?deleted=true", nil, &all)
	return all
}

// quiet waits until Slack's limit of a message a second would let another be posted.
func (s *scene) quiet() {
	s.t.Helper()
	s.until(func() error {
		all := s.posts()
		seconds, err := strconv.ParseFloat(all[len(all)-1].TS, 64)
		if age := time.Since(time.UnixMicro(int64(seconds * 1e6))); err == nil && age < 1500*time.Millisecond {
			err = fmt.Errorf("the last message is only %s old", age)
		}
		return err
	})
}

func (s *scene) call(method, path string, in, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.sim+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: the simulator says %s", method, path, answer.Status)
	}
	if out != nil {
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			s.t.Fatal(err)
		}
	}
}

// until waits, for a minute at most, until f is nil.
func (s *scene) until(f func() error) { s.t.Helper(); e2etest.Until(s.t, f) }

// told waits until n events are told.
func (s *scene) told(n int) {
	s.t.Helper()
	s.until(func() error {
		l, err := s.loop.Audit(s.t.Context())
		if got := l.Posted + l.Digested + l.Collapsed; err == nil && got < n {
			err = fmt.Errorf("%d of %d told", got, n)
		}
		return err
	})
}

// fired waits until the point has fired and returns the id of the process.
func (s *scene) fired() (pid int) {
	s.t.Helper()
	s.until(func() error {
		text, err := os.ReadFile(filepath.Join(s.marks, s.w.point))
		if err != nil {
			return fmt.Errorf("no process has passed the point: %w", err)
		}
		action := ""
		_, err = fmt.Sscan(string(text), &action, &pid)
		return err
	})
	return pid
}

// finish drains and has the auditor judge: nothing lost, nothing told twice, all told.
func (s *scene) finish() audit.Ledger {
	s.t.Helper()
	ledger, err := s.loop.Finish(s.t.Context(), 90*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%s; %d messages were posted", ledger, len(s.posts()))
	if !ledger.OK() || ledger.Pending > 0 {
		s.t.Errorf("%s\n%s", ledger, strings.Join(ledger.Explain(50), "\n"))
	}
	if ledger.Sent != s.said || ledger.Ingested != s.said || ledger.Skipped > 0 || ledger.DeadLettered > 0 || ledger.Posted+ledger.Digested == 0 {
		s.t.Errorf("%s\nwant %d sent and ingested, and none skipped", ledger, s.said)
	}
	return ledger
}
