package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

// TestMain runs the scorer itself where a test has started this binary as one.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_SCORER") == "1" {
		os.Args = os.Args[:1]
		main()
		return
	}
	os.Exit(m.Run())
}

// process is the scorer, run as its own process against a broker in this one.
type process struct {
	cmd          *exec.Cmd
	probes, grpc string
	topics       feedback.Topics
	client       *kafka.Client
	log          *strings.Builder
}

func startProcess(t *testing.T, environ ...string) *process {
	t.Helper()
	p := &process{
		probes: freeAddress(t), grpc: freeAddress(t), log: &strings.Builder{},
		topics: feedback.Topics{Feedback: "t.feedback", Scored: "t.scored", DeadLetters: "t.dead-letters", State: "t.state"},
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, p.topics.Feedback, p.topics.Scored, p.topics.DeadLetters, p.topics.State, shadowTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	servers := cluster.ListenAddrs()
	if p.client, err = kafka.Open(kafka.Config{BootstrapServers: servers}, "test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.client.Close() })
	p.cmd = exec.CommandContext(t.Context(), os.Args[0])
	p.cmd.Stderr = p.log
	p.cmd.Env = append(os.Environ(), "TEST_AS_SCORER=1", "LISTEN_ADDRESS="+p.probes, "GRPC_LISTEN_ADDRESS="+p.grpc,
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(servers, ","), "GROUP_ID=t.sentiment-scorer", "INSTANCE=one",
		"TOPIC_FEEDBACK="+p.topics.Feedback, "TOPIC_SCORED="+p.topics.Scored, "TOPIC_DEAD_LETTERS="+p.topics.DeadLetters, "TOPIC_STATE="+p.topics.State)
	p.cmd.Env = append(p.cmd.Env, environ...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}

// eventually waits for a condition, half a minute at most.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no %s within 30 s", what)
		}
	}
}

func (p *process) get(path string) (int, string) {
	resp, err := http.Get("http://" + p.probes + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func (p *process) scan(t *testing.T, topic string) []kafka.Record {
	t.Helper()
	var out []kafka.Record
	if err := p.client.Scan(t.Context(), topic, func(r kafka.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestScorerFromTopicToTopic(t *testing.T) {
	p := startProcess(t)
	eventually(t, "readiness", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })

	const events = 300
	var want []string
	var batch []kafka.Record
	for i := range events {
		e := &feedbackv1.Event{Id: fmt.Sprintf("slack:T:C:%d", i), Source: "community", Text: []string{"I love it", "I hate it", "", "Azure ligt er weer uit, wat een ellende, het hele kantoor staat stil"}[i%4]}
		want = append(want, e.GetId()+" "+[]string{"LABEL_POSITIVE", "LABEL_NEGATIVE", "UNSCORED_REASON_NO_TEXT", "UNSCORED_REASON_LANGUAGE"}[i%4])
		r, err := feedback.EventRecord(p.topics.Feedback, feedback.Protobuf, e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, r)
		if i == 150 {
			batch = append(batch, kafka.Record{Topic: p.topics.Feedback, Key: []byte("broken"), Value: []byte("\xff\xff")})
		}
	}
	if err := p.client.Write(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "scored events", func() bool { return len(p.scan(t, p.topics.Scored)) >= events })

	got := map[string]bool{}
	for _, r := range p.scan(t, p.topics.Scored) {
		s, err := feedback.DecodeScored(r)
		if err != nil {
			t.Fatal(err)
		}
		word := s.GetSentiment().GetLabel().String()
		if s.GetSentiment().Score == nil {
			word = s.GetSentiment().GetUnscoredReason().String()
		}
		got[s.GetEvent().GetId()+" "+word] = true
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("no scored event %s", w)
		}
	}
	eventually(t, "dead letter", func() bool { return len(p.scan(t, p.topics.DeadLetters)) == 1 })
	dead := p.scan(t, p.topics.DeadLetters)[0]
	if diff := cmp.Diff([]string{"broken", "Permanent", p.topics.Feedback},
		[]string{string(dead.Key), feedback.Header(dead, feedback.HeaderReason), feedback.Header(dead, feedback.HeaderTopic)}); diff != "" {
		t.Errorf("dead letter (-want +got):\n%s", diff)
	}
	if _, body := p.get("/metrics"); !strings.Contains(body, `feedback_scored_total{label="negative",language="en"} 75`) {
		t.Errorf("metrics have no 75 negatives:\n%s", body)
	} else {
		runtest.Scrape(t, "../../docs/metrics.md", "sentiment-scorer", body)
	}
	p.checkGRPC(t)
	p.checkStop(t, name)
}

// TestScorerAsksAServerThatWasAway: while the server is away nothing is scored, lost or a dead letter, and health says
// what is missing; when it is there, all is scored by it.
func TestScorerAsksAServerThatWasAway(t *testing.T) {
	address := freeAddress(t)
	p := startProcess(t, "SCORER_BACKEND=grpc", "SCORER_GRPC_ADDRESS="+address, "SCORER_GRPC_TIMEOUT=1s")
	eventually(t, "readiness", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
	var batch []kafka.Record
	for i, text := range []string{"I love it", "I hate it", ""} {
		e := &feedbackv1.Event{Id: fmt.Sprintf("slack:T:C:%d", i), Source: "community", Text: text, Deleted: text == ""}
		r, err := feedback.EventRecord(p.topics.Feedback, feedback.Protobuf, e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, r)
	}
	if err := p.client.Write(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "health that names the server", func() bool {
		for _, r := range p.scan(t, p.topics.State) {
			if strings.Contains(string(r.Value), "the scoring server "+address) {
				return true
			}
		}
		return false
	})
	if dead := p.scan(t, p.topics.DeadLetters); len(dead) > 0 {
		t.Fatalf("%d dead letters while the server was away, want none", len(dead))
	}
	lis, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := newGRPC(newServer(vader(t)), nil)
	go func() { _ = g.Serve(lis) }()
	t.Cleanup(g.Stop)
	eventually(t, "scored events", func() bool { return len(p.scan(t, p.topics.Scored)) == len(batch) })
	for _, r := range p.scan(t, p.topics.Scored) {
		s, err := feedback.DecodeScored(r)
		if err != nil {
			t.Fatal(err)
		}
		if m := s.GetSentiment(); !s.GetEvent().GetDeleted() && (m.Score == nil || !strings.HasPrefix(m.GetModel(), "vader/")) {
			t.Errorf("%s: %v, want it scored by the server", s.GetEvent().GetId(), m)
		}
	}
	if dead := p.scan(t, p.topics.DeadLetters); len(dead) > 0 {
		t.Errorf("%d dead letters, want none", len(dead))
	}
}

func (p *process) checkGRPC(t *testing.T) {
	t.Helper()
	conn, err := grpc.NewClient(p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got, err := feedbackv1.NewSentimentScorerServiceClient(conn).Score(t.Context(),
		&feedbackv1.ScoreRequest{Documents: []*feedbackv1.Document{{Text: "I love it"}}})
	if err != nil || got.GetSentiments()[0].GetLabel() != feedbackv1.Label_LABEL_POSITIVE {
		t.Errorf("Score by gRPC = %v, %v, want it positive", got, err)
	}
}

// checkStop stops the process and checks that it commits all and takes its health back.
func (p *process) checkStop(t *testing.T, component string) {
	t.Helper()
	healthOf := func() (newest *kafka.Record) {
		for _, r := range p.scan(t, p.topics.State) {
			if string(r.Key) == "health/"+component+"/one" {
				newest = &r
			}
		}
		return newest
	}
	eventually(t, "health", func() bool { r := healthOf(); return r != nil && len(r.Value) > 0 })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("exit: %v, want status 0", err)
	}
	if r := healthOf(); len(r.Value) != 0 {
		t.Errorf("health stands after a clean stop: %q", r.Value)
	}
	lags, err := p.client.Lag(t.Context(), "t."+component, p.topics.Feedback)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lags {
		if l.Lag() != 0 {
			t.Errorf("partition %d: lag %d after a clean stop, want 0", l.Partition, l.Lag())
		}
	}
}

// TestMetricsAreLive: what alerts and dashboard name is served before anything was scored.
func TestMetricsAreLive(t *testing.T) {
	p := startProcess(t)
	runtest.Live(t, "../..", "sentiment-scorer", "http://"+p.probes+"/metrics")
}
