package main

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// TestKilled kills the real process again and again between a broker and an X on the
// network: in the end Kafka has every post, and a clean stop takes the health record back.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills a process")
	}
	bin, broker := build(t), newBroker(t)
	client, err := kafka.Open(kafka.Config{BootstrapServers: broker.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	x := xtest.New()
	srv := httptest.NewServer(x)
	defer srv.Close()
	var ids []snowflake.ID
	say := func(n int) {
		for i := range n {
			ids = append(ids, x.Say(time.Now().Add(-time.Duration(n-i)*time.Millisecond), "post"))
		}
	}
	for i := range 1500 {
		ids = append(ids, x.Say(time.Now().Add(-time.Duration(i+120)*time.Second), "old"))
	}
	run := func() *exec.Cmd { return launch(t, bin, broker, srv.URL, "127.0.0.1:0") }
	for range 4 { // each gets a few pages further
		served := x.Served()
		cmd := run()
		eventually(t, "three requests", func() bool { return x.Served() >= served+3 })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		say(30)
	}
	cmd := run()
	eventually(t, "every post in Kafka", func() bool { return len(missing(t, client, ids)) == 0 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("a stopped process ended with %v, want status 0", err)
	}
	saved, err := feedback.LoadCheckpoint(t.Context(), client, "state", "mentions")
	if err != nil || len(saved.GetWindows()) != 1 || len(saved.GetWindows()[0].GetGaps()) != 0 {
		t.Errorf("checkpoint = %v, %v, want one window without gaps", saved, err)
	}
	if got, billed := saved.GetBudget().GetUsed(), x.Billed(time.Now()); got < uint64(billed) {
		t.Errorf("budget used = %d, X bills %d", got, billed)
	}
}

// TestMetricsAreLive: what alerts and dashboard name is served before anything was found on X.
func TestMetricsAreLive(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts a process")
	}
	srv := httptest.NewServer(xtest.New())
	defer srv.Close()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = lis.Close()
	cmd := launch(t, build(t), newBroker(t), srv.URL, lis.Addr().String())
	runtest.Live(t, "../..", "twitter-ingest", "http://"+lis.Addr().String()+"/metrics")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// build builds the program and returns its path.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "twitter-ingest")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func newBroker(t *testing.T) *kfake.Cluster {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "feedback", "dead-letters"), kfake.SeedTopics(1, "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}

// launch starts the program between a broker and an X.
func launch(t *testing.T, bin string, broker *kfake.Cluster, x, listen string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin)
	cmd.Env = append(os.Environ(), environ("KAFKA_BOOTSTRAP_SERVERS="+broker.ListenAddrs()[0], "X_BEARER_TOKEN=good", "X_API_URL="+x,
		"X_INTERVAL=1s", "LISTEN_ADDRESS="+listen, "INSTANCE=test")...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// missing are the posts of which Kafka has no event.
func missing(t *testing.T, client *kafka.Client, ids []snowflake.ID) []snowflake.ID {
	t.Helper()
	found := map[string]bool{}
	err := client.Scan(t.Context(), "feedback", func(r kafka.Record) error {
		found[string(r.Key)] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []snowflake.ID
	for _, id := range ids {
		if !found[post.EventID(id)] {
			out = append(out, id)
		}
	}
	return out
}

// eventually waits until ok, for a minute at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("no %s within a minute", what)
		case <-tick.C:
		}
	}
}
