package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/conformance"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/llm/standin"
)

// again starts the process once more, with other settings.
func (p *process) again(t *testing.T, environ ...string) {
	t.Helper()
	env := slices.Concat(p.cmd.Env, environ)
	p.cmd = exec.CommandContext(t.Context(), p.cmd.Path)
	p.cmd.Env, p.cmd.Stderr = env, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// says tells whether the newest health of an instance has a condition with a reason and a text.
func (p *process) says(t *testing.T, instance, condition, reason, text string) bool {
	t.Helper()
	found := false
	for _, r := range p.scan(t, p.topics.State) {
		h, err := feedback.DecodeHealth(r)
		if err != nil || !strings.HasPrefix(string(r.Key), "health/") || !strings.HasSuffix(string(r.Key), "/"+instance) {
			continue
		}
		found = false
		for _, c := range h.GetConditions() {
			found = found || c.GetName() == condition && c.GetReason() == reason && strings.Contains(c.GetMessage(), text)
		}
	}
	return found
}

// TestABudgetIsAHardStop: once it is spent nothing is asked, lost or a dead letter; a scorer that was killed remembers it,
// and one that is given more goes on with what is left.
func TestABudgetIsAHardStop(t *testing.T) {
	const limit, events, secret = 50_000, 200, "sk-of-the-test"
	service := standin.New(standin.Options{Takes: func(key string) bool { return key == secret }, Backend: conformance.Backend{}})
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	p := startProcess(t, "SCORER_BACKEND=llm", "SCORER_LLM_ENDPOINT="+server.URL+"/v1", "SCORER_LLM_MODEL=small", "SCORER_LLM_KEY="+secret,
		fmt.Sprint("SCORER_LLM_DAILY_BUDGET=", limit))
	var batch []kafka.Record
	for i := range events {
		e := &feedbackv1.Event{Id: fmt.Sprintf("slack:T:C:%d", i), Source: "community", Text: fmt.Sprintf("I %s it %d times. ", []string{"love", "hate"}[i%2], i) + strings.Repeat("And so on. ", 100)}
		r, err := feedback.EventRecord(p.topics.Feedback, feedback.Protobuf, e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, r)
	}
	if err := p.client.Write(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "word of the budget", func() bool { return p.says(t, "one", "budget", "BudgetSpent", "raise spec.scorer.llm.tokensPerDay") })
	spent := service.Counts()
	if spent["tokens"] > limit || spent["tokens"] < limit/4 || len(p.scan(t, p.topics.Scored)) >= events {
		t.Fatalf("got %v when the budget of %d was spent, with %d of %d events scored", spent, limit, len(p.scan(t, p.topics.Scored)), events)
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	p.again(t, "INSTANCE=two")
	eventually(t, "readiness", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
	eventually(t, "word of the budget from another instance", func() bool { return p.says(t, "two", "budget", "BudgetSpent", "tokens a day is spent") })
	if got := service.Counts()["tokens"]; got > limit {
		t.Errorf("%d tokens were used after a kill, of %d", got, limit)
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	p.again(t, "INSTANCE=three", fmt.Sprint("SCORER_LLM_DAILY_BUDGET=", 100*limit))
	eventually(t, "all scored events", func() bool { return len(p.scan(t, p.topics.Scored)) >= events })
	if dead := p.scan(t, p.topics.DeadLetters); len(dead) > 0 {
		t.Errorf("got %d dead letters, want none", len(dead))
	}
	_, body := p.get("/metrics")
	if runtest.Scrape(t, "../../docs/metrics.md", "sentiment-scorer", body); !strings.Contains(body, "feedback_llm_budget_limit 5e+06") {
		t.Errorf("metrics have no limit of the budget:\n%s", body)
	}
	if strings.Contains(p.log.String(), secret) {
		t.Error("the log has the key")
	}
}
