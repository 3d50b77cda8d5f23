//go:build e2e

package acl

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// rate is what Slack takes in cards, so that what a missing ACL held up is soon told.
const rate = 4

// itself is the user of a program's own name; the scorer's shadow, which is the same program, has one of its own.
func itself(deployment, program string) string {
	if strings.HasSuffix(deployment, "-shadow") {
		return desired.ShadowScorer
	}
	return program
}

// run starts the demo's pipeline, with a shadow, and people who talk, each program as its user.
func (g *guarded) run(t *testing.T, user func(deployment, program string) string) *loop.Loop {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	l, err := loop.Start(t.Context(), loop.Options{
		Manifest: e2etest.Shadowed(t, root), Corpus: filepath.Join(root, "hack/demo/corpus.tsv"),
		Bin: filepath.Join(root, "bin"), DataDir: t.TempDir(), Kafka: g.Bootstrap(), Rate: rate, Seed: 1, Quiet: true,
		Adapt: func(plan *executor.Plan, _ string) error {
			for i, p := range plan.Programs {
				env := slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool { return strings.HasPrefix(v, "KAFKA_") })
				for name, value := range g.settings(user(p.Deployment, p.Image)) {
					env = append(env, name+"="+value)
				}
				plan.Programs[i].Env = env
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if err := l.Traffic(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return l
}

// finish drains and has the auditor judge: nothing may be lost.
func finish(t *testing.T, l *loop.Loop) {
	t.Helper()
	ledger, err := l.Finish(t.Context(), 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(ledger)
	if !ledger.OK() || ledger.Pending > 0 {
		t.Errorf("%s\n%s", ledger, strings.Join(ledger.Explain(50), "\n"))
	}
	if ledger.Ingested == 0 || ledger.Scored == 0 || ledger.Posted == 0 {
		t.Errorf("%s\nwant that every hop had its part", ledger)
	}
}
