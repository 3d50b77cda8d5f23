//go:build e2e

package acl

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
)

// command is one of feedbackctl that changes something, and what it says when it has.
type command struct {
	user, said string
	args       []string
}

// commands are what the documented people do, in the topics that fillTopics makes. Each can be done again and again.
var commands = []command{
	{"redriver", "2 of 2 dead letters redriven", []string{"dead-letters", "redrive", "--all", "--yes"}},
	{"dropper", "2 of 2 dead letters dropped", []string{"dead-letters", "drop", "--all", "--yes"}},
	{"replayer", "reads on from there", []string{"replay", "--group", "scorer", "--to", "earliest", "--yes"}},
	{"replayer", "reads on from there", []string{"replay", "--group", "notifier/negative", "--to", "earliest", "--yes"}},
}

func TestDocumentedACLsOfPeopleAreEnoughAndNeeded(t *testing.T) {
	g := startGuarded(t)
	g.fillTopics(t)
	for _, c := range commands {
		c.check(t, g)
	}
	checked := map[string]bool{}
	for _, r := range g.rules {
		if !slices.ContainsFunc(commands, func(c command) bool { return c.user == r.user }) {
			continue
		}
		g.revoke(t, r)
		if err := denies(t, g, r.user); err == nil {
			t.Errorf("without %s all commands of %s do their work, so that the ACL is not needed", r, r.user)
		} else {
			t.Logf("without %s: %v", r, err)
		}
		g.grant(t, r)
		checked[r.user] = true
	}
	for _, c := range commands {
		if !checked[c.user] {
			t.Errorf("docs/acls.md has no ACLs of %s", c.user)
		}
		c.check(t, g)
	}
}

// check has the command do its work. ACLs that were just granted may take a moment.
func (c command) check(t *testing.T, g *guarded) {
	t.Helper()
	e2etest.Until(t, func() error {
		out, err := g.feedbackctl(t, c.user, append(c.args, "--prefix", prefix)...)
		if err == nil && !strings.Contains(out, c.said) {
			t.Fatalf("feedbackctl %s as %s says\n%s\nwant %q", strings.Join(c.args, " "), c.user, out, c.said)
		}
		return err
	})
}

// denies waits, for 20 s at most, until a command of the user fails, and returns its error; nil if none does. One that
// fails without saying that ACLs do not allow it fails the test.
func denies(t *testing.T, g *guarded, user string) error {
	t.Helper()
	tick, limit := time.NewTicker(100*time.Millisecond), time.Now().Add(20*time.Second)
	defer tick.Stop()
	for now := range tick.C {
		for _, c := range commands {
			if c.user != user {
				continue
			}
			_, err := g.feedbackctl(t, user, append(c.args, "--prefix", prefix)...)
			if err != nil && !strings.Contains(err.Error(), denied) {
				t.Errorf("%v\nwant that it says %q", err, denied)
			}
			if err != nil {
				return err
			}
		}
		if now.After(limit) {
			break
		}
	}
	return nil
}

// fillTopics makes the pipeline's topics, with a dead letter that comes from feedback and one that comes from scored,
// and groups that have read them.
func (g *guarded) fillTopics(t *testing.T) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(g.Bootstrap()...), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, short := range []string{"feedback", "scored", "notifications", "dead-letters", "state"} {
		if _, err := g.admin.CreateTopic(t.Context(), 1, 1, nil, prefix+"."+short); err != nil {
			t.Fatal(err)
		}
	}
	for short, group := range map[string]string{"feedback": "sentiment-scorer", "scored": "notifier.negative"} {
		topic := prefix + "." + short
		letter := &kgo.Record{Topic: prefix + ".dead-letters", Key: []byte("slack:T1:C1:1." + short), Value: []byte("not an event"), Headers: []kgo.RecordHeader{
			{Key: "dead-letter-reason", Value: []byte("HandlerFailed")}, {Key: "dead-letter-error", Value: []byte("made for this")},
			{Key: "dead-letter-topic", Value: []byte(topic)}, {Key: "dead-letter-partition", Value: []byte("0")},
			{Key: "dead-letter-offset", Value: []byte("0")}, {Key: "dead-letter-attempts", Value: []byte("1")},
		}}
		read := &kgo.Record{Topic: topic, Key: letter.Key, Value: letter.Value}
		if err := c.ProduceSync(t.Context(), letter, read).FirstErr(); err != nil {
			t.Fatal(err)
		}
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, 1, -1)
		answers, err := g.admin.CommitOffsets(t.Context(), prefix+"."+group, offsets)
		if err = errors.Join(err, answers.Error()); err != nil {
			t.Fatal(err)
		}
	}
}
