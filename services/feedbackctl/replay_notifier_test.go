package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// tellings counts what a notifier posts, by event.
type tellings struct {
	mu     sync.Mutex
	posted []any // messages as conversations.history gives them, newest first
	told   map[string]int
}

func (s *tellings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	channel := map[string]any{"id": "C1", "name": "told", "is_member": true}
	answer := map[string]any{"ok": true, "team_id": "T1", "channel": channel, "channels": []any{channel}}
	switch r.URL.Path {
	case "/api/conversations.history":
		answer["messages"] = s.posted
	case "/api/chat.postMessage":
		var m struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		_ = json.Unmarshal([]byte(r.Form.Get("metadata")), &m)
		s.told[fmt.Sprint(m.Payload["event_id"])]++
		ts := fmt.Sprintf("%d.%06d", time.Now().Unix(), len(s.posted)+1)
		s.posted = append([]any{map[string]any{"ts": ts, "text": r.Form.Get("text"), "metadata": m}}, s.posted...)
		answer["channel"], answer["ts"] = "C1", ts
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *tellings) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.told)
}

// say writes a scored event that was said so long ago.
func (b *broker) say(id string, score float64, old time.Duration) {
	b.t.Helper()
	at := timestamppb.New(time.Now().Add(-old))
	b.write(feedback.ScoredRecord(b.topics["scored"], feedback.Protobuf, &feedbackv1.ScoredEvent{
		Event:     &feedbackv1.Event{Id: id, Source: "mentions", Text: "about " + id, CreatedAt: at, RevisedAt: at},
		Sentiment: &feedbackv1.Sentiment{Score: proto.Float64(score)}, ScoredAt: timestamppb.Now(),
	}))
}

// notify runs the notifier with one route until it has read the topic to its end and told
// what is wanted.
func (b *broker) notify(binary, slackURL string, below float64, slack *tellings, want string) {
	b.t.Helper()
	group := b.env["FEEDBACK_PREFIX"] + ".notifier.negative"
	var log bytes.Buffer
	cmd := exec.CommandContext(b.t.Context(), binary)
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(), "LISTEN_ADDRESS=127.0.0.1:0", "LOG_FORMAT=text", "ROUTE_NEGATIVE_SLACK_BOT_TOKEN=xoxb-x",
		fmt.Sprintf(`ROUTES=[{"name":"negative","group":%q,"match":{"scoreBelow":%v},"slack":{"channel":"told","apiURL":"%s/api/"}}]`, group, below, slackURL))
	for name, value := range b.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || b.t.Failed() {
			b.t.Errorf("notifier: %v\n%s", err, &log)
		}
	}()
	kafkatest.Eventually(b.t, 60*time.Second, func() error {
		lags, err := b.client.Lag(b.t.Context(), group, b.topics["scored"])
		if err != nil {
			return err
		}
		if lags[0].Committed != lags[0].End || slack.String() != want {
			return fmt.Errorf("committed %d of %d, told %s, want %s", lags[0].Committed, lags[0].End, slack, want)
		}
		return nil
	})
}

// TestNothingIsToldTwiceAfterAReplay replays the notifier itself from the beginning: with
// the same route, and with one that matches more.
func TestNothingIsToldTwiceAfterAReplay(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "notifier")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../notifier").CombinedOutput(); err != nil {
		t.Fatalf("build the notifier: %v\n%s", err, out)
	}
	eachBroker(t, func(t *testing.T, b *broker) {
		slack := &tellings{told: map[string]int{}}
		server := httptest.NewServer(slack)
		defer server.Close()
		group := b.env["FEEDBACK_PREFIX"] + ".notifier.negative"
		b.say("x:1", 0.1, time.Minute)
		b.say("x:2", 0.5, time.Minute)  // not wanted
		b.say("x:3", 0.1, 30*time.Hour) // too old
		b.say("x:4", 0.5, 30*time.Hour)
		b.say("x:5", 0.2, 20*time.Hour)
		b.notify(binary, server.URL, 0.3, slack, "map[x:1:1 x:5:1]")
		b.left(group)

		got := b.run("replay", "--group", "notifier/negative", "--to", "earliest", "--yes").ok(t)
		if want := "5 records are read again"; !bytes.Contains([]byte(got.err), []byte(want)) {
			t.Errorf("replay = %+v, want %q", got, want)
		}
		b.say("x:6", 0.1, time.Minute) // shows that it reads on behind what it reads again
		b.notify(binary, server.URL, 0.3, slack, "map[x:1:1 x:5:1 x:6:1]")
		b.left(group)

		b.run("replay", "--group", "notifier/negative", "--to", "earliest", "--yes").ok(t)
		b.notify(binary, server.URL, 0.6, slack, "map[x:1:1 x:2:1 x:5:1 x:6:1]")
	})
}
