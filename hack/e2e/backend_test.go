//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// azure is a pipeline that Azure scores, which the simulator plays.
type azure struct {
	*loop.Loop
	health *e2etest.Health
}

// startAzure starts hack/demo/azure.yaml on an embedded Kafka, with more in its scorer, and with people who talk.
func startAzure(t *testing.T, more string) *azure {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "hack/demo/azure.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	manifest := strings.NewReplacer("secrets.yaml", filepath.Join(root, "hack/demo/secrets.yaml"), "    azure: {", more+"    azure: {").Replace(string(text))
	if err := os.WriteFile(filepath.Join(dir, "azure.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := loop.Start(t.Context(), loop.Options{
		Manifest: filepath.Join(dir, "azure.yaml"), Corpus: filepath.Join(root, "hack/demo/corpus.tsv"), Bin: filepath.Join(root, "bin"),
		DataDir: filepath.Join(dir, "data"), Rate: 5, Seed: 1, Quiet: true, Out: output{t}, Log: slog.New(slog.NewTextHandler(output{t}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if err := l.Traffic(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	a := &azure{Loop: l, health: e2etest.FollowHealth(t, brokers(l), topic(t, l, ".state"))}
	e2etest.More(t, l, 10)
	return a
}

// brokers are the brokers' addresses.
func brokers(l *loop.Loop) []string {
	return strings.Split(l.Plan().Kafka["KAFKA_BOOTSTRAP_SERVERS"], ",")
}

// topic is the pipeline's topic whose name ends so.
func topic(t *testing.T, l *loop.Loop, end string) string {
	t.Helper()
	for _, tp := range l.Plan().Topics {
		if strings.HasSuffix(tp.Name, end) {
			return tp.Name
		}
	}
	t.Fatalf("no topic %s", end)
	return ""
}

// fault has the simulator misbehave.
func (a *azure) fault(t *testing.T, f map[string]any) {
	t.Helper()
	if err := a.Fault(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// says waits until the scorer's health says so, and good where reason is empty.
func (a *azure) says(t *testing.T, level feedbackv1.Health_Level, reason, message string) {
	t.Helper()
	began := time.Now()
	e2etest.Until(t, func() error {
		h := a.health.Of(a.scorer(t))
		if h.GetLevel() == level && reason == "" {
			t.Logf("%4.1f s: %s", time.Since(began).Seconds(), level)
			return nil
		}
		for _, c := range h.GetConditions() {
			if c.GetLevel() == level && c.GetReason() == reason && strings.Contains(c.GetMessage(), message) {
				t.Logf("%4.1f s: %s %s %s: %s", time.Since(began).Seconds(), c.GetName(), level, reason, c.GetMessage())
				return nil
			}
		}
		return fmt.Errorf("the scorer says %v, want %s %s: %s", h, level, reason, message)
	})
}

func (a *azure) scorer(t *testing.T) string {
	t.Helper()
	for _, p := range a.Pipeline().Processes() {
		if p.Image == "sentiment-scorer" {
			return p.Name
		}
	}
	t.Fatal("no process of the scorer")
	return ""
}

// finish drains, wants a clean ledger without dead letters, and returns the sentiments.
func (a *azure) finish(t *testing.T) []*feedbackv1.Sentiment {
	t.Helper()
	ledger, err := a.Finish(t.Context(), 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(ledger)
	if !ledger.OK() || ledger.Pending > 0 || ledger.DeadLettered > 0 || ledger.Scored == 0 || ledger.Posted == 0 {
		t.Errorf("%s\n%s", ledger, strings.Join(ledger.Explain(50), "\n"))
	}
	return a.sentiments(t)
}

// sentiments are those of all records of the scored topic.
func (a *azure) sentiments(t *testing.T) []*feedbackv1.Sentiment {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers(a.Loop)...), kgo.ConsumeTopics(topic(t, a.Loop, ".scored")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all []*feedbackv1.Sentiment
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		fetches := c.PollFetches(ctx)
		cancel()
		if errors.Is(fetches.Err0(), context.DeadlineExceeded) {
			return all
		}
		fetches.EachRecord(func(r *kgo.Record) {
			s := &feedbackv1.ScoredEvent{}
			if err := proto.Unmarshal(r.Value, s); err != nil {
				t.Fatal(err)
			}
			all = append(all, s.GetSentiment())
		})
	}
}

// models counts sentiments by who gave them, and by why there is no score.
func models(all []*feedbackv1.Sentiment) (by, unscored map[string]int) {
	by, unscored = map[string]int{}, map[string]int{}
	for _, s := range all {
		who, _, _ := strings.Cut(s.GetModel(), "/")
		if s.GetFallback() != nil {
			who += " for " + s.GetFallback().GetBackend()
		}
		by[who]++
		if s.Score == nil {
			unscored[s.GetUnscoredReason().String()]++
		}
	}
	return by, unscored
}

// TestAzureAway: while Azure refuses the key, is away, throttles or refuses texts, health says so, events wait, and nothing
// is lost, told twice, left unscored or scored by anybody else.
func TestAzureAway(t *testing.T) {
	a := startAzure(t, "")
	a.fault(t, map[string]any{"kind": "revoke", "target": "azure"})
	a.says(t, feedbackv1.Health_LEVEL_FAILED, "BackendFailed", "it refuses the key")
	e2etest.More(t, a.Loop, 20)
	a.fault(t, map[string]any{"kind": "restore"})
	a.says(t, feedbackv1.Health_LEVEL_GOOD, "", "")

	a.fault(t, map[string]any{"kind": "azure503", "duration": "1m"})
	a.says(t, feedbackv1.Health_LEVEL_FAILED, "BackendFailed", "answered 503")
	a.says(t, feedbackv1.Health_LEVEL_GOOD, "", "")

	a.fault(t, map[string]any{"kind": "azure429", "count": 5})
	a.fault(t, map[string]any{"kind": "azure_refuse", "target": "sentiment", "count": 3})
	e2etest.More(t, a.Loop, 20)

	by, unscored := models(a.finish(t))
	t.Logf("sentiments by %v, unscored %v", by, unscored)
	if by["azure-language"] == 0 || by["builtin"]+by["builtin for azure"] > 0 {
		t.Errorf("sentiments by %v, want all by Azure", by)
	}
	if n := unscored["UNSCORED_REASON_REFUSED"]; n != 3 {
		t.Errorf("%d texts are refused (%v), want the 3 that Azure refused", n, unscored)
	}
}

// TestFallback: the same where the built-in models score meanwhile. Each record says who scored it, health says it, and
// Azure scores again once it answers.
func TestFallback(t *testing.T) {
	a := startAzure(t, "    fallback: {builtin: {neutralTerms: [azure]}, after: 5s}\n")
	for _, fault := range []struct{ kind, said string }{{"azure503", "answered 503"}, {"revoke", "it refuses the key"}, {"azure_slow", "no answer within 5s"}} {
		a.fault(t, map[string]any{"kind": fault.kind, "target": map[bool]string{true: "azure"}[fault.kind == "revoke"], "duration": "10m", "delay": "30s"})
		a.says(t, feedbackv1.Health_LEVEL_DEGRADED, "ScoredByFallback", fault.said)
		e2etest.More(t, a.Loop, 20)
		a.fault(t, map[string]any{"kind": "restore"})
		a.says(t, feedbackv1.Health_LEVEL_GOOD, "", "")
	}
	e2etest.More(t, a.Loop, 10)
	by, unscored := models(a.finish(t))
	t.Logf("sentiments by %v, unscored %v", by, unscored)
	if by["azure-language"] == 0 || by["builtin for azure"] < 20 || by["builtin"]+by["azure-language for azure"] > 0 {
		t.Errorf("sentiments by %v, want some by Azure, and for it by builtin, each of which says so", by)
	}
	if n := unscored["UNSCORED_REASON_REFUSED"]; n > 0 {
		t.Errorf("%d texts are refused, want none", n)
	}
}
