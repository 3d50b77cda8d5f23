//go:build e2e

package readiness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// kafkaAway is what /readyz says of brokers that cannot be reached, with the remedy.
const kafkaAway = "(?s)^kafka: .*(KAFKA_BOOTSTRAP_SERVERS|the broker closed the connection)"

// scorerUser is who the scorer of the lane kafka-acls is in Kafka.
const scorerUser = "sentiment-scorer"

func kafkaFaults(t *testing.T, p *pipeline) []fault {
	notReady := func(message string, processes ...string) []says {
		var all []says
		for _, name := range processes {
			all = append(all, says{process: name, readyz: true, message: message})
		}
		return all
	}
	everybody := []string{"community", "mentions", "live", "scorer", "notifier"}
	var ways []*proxy.Link
	for _, l := range p.ways {
		ways = append(ways, l)
	}
	alone := []*proxy.Link{p.ways[p.process(t, "notifier").Name]}
	return []fault{
		{name: "Kafka is away: connections refused", broken: link(ways, proxy.Refused), mend: link(ways, proxy.Open),
			told: append(notReady(kafkaAway, everybody...), says{process: "scorer", silent: true})},
		{name: "Kafka is silent: packets are swallowed", broken: link(ways, proxy.Silent), mend: link(ways, proxy.Open),
			told: append(notReady(kafkaAway, everybody...), says{process: "notifier", silent: true})},
		{name: "Kafka is away for the notifier alone", broken: link(alone, proxy.Refused), mend: link(alone, proxy.Open),
			told: notReady(kafkaAway, "notifier")},
	}
}

func kafkaTopics(_ *testing.T, p *pipeline) []fault {
	noTopic := func(topic string, processes ...string) []says {
		var all []says
		for _, name := range processes {
			all = append(all, says{process: name, condition: "kafka", reason: "Unusable", message: "topic " + p.prefix + "." + topic + ".*create it again"})
		}
		return all
	}
	return []fault{
		{name: "topic feedback deleted", broken: p.deleteTopic("feedback"), mend: p.createTopic("feedback"), told: noTopic("feedback", "community", "mentions", "live", "scorer")},
		{name: "topic scored deleted", broken: p.deleteTopic("scored"), mend: p.createTopic("scored"), told: noTopic("scored", "scorer", "notifier")},
	}
}

func frozen(t *testing.T, p *pipeline) []fault {
	scorer := p.process(t, "scorer").Name
	return []fault{
		{name: "scorer frozen", told: []says{{process: "scorer", silent: true}},
			broken: func() error { return p.Pipeline().Kill(scorer, syscall.SIGSTOP) },
			mend: func() error {
				return errors.Join(p.feedbackctlSays(t, "sentiment-scorer", "unknown", "Silent"), p.Pipeline().Kill(scorer, syscall.SIGCONT))
			}},
	}
}

func kafkaACLs(_ *testing.T, p *pipeline) []fault {
	scored := kadm.NewACLs().Topics(p.prefix + ".scored").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite).Allow("User:" + scorerUser).AllowHosts()
	group := kadm.NewACLs().Groups(p.prefix + ".sentiment-scorer").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead).Allow("User:" + scorerUser).AllowHosts()
	return []fault{
		{name: "writes to scored refused", broken: p.kafka.revoke(scored), mend: p.kafka.grant(scored), told: []says{
			{process: "scorer", condition: "kafka/write", reason: "WriteFailed", message: "scored.*ACLs do not allow it.*docs/acls.md"}}},
		{name: "right to the consumer group lost", broken: p.kafka.revoke(group), mend: p.kafka.grant(group), told: []says{
			{process: "scorer", condition: "kafka/consume", reason: "ConsumeFailed", message: "sentiment-scorer.*ACLs do not allow it.*docs/acls.md"}}},
	}
}

// letScorerIn makes the scorer's user, with the rights of docs/acls.md in the pipeline of the prefix.
func (k *cluster) letScorerIn(t *testing.T, prefix string) {
	t.Helper()
	if err := k.CreateUser(t.Context(), scorerUser, password); err != nil {
		t.Fatal(err)
	}
	user := "User:" + scorerUser
	for _, b := range []*kadm.ACLBuilder{
		kadm.NewACLs().Topics(prefix + ".feedback").Operations(kadm.OpRead),
		kadm.NewACLs().Topics(prefix+".scored", prefix+".dead-letters", prefix+".state").Operations(kadm.OpWrite),
		kadm.NewACLs().Topics(prefix + ".scored").Operations(kadm.OpDescribe), // so that Write alone can be taken away
		kadm.NewACLs().Groups(prefix + ".sentiment-scorer").Operations(kadm.OpRead),
	} {
		if err := k.grant(b.ResourcePatternType(kadm.ACLPatternLiteral).Allow(user).AllowHosts())(); err != nil {
			t.Fatal(err)
		}
	}
}

func (k *cluster) grant(b *kadm.ACLBuilder) func() error {
	return func() error {
		results, err := k.admin.CreateACLs(context.Background(), b)
		for _, r := range results {
			err = errors.Join(err, r.Err)
		}
		return err
	}
}

func (k *cluster) revoke(b *kadm.ACLBuilder) func() error {
	return func() error {
		results, err := k.admin.DeleteACLs(context.Background(), b)
		for _, r := range results {
			if err = errors.Join(err, r.Err); len(r.Deleted) != 1 {
				err = errors.Join(err, fmt.Errorf("deleted %d ACLs, want 1", len(r.Deleted)))
			}
		}
		return err
	}
}

func (p *pipeline) deleteTopic(short string) func() error {
	return func() error {
		answers, err := p.kafka.admin.DeleteTopics(context.Background(), p.prefix+"."+short)
		if err == nil {
			err = answers.Error()
		}
		return err
	}
}

// createTopic creates a topic that was deleted; the brokers may still be about it.
func (p *pipeline) createTopic(short string) func() error {
	return func() error {
		var err error
		for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
			if _, err = p.kafka.admin.CreateTopic(context.Background(), 2, 1, nil, p.prefix+"."+short); err == nil {
				return nil
			}
		}
		return err
	}
}

// feedbackctlSays is nil where feedbackctl health ends with status 1 and has a line with all these words.
func (p *pipeline) feedbackctlSays(t *testing.T, words ...string) error {
	root, err := broker.Root()
	if err != nil {
		return err
	}
	c := exec.CommandContext(t.Context(), filepath.Join(root, "bin/feedbackctl"), "health", "--kafka", strings.Join(p.kafka.Bootstrap(), ","), "--prefix", p.prefix) //nolint:gosec // ours
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return fmt.Errorf("feedbackctl health ended with %w, want status 1:\n%s", err, out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			t.Log(line)
			return nil
		}
	}
	return fmt.Errorf("feedbackctl health has no line with %v:\n%s", words, out)
}
