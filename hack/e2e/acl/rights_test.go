//go:build e2e

package acl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// checkNothingElse asks the brokers what each user may do with each topic and group of the pipeline, of another, and
// with the cluster: exactly what its rules grant.
func (g *guarded) checkNothingElse(t *testing.T) {
	t.Helper()
	if _, err := g.admin.CreateTopic(t.Context(), 1, 1, nil, "other.feedback"); err != nil {
		t.Fatal(err)
	}
	topics, err := g.admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := g.admin.ListGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := append(groups.Groups(), "other.sentiment-scorer")
	users := map[string]bool{}
	for _, r := range g.rules {
		users[r.user] = true
	}
	for user := range users {
		c := g.client(t, user)
		for _, topic := range topics.Names() {
			if got, want := allowedTopic(t, c, topic), g.granted(user, false, topic); !slices.Equal(got, want) {
				t.Errorf("%s may %v topic %s, want %v", user, got, topic, want)
			}
		}
		for _, group := range names {
			if got, want := allowedGroup(t, c, group), g.granted(user, true, group); !slices.Equal(got, want) {
				t.Errorf("%s may %v group %s, want %v", user, got, group, want)
			}
		}
		if got := allowedCluster(t, c); len(got) > 0 {
			t.Errorf("%s may %v the cluster, want nothing", user, got)
		}
	}
}

// granted is what the user's rules allow, with what each implies, sorted.
func (g *guarded) granted(user string, group bool, name string) []string {
	var all []string
	for _, r := range g.rules {
		if r.user != user || !r.matches(group, name) {
			continue
		}
		all = append(all, operation[r.operation].String())
		if also, ok := implied[r.operation]; ok {
			all = append(all, also.String())
		}
	}
	if !slices.Contains(all, "DESCRIBE") {
		return nil // brokers tell nothing of what cannot be described
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func operations(bits int32) []string {
	var all []string
	for _, op := range kadm.DecodeACLOperations(bits) {
		all = append(all, op.String())
	}
	slices.Sort(all)
	return all
}

func allowedTopic(t *testing.T, c *kgo.Client, topic string) []string {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		if !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Fatalf("describe topic %s: %v", topic, err)
		}
		return nil
	}
	return operations(resp.Topics[0].AuthorizedOperations)
}

func allowedGroup(t *testing.T, c *kgo.Client, group string) []string {
	t.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups, req.IncludeAuthorizedOperations = []string{group}, true
	var resp *kmsg.DescribeGroupsResponse
	var err error
	e2etest.Until(t, func() error {
		resp, err = req.RequestWith(t.Context(), c) // to find the group's broker is refused already
		if err == nil {
			err = kerr.ErrorForCode(resp.Groups[0].ErrorCode)
		}
		if errors.Is(err, kerr.CoordinatorNotAvailable) { // for a moment, after the broker's start
			return err
		}
		return nil
	})
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return nil
	case errors.Is(err, kerr.GroupIDNotFound): // allowed to know that there is none
	case err != nil:
		t.Fatalf("describe group %s: %v", group, err)
	}
	return operations(resp.Groups[0].AuthorizedOperations)
}

func allowedCluster(t *testing.T, c *kgo.Client) []string {
	t.Helper()
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeClusterAuthorizedOperations = true
	resp, err := req.RequestWith(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return operations(resp.ClusterAuthorizedOperations)
}

// feedbackctl runs it as the user, and returns what it printed.
func (g *guarded) feedbackctl(t *testing.T, user string, args ...string) (string, error) {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin/feedbackctl"), args...)
	for name, value := range g.settings(user) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("feedbackctl %s as %s: %w\n%s", strings.Join(args, " "), user, err, out)
	}
	return string(out), err
}

// checkReader has feedbackctl read as the documented reader does.
func (g *guarded) checkReader(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"topics", "--prefix", prefix},
		{"tail", "feedback", "--prefix", prefix, "--no-follow"},
		{"tail", "scored", "--prefix", prefix, "--no-follow"},
		{"tail", "notifications", "--prefix", prefix, "--no-follow"},
		{"tail", "dead-letters", "--prefix", prefix, "--no-follow"},
		{"tail", "state", "--prefix", prefix, "--no-follow"},
		{"tail", "shadow", "--prefix", prefix, "--no-follow"},
		{"compare", "--prefix", prefix},
	} {
		out, err := g.feedbackctl(t, "reader", args...)
		if err != nil {
			t.Errorf("%v", err)
		}
		if args[0] == "topics" && !strings.Contains(out, prefix+".sentiment-scorer") {
			t.Errorf("feedbackctl topics does not show the groups:\n%s", out)
		}
	}
}

// checkTopicCreator creates a topic of the pipeline's prefix, and none of another.
func (g *guarded) checkTopicCreator(t *testing.T) {
	t.Helper()
	create := func(topic string) error {
		return executor.CreateTopics(t.Context(), executor.Plan{
			Kafka: g.settings("topic-creator"), Topics: []desired.Topic{{Name: topic, Partitions: 1, ReplicationFactor: 1, Managed: true}},
		}, slog.New(slog.DiscardHandler))
	}
	if err := create(prefix + ".more"); err != nil {
		t.Errorf("create a topic of the pipeline: %v", err)
	}
	if err := create("other.more"); !errors.Is(err, kerr.TopicAuthorizationFailed) && !errors.Is(err, kerr.ClusterAuthorizationFailed) {
		t.Errorf("create a topic of another: err = %v, want a refusal", err)
	}
}
