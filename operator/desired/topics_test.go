package desired_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func topics(p *v1alpha1.FeedbackPipeline) map[string]desired.Topic {
	byRole := map[string]desired.Topic{}
	for _, t := range desired.Topics(p) {
		byRole[t.Role] = t
	}
	return byRole
}

func ms(t *testing.T, topic desired.Topic, name string) time.Duration {
	t.Helper()
	n, err := strconv.ParseInt(topic.Config[name], 10, 64)
	if err != nil {
		t.Fatalf("%s: %s: %v", topic.Name, name, err)
	}
	return time.Duration(n) * time.Millisecond
}

func TestNotificationsOutliveReplay(t *testing.T) {
	for _, retention := range []time.Duration{time.Minute, time.Hour, 168 * time.Hour, 87600 * time.Hour} {
		for _, maxAge := range []time.Duration{time.Second, 8760 * time.Hour} {
			got := topics(sample(t, "full", func(p *v1alpha1.FeedbackPipeline) {
				p.Spec.Topics.Retention.Duration.Duration = retention
				p.Spec.Routes[0].MaxAge.Duration.Duration = maxAge
			}))
			told := ms(t, got[desired.RoleNotifications], "retention.ms")
			life := ms(t, got[desired.RoleScored], "retention.ms") + ms(t, got[desired.RoleScored], "segment.ms")
			if told <= 2*life || told <= maxAge {
				t.Errorf("retention %v, maxAge %v: notifications are kept %v; a record of scored lives %v after one of feedback", retention, maxAge, told, life)
			}
		}
	}
}

func TestTopics(t *testing.T) {
	got := topics(sample(t, "full"))
	for role, want := range map[string]struct {
		name, policy string
		partitions   int32
		managed      bool
	}{
		desired.RoleFeedback:      {"azurefeedback", "delete", 6, false},
		desired.RoleScored:        {"azure.scored", "delete", 6, true},
		desired.RoleNotifications: {"azure.notifications", "compact,delete", 6, true},
		desired.RoleDeadLetters:   {"azure.dead-letters", "delete", 6, true},
		desired.RoleState:         {"azure.state", "compact", 1, true},
	} {
		topic := got[role]
		if topic.Name != want.name || topic.Config["cleanup.policy"] != want.policy || topic.Partitions != want.partitions || topic.Managed != want.managed {
			t.Errorf("%s = %+v, want %+v", role, topic, want)
		}
		if topic.ReplicationFactor != 3 || topic.Config["min.insync.replicas"] != "2" {
			t.Errorf("%s: replication factor %d, min.insync.replicas %s, want 3 and 2", role, topic.ReplicationFactor, topic.Config["min.insync.replicas"])
		}
		if _, set := topic.Config["compression.type"]; set != (role != desired.RoleState) {
			t.Errorf("%s: topics.config applied: %v", role, set)
		}
	}
}

func TestTopicsUnmanaged(t *testing.T) {
	for _, topic := range desired.Topics(sample(t, "full", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Topics.Management = v1alpha1.TopicsUnmanaged
	})) {
		if topic.Managed {
			t.Errorf("%s is managed, want none", topic.Name)
		}
	}
}

func TestTopicConfigOverrules(t *testing.T) {
	got := topics(sample(t, "full", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Topics.Config = map[string]v1alpha1.TopicConfigValue{"min.insync.replicas": "1"}
	}))
	if got, want := got[desired.RoleScored].Config["min.insync.replicas"], "1"; got != want {
		t.Errorf("scored: min.insync.replicas = %s, want %s", got, want)
	}
	if got, want := got[desired.RoleState].Config["min.insync.replicas"], "2"; got != want {
		t.Errorf("state: min.insync.replicas = %s, want %s", got, want)
	}
}
