package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

var aclLine = regexp.MustCompile(`(?m)^acl (azure|operator) ([A-Z][A-Za-z]+) --(topic|group) \$P\. --resource-pattern-type prefixed$`)

// documented are the ACLs of docs/acls.md for the user of a FeedbackPipeline, with those that the operator needs
// beside, as they are granted to user for topics and groups with the prefix.
func documented(t *testing.T, user, prefix string) (programs, operators []kafkago.ACLEntry) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/acls.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range aclLine.FindAllStringSubmatch(string(page), -1) {
		entry := kafkago.ACLEntry{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: prefix + ".", ResourcePatternType: kafkago.PatternTypePrefixed,
			Principal: "User:" + user, Host: "*", PermissionType: kafkago.ACLPermissionTypeAllow,
		}
		if m[3] == "group" {
			entry.ResourceType = kafkago.ResourceTypeGroup
		}
		if err := entry.Operation.UnmarshalText([]byte(m[2])); err != nil {
			t.Fatal(err)
		}
		if m[1] == "operator" {
			operators = append(operators, entry)
		} else {
			programs = append(programs, entry)
		}
	}
	if len(programs) != 3 || len(operators) != 5 {
		t.Fatalf("docs/acls.md has %d ACLs of azure and %d of the operator, want 3 and 5", len(programs), len(operators))
	}
	return programs, operators
}

// rights are the ACLs of a real Kafka.
type rights struct {
	*testing.T
	api *kafkago.Client
}

func (r rights) grant(all ...kafkago.ACLEntry) {
	r.Helper()
	resp, err := r.api.CreateACLs(within(r.T), &kafkago.CreateACLsRequest{ACLs: all})
	if err == nil {
		err = errors.Join(resp.Errors...)
	}
	if err != nil {
		r.Fatalf("grant %+v: %v", all, err)
	}
}

func (r rights) revoke(all ...kafkago.ACLEntry) {
	r.Helper()
	req := &kafkago.DeleteACLsRequest{}
	for _, e := range all {
		req.Filters = append(req.Filters, kafkago.DeleteACLsFilter{
			ResourceTypeFilter: e.ResourceType, ResourceNameFilter: e.ResourceName, ResourcePatternTypeFilter: e.ResourcePatternType,
			PrincipalFilter: e.Principal, HostFilter: e.Host, Operation: e.Operation, PermissionType: e.PermissionType,
		})
	}
	resp, err := r.api.DeleteACLs(context.WithoutCancel(r.Context()), req)
	if err != nil {
		r.Fatalf("revoke %+v: %v", all, err)
	}
	for _, result := range resp.Results {
		if result.Error != nil || len(result.MatchingACLs) != 1 {
			r.Errorf("revoke: %v, %d ACLs, want one", result.Error, len(result.MatchingACLs))
		}
	}
}

// world is what the operator does in Kafka as a user who may nothing but what ACLs grant.
type world struct {
	rights
	operator, admin *kafka.Client
	state, feedback desired.Topic
	group           desired.Group
}

func newWorld(t *testing.T) (w *world, user, prefix string) {
	t.Helper()
	user, prefix = env(t, "KAFKA_TEST_STRANGER"), fmt.Sprintf("acl%d", time.Now().UnixNano())
	servers := strings.Split(env(t, "KAFKA_TEST_BOOTSTRAP"), ",")
	w = &world{
		rights:   rights{t, &kafkago.Client{Addr: kafkago.TCP(servers...), Timeout: 10 * time.Second}},
		admin:    connect(t, kafka.Settings{Servers: servers}),
		operator: connect(t, kafka.Settings{Servers: at(t, "SASL_"), Mechanism: "SCRAM-SHA-512", Username: user, Password: env(t, "KAFKA_TEST_PASSWORD")}),
		state:    desired.Topic{Name: prefix + ".state", Partitions: 1, ReplicationFactor: -1, Config: map[string]string{"cleanup.policy": "compact"}},
		feedback: desired.Topic{Name: prefix + ".feedback", Partitions: 1, ReplicationFactor: -1},
		group:    desired.Group{ID: prefix + ".sentiment-scorer", Topic: prefix + ".feedback"},
	}
	return w, user, prefix
}

// verify is what the operator does with topics that are not its own to manage.
func (w *world) verify(ctx context.Context) error {
	live, err := w.operator.Describe(ctx, w.state.Name, w.feedback.Name)
	if err == nil && len(live) != 2 {
		err = fmt.Errorf("sees %d topics", len(live))
	}
	if err != nil {
		return err
	}
	if _, _, _, err := w.operator.Read(ctx, w.state.Name, 0); err != nil {
		return err
	}
	_, err = w.operator.Progress(ctx, w.group)
	return err
}

// manage is all else: a pipeline's topics from their creation to their end.
func (w *world) manage(ctx context.Context) error {
	for _, step := range []func() error{
		func() error { return w.operator.Create(ctx, w.state) },
		func() error { return w.operator.Append(ctx, w.state.Name, "owner/a", []byte("{}")) },
		func() error { return w.operator.Create(ctx, w.feedback) },
		func() error { return w.verify(ctx) },
		func() error { return w.operator.Grow(ctx, topics.Growth{Topic: w.feedback.Name, Partitions: 2}) },
		func() error {
			return w.operator.Alter(ctx, topics.Alteration{Topic: w.feedback.Name, Set: map[string]string{"retention.ms": "90000"}})
		},
		func() error { return w.operator.DeleteGroup(ctx, w.group.ID) },
		func() error { return w.operator.DeleteTopic(ctx, w.feedback.Name) },
		func() error { return w.operator.DeleteTopic(ctx, w.state.Name) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// clear takes away what was left.
func (w *world) clear() {
	ctx := context.WithoutCancel(w.Context())
	for _, topic := range []string{w.feedback.Name, w.state.Name} {
		if err := w.admin.DeleteTopic(ctx, topic); err != nil {
			w.Error(err)
		}
	}
}

// until tries until f returns true, for 15 s: ACLs that were just changed may take a moment.
func (w *world) until(what string, f func(context.Context) (bool, error)) {
	w.Helper()
	tick, ctx := time.NewTicker(100*time.Millisecond), within(w.T)
	defer tick.Stop()
	for {
		done, err := f(ctx)
		w.clear()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			w.Fatalf("waited 20 s until %s, last: %v", what, err)
		case <-tick.C:
		}
	}
}

// TestDocumentedACLsAreEnoughAndNeeded: with what docs/acls.md grants the operator does all that it does, and without
// any one of those for the operator something fails that says so.
func TestDocumentedACLsAreEnoughAndNeeded(t *testing.T) {
	w, user, prefix := newWorld(t)
	programs, operators := documented(t, user, prefix)
	all := slices.Concat(programs, operators)
	w.grant(all...)
	t.Cleanup(func() { w.revoke(all...) })
	enough := func(ctx context.Context) (bool, error) {
		err := w.manage(ctx)
		return err == nil, err
	}
	w.until("the documented ACLs are enough", enough)
	for _, e := range operators {
		w.revoke(e)
		w.until(fmt.Sprintf("%s %s is missing", e.Operation, e.ResourceType), func(ctx context.Context) (bool, error) {
			err := w.manage(ctx)
			if err != nil && kafka.Denied(err) {
				t.Logf("without %s on %s: %v", e.Operation, e.ResourceType, err)
			}
			return kafka.Denied(err) && strings.Contains(err.Error(), "docs/acls.md"), err
		})
		w.grant(e)
	}
	w.until("all is well again", enough)
}

// TestACLsOfUnmanaged: topics that are only verified need DescribeConfigs beside what the programs have, and a user who
// may not see a topic is told so where it was to be created.
func TestACLsOfUnmanaged(t *testing.T) {
	w, user, prefix := newWorld(t)
	programs, operators := documented(t, user, prefix)
	look := operators[0]
	look.ResourceType, look.Operation = kafkago.ResourceTypeTopic, kafkago.ACLOperationTypeDescribeConfigs
	w.grant(append(slices.Clone(programs), look)...)
	t.Cleanup(func() { w.revoke(append(slices.Clone(programs), look)...) })
	prepared := func(f func(context.Context) (bool, error)) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			if err := errors.Join(w.admin.Create(ctx, w.state), w.admin.Create(ctx, w.feedback)); err != nil {
				return false, err
			}
			return f(ctx)
		}
	}
	w.until("DescribeConfigs is enough", prepared(func(ctx context.Context) (bool, error) {
		err := w.verify(ctx)
		return err == nil, err
	}))
	w.until("a topic that exists already is not taken for created", prepared(func(ctx context.Context) (bool, error) {
		err := w.operator.Create(ctx, w.feedback)
		return kafka.Denied(err), err
	}))
	w.revoke(look)
	w.until("DescribeConfigs is needed", prepared(func(ctx context.Context) (bool, error) {
		err := w.verify(ctx)
		return kafka.Denied(err), err
	}))
	w.grant(look)
}
