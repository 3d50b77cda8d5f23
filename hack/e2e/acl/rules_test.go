//go:build e2e

package acl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

const (
	// prefix is that of the demo's topics.
	prefix = "default.azure"
	// password is that of all users here.
	password = "sesame"
)

// rule is one ACL: what a line of docs/acls.md grants.
type rule struct {
	user, operation string
	group           bool // a consumer group, else a topic
	name            string
	prefixed        bool
}

func (r rule) String() string {
	kind := "topic"
	if r.group {
		kind = "group"
	}
	return fmt.Sprintf("%s %s %s %s", r.user, r.operation, kind, r.name)
}

func (r rule) matches(group bool, name string) bool {
	return r.group == group && (r.name == name || r.prefixed && strings.HasPrefix(name, r.name))
}

func (r rule) builder() *kadm.ACLBuilder {
	pattern := kadm.ACLPatternLiteral
	if r.prefixed {
		pattern = kadm.ACLPatternPrefixed
	}
	b := kadm.NewACLs().Allow("User:" + r.user).AllowHosts("*").Operations(operation[r.operation]).ResourcePatternType(pattern)
	if r.group {
		return b.Groups(r.name)
	}
	return b.Topics(r.name)
}

// operation is Kafka's by the word of docs/acls.md, implied what it allows beside.
var (
	operation = map[string]kadm.ACLOperation{
		"Read": kadm.OpRead, "Write": kadm.OpWrite, "Create": kadm.OpCreate, "Describe": kadm.OpDescribe,
		"Alter": kadm.OpAlter, "AlterConfigs": kadm.OpAlterConfigs, "Delete": kadm.OpDelete,
	}
	implied = map[string]kadm.ACLOperation{
		"Read": kadm.OpDescribe, "Write": kadm.OpDescribe, "Alter": kadm.OpDescribe, "Delete": kadm.OpDescribe,
		"AlterConfigs": kadm.OpDescribeConfigs,
	}
)

var ruleLine = regexp.MustCompile(`(?m)^acl ([a-z-]+) ([A-Z][A-Za-z]+) --(topic|group) \$P(\S+)( --resource-pattern-type prefixed)?$`)

// documented is the rules of docs/acls.md, in its order.
func documented(t *testing.T) []rule {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/acls.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rules []rule
	for _, m := range ruleLine.FindAllStringSubmatch(string(page), -1) {
		rules = append(rules, rule{user: m[1], operation: m[2], group: m[3] == "group", name: prefix + m[4], prefixed: m[5] != ""})
	}
	if got, want := len(rules), strings.Count(string(page), "\nacl ")-strings.Count(string(page), "\nacl my-"); got != want || got == 0 {
		t.Fatalf("read %d rules of docs/acls.md, want %d", got, want)
	}
	return rules
}

// guarded is a Kafka that allows only what docs/acls.md grants.
type guarded struct {
	*broker.Real
	admin *kadm.Client
	sasl  string
	rules []rule
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{Real: e2etest.Kafka(t, broker.RealOptions{SASL: true, ACLs: true}), rules: documented(t)}
	for _, v := range g.Env() {
		if name, value, _ := strings.Cut(v, "="); name == broker.EnvSASLBootstrap {
			g.sasl = value
		}
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(g.Bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	g.admin = kadm.NewClient(c)
	made := map[string]bool{}
	for _, r := range g.rules {
		if !made[r.user] {
			if err := g.CreateUser(t.Context(), r.user, password); err != nil {
				t.Fatal(err)
			}
			made[r.user] = true
		}
		g.grant(t, r)
	}
	return g
}

func (g *guarded) grant(t *testing.T, r rule) {
	t.Helper()
	results, err := g.admin.CreateACLs(t.Context(), r.builder())
	for _, result := range results {
		err = errors.Join(err, result.Err)
	}
	if err != nil {
		t.Fatalf("grant %s: %v", r, err)
	}
}

func (g *guarded) revoke(t *testing.T, r rule) {
	t.Helper()
	results, err := g.admin.DeleteACLs(t.Context(), r.builder())
	for _, result := range results {
		err = errors.Join(err, result.Err)
		if len(result.Deleted) != 1 {
			err = errors.Join(err, fmt.Errorf("deleted %d ACLs, want 1", len(result.Deleted)))
		}
	}
	if err != nil {
		t.Fatalf("revoke %s: %v", r, err)
	}
}

// settings is how a program logs in as the user.
func (g *guarded) settings(user string) map[string]string {
	return map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": g.sasl, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
		"KAFKA_SASL_USERNAME": user, "KAFKA_SASL_PASSWORD": password,
	}
}

func (g *guarded) client(t *testing.T, user string) *kgo.Client {
	t.Helper()
	options, err := executor.ClientOptions(g.settings(user))
	if err != nil {
		t.Fatal(err)
	}
	c, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestDocumentedACLsAreEnoughAndNeeded(t *testing.T) {
	g := startGuarded(t)
	l := g.run(t, itself)
	h := followHealth(t, g)
	e2etest.More(t, l, 5*rate)
	g.checkNothingElse(t)
	g.checkReader(t)
	g.checkTopicCreator(t)
	for _, p := range l.Pipeline().Processes() {
		e2etest.Until(t, func() error { return h.well(p) })
	}
	needed := map[string]bool{}
	for _, r := range g.rules {
		for _, p := range l.Pipeline().Processes() {
			if itself(p.Deployment, p.Image) == r.user {
				g.checkNeeded(t, l, h, p, r)
				needed[r.user] = true
			}
		}
	}
	if !needed[desired.ShadowScorer] {
		t.Errorf("docs/acls.md has no ACLs of %s that were checked", desired.ShadowScorer)
	}
	finish(t, l)
}

// one is the user that all programs are where a FeedbackPipeline runs them.
const one = "azure"

func TestOneUsersACLsAreEnoughAndNeeded(t *testing.T) {
	g := startGuarded(t)
	l := g.run(t, func(string, string) string { return one })
	h := followHealth(t, g)
	e2etest.More(t, l, 5*rate)
	for _, p := range l.Pipeline().Processes() {
		e2etest.Until(t, func() error { return h.well(p) })
	}
	checked := 0
	for _, r := range g.rules {
		for _, p := range l.Pipeline().Processes() {
			if r.user == one && p.Image == "sentiment-scorer" { // it reads, writes and is in a group
				g.checkNeeded(t, l, h, p, r)
				checked++
			}
		}
	}
	if checked == 0 {
		t.Errorf("docs/acls.md has no ACLs of the user %s, want those of all programs together", one)
	}
	finish(t, l)
}

// checkNeeded takes the rule away, starts the program of its user anew, waits until that is in trouble, gives the rule
// back and waits until the program is well again by itself.
func (g *guarded) checkNeeded(t *testing.T, l *loop.Loop, h healths, p executor.Status, r rule) {
	t.Helper()
	began := time.Now()
	g.revoke(t, r)
	before := time.Now()
	if err := l.Pipeline().Restart(t.Context(), p.Name); err != nil {
		t.Fatal(err)
	}
	trouble := h.troubled(p, before)
	if trouble == nil {
		t.Errorf("without %s: %s is well, so that the ACL is not needed", r, p.Name)
	}
	g.grant(t, r)
	e2etest.Until(t, func() error { return h.well(p) })
	t.Logf("without %s (well again after %s): %v", r, time.Since(began).Round(100*time.Millisecond), trouble)
}
