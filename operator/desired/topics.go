package desired

import (
	"cmp"
	"maps"
	"strconv"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// The roles of topics.
const (
	RoleFeedback      = "feedback"
	RoleScored        = "scored"
	RoleNotifications = "notifications"
	RoleDeadLetters   = "dead-letters"
	RoleShadow        = "shadow"
	RoleState         = "state"
)

const (
	day = 24 * time.Hour
	// brokerDefault as a replication factor leaves it to the broker.
	brokerDefault = -1
)

// Topics returns the topics of p: feedback, scored, notifications, dead-letters, shadow if the scorer has one, and state,
// always last.
func Topics(p *v1alpha1.FeedbackPipeline) []Topic {
	names := p.Spec.Topics.Names
	replay := replayConfig(p)
	topics := []Topic{
		topic(p, RoleFeedback, names.Feedback, replay),
		topic(p, RoleScored, names.Scored, replay),
		topic(p, RoleNotifications, names.Notifications, notificationsConfig(p)),
		topic(p, RoleDeadLetters, names.DeadLetters, replay),
	}
	if p.Spec.Scorer.Shadow != nil {
		topics = append(topics, ShadowTopic(p))
	}
	return append(topics, stateTopic(p, names.State))
}

// ShadowTopic is the topic of p's shadow, whether p has a shadow or had one. It is like that of scored events, so that the
// two line up.
func ShadowTopic(p *v1alpha1.FeedbackPipeline) Topic {
	return topic(p, RoleShadow, p.Spec.Topics.Names.Shadow, replayConfig(p))
}

func topic(p *v1alpha1.FeedbackPipeline, role string, explicit v1alpha1.TopicName, base map[string]string) Topic {
	spec := p.Spec.Topics
	t := Topic{
		Role:              role,
		Name:              cmp.Or(string(explicit), Prefix(p)+"."+role),
		Partitions:        spec.Partitions,
		ReplicationFactor: brokerDefault,
		Config:            maps.Clone(base),
		Managed:           explicit == "" && spec.Management != v1alpha1.TopicsUnmanaged,
	}
	if spec.ReplicationFactor != nil {
		t.ReplicationFactor = int16(*spec.ReplicationFactor) //nolint:gosec // the schema's maximum is 32767
	}
	if t.ReplicationFactor >= 3 {
		// acks=all means little where one copy is enough.
		t.Config["min.insync.replicas"] = "2"
	}
	for name, value := range spec.Config {
		t.Config[name] = string(value)
	}
	return t
}

// stateTopic holds the latest value of each key for ever. It has one partition, so that it is read in the order in
// which it was written, and small segments, since health is written every 10 s and only closed segments are
// compacted. Nothing of topics.config applies.
func stateTopic(p *v1alpha1.FeedbackPipeline, explicit v1alpha1.TopicName) Topic {
	unset := *p
	unset.Spec.Topics.Config = nil
	t := topic(&unset, RoleState, explicit, map[string]string{
		"cleanup.policy":            "compact",
		"segment.ms":                millis(time.Hour),
		"min.cleanable.dirty.ratio": "0.1",
	})
	t.Partitions = 1
	return t
}

// replayConfig is for topics from which records can be read again, until at most retention + a segment's age after
// they were written.
func replayConfig(p *v1alpha1.FeedbackPipeline) map[string]string {
	retention := p.Spec.Topics.Retention.Duration.Duration
	return map[string]string{
		"cleanup.policy": "delete",
		"retention.ms":   millis(retention),
		"segment.ms":     millis(segment(retention)),
	}
}

// notificationsConfig is for the memory of what was told. It outlives everything that can be replayed: a record of
// feedback lives for retention and a segment's age, is scored, and lives as long again in scored; an event of a
// topic with a retention of its own is told no later than maxAge after it was said. A week is for late repairs.
func notificationsConfig(p *v1alpha1.FeedbackPipeline) map[string]string {
	retention := p.Spec.Topics.Retention.Duration.Duration
	life := 2 * (retention + segment(retention))
	for _, route := range p.Spec.Routes {
		life = max(life, route.MaxAge.Duration.Duration)
	}
	return map[string]string{
		"cleanup.policy": "compact,delete",
		"retention.ms":   millis(life + 7*day),
		"segment.ms":     millis(day),
	}
}

// segment is the age at which a segment of a topic is closed; only closed ones are deleted.
func segment(retention time.Duration) time.Duration { return min(retention, day) }

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// names is the topics' names by role.
func names(topics []Topic) map[string]string {
	byRole := map[string]string{}
	for _, t := range topics {
		byRole[t.Role] = t.Name
	}
	return byRole
}

// Groups returns the consumer groups of p: the scorer's, its shadow's if it has one, then one a route.
func Groups(p *v1alpha1.FeedbackPipeline) []Group {
	topic := names(Topics(p))
	groups := []Group{{ID: scorerGroup(p), Topic: topic[RoleFeedback]}}
	if p.Spec.Scorer.Shadow != nil {
		groups = append(groups, ShadowGroup(p))
	}
	for _, route := range p.Spec.Routes {
		groups = append(groups, Group{ID: routeGroup(p, route.Name), Topic: topic[RoleScored], Route: route.Name})
	}
	return groups
}

func scorerGroup(p *v1alpha1.FeedbackPipeline) string { return Prefix(p) + "." + SentimentScorer }

// ShadowGroup is the consumer group of p's shadow, whether p has a shadow or had one.
func ShadowGroup(p *v1alpha1.FeedbackPipeline) Group {
	return Group{ID: Prefix(p) + "." + ShadowScorer, Topic: names(Topics(p))[RoleFeedback], Shadow: true}
}

func routeGroup(p *v1alpha1.FeedbackPipeline, route string) string {
	return Prefix(p) + "." + Notifier + "." + route
}
