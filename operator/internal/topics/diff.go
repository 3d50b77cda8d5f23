// Package topics says what has to be done so that a pipeline's topics are as desired, and who owns them. It is pure:
// a cluster that is as desired gives an empty plan, and what was not set by the operator is never reset.
package topics

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// Why a topic is not as desired and will not be made so.
const (
	// ReasonMissing is a topic that the operator only verifies and that does not exist.
	ReasonMissing = "TopicMissing"
	// ReasonUnsuitable is a topic that exists and would lose or mix up what the pipeline keeps in it.
	ReasonUnsuitable = "TopicUnsuitable"
	// ReasonShrink is a topic that has more partitions than the spec says.
	ReasonShrink = "PartitionsCannotShrink"
)

// Live is a topic as the cluster has it.
type Live struct {
	Partitions int32
	// Replicas is how many copies the first partition has.
	Replicas int16
	// Config are all its settings, by Kafka's names.
	Config map[string]Setting
}

// Setting is the value of a topic's setting.
type Setting struct {
	Value string
	// Explicit is true where it was set on the topic itself, false where it is the broker's default.
	Explicit bool
}

// Applied is what the operator has set, by topic and setting.
type Applied map[string]map[string]string

// Plan is what has to be done, and what cannot be.
type Plan struct {
	Create []desired.Topic
	Grow   []Growth
	Alter  []Alteration
	// Refused are the topics that are not as desired and stay so.
	Refused []Refusal
	// Drift says in words what somebody else has changed, or what only a person can change.
	Drift []string
}

// Growth is a topic's new number of partitions.
type Growth struct {
	Topic      string
	Partitions int32
}

// Alteration are settings of a topic to set, and others to give back to the broker's default.
type Alteration struct {
	Topic string
	Set   map[string]string
	Reset []string
}

// Refusal is why a topic stays as it is.
type Refusal struct {
	Topic, Reason, Message string
}

// Writes tells whether p changes the cluster.
func (p Plan) Writes() bool { return len(p.Create)+len(p.Grow)+len(p.Alter) > 0 }

// Blocks tells whether the pipeline must not be run on the topics as they are: one is missing or unsuitable. A shrink
// that is refused does not block.
func (p Plan) Blocks() bool {
	return slices.ContainsFunc(p.Refused, func(r Refusal) bool { return r.Reason != ReasonShrink })
}

// Diff compares the topics that are wanted with the live ones, by name; one that is not in live does not exist.
// applied is what the operator set earlier: only that is ever reset.
func Diff(want []desired.Topic, live map[string]Live, applied Applied) Plan {
	var p Plan
	for _, t := range want {
		now, exists := live[t.Name]
		switch {
		case !exists && t.Managed:
			p.Create = append(p.Create, t)
		case !exists:
			p.refuse(t, ReasonMissing, fmt.Sprintf("topic %s does not exist, or the user may not see it, and the operator does not manage it; create it, grant the user what docs/acls.md lists, or let the operator manage it (topics.management, topics.names)", t.Name))
		case !t.Managed:
			p.verify(t, now)
		default:
			p.mend(t, now, applied)
		}
	}
	return p
}

func (p *Plan) refuse(t desired.Topic, reason, message string) {
	p.Refused = append(p.Refused, Refusal{Topic: t.Name, Reason: reason, Message: message})
}

// verify looks at a topic that the operator does not manage: only what would break the pipeline is refused.
func (p *Plan) verify(t desired.Topic, now Live) {
	policy := now.Config[cleanupPolicy].Value
	compacted := slices.Contains(list(policy), "compact")
	switch {
	case t.Role == desired.RoleState && now.Partitions != 1:
		p.refuse(t, ReasonUnsuitable, fmt.Sprintf("topic %s has %d partitions; the state topic must have one", t.Name, now.Partitions))
	case (t.Role == desired.RoleState || t.Role == desired.RoleNotifications) && !compacted:
		p.refuse(t, ReasonUnsuitable, fmt.Sprintf("topic %s has cleanup.policy=%s; as %s it must be compacted", t.Name, policy, t.Role))
	case t.Role != desired.RoleState && t.Role != desired.RoleNotifications && compacted:
		p.refuse(t, ReasonUnsuitable, fmt.Sprintf("topic %s has cleanup.policy=%s; as %s it must not be compacted, or earlier revisions are lost", t.Name, policy, t.Role))
	}
}

// mend plans for a topic that the operator manages and that exists.
func (p *Plan) mend(t desired.Topic, now Live, applied Applied) {
	ours, known := applied[t.Name]
	policy := now.Config[cleanupPolicy].Value
	switch {
	case t.Role == desired.RoleState && now.Partitions != 1:
		p.refuse(t, ReasonUnsuitable, fmt.Sprintf("topic %s has %d partitions and the state topic must have one; name another one in topics.names.state", t.Name, now.Partitions))
		return
	case !known && !same(cleanupPolicy, policy, t.Config[cleanupPolicy]):
		p.refuse(t, ReasonUnsuitable, fmt.Sprintf("topic %s existed before the pipeline, with cleanup.policy=%s instead of %s; delete it, or use another topics.prefix in a new pipeline", t.Name, policy, t.Config[cleanupPolicy]))
		return
	case now.Partitions < t.Partitions:
		p.Grow = append(p.Grow, Growth{Topic: t.Name, Partitions: t.Partitions})
	case now.Partitions > t.Partitions:
		p.refuse(t, ReasonShrink, fmt.Sprintf("topic %s has %d partitions and cannot shrink to %d; set topics.partitions to %d", t.Name, now.Partitions, t.Partitions, now.Partitions))
	}
	if t.ReplicationFactor > 0 && now.Replicas != t.ReplicationFactor {
		p.Drift = append(p.Drift, fmt.Sprintf("topic %s has %d copies of a partition, the spec says %d; move them with kafka-reassign-partitions", t.Name, now.Replicas, t.ReplicationFactor))
	}
	if a := p.settings(t, now, ours); len(a.Set)+len(a.Reset) > 0 {
		p.Alter = append(p.Alter, a)
	}
}

// settings compares a topic's settings with what is wanted and what was applied.
func (p *Plan) settings(t desired.Topic, now Live, ours map[string]string) Alteration {
	a := Alteration{Topic: t.Name}
	for _, name := range slices.Sorted(maps.Keys(t.Config)) {
		want, has := t.Config[name], now.Config[name].Value
		if same(name, has, want) {
			continue
		}
		if a.Set == nil {
			a.Set = map[string]string{}
		}
		a.Set[name] = want
		if before, ok := ours[name]; ok && before == want {
			p.Drift = append(p.Drift, fmt.Sprintf("%s of topic %s was changed to %q by somebody else and is set back to %q", name, t.Name, has, want))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		_, wanted := t.Config[name]
		if s := now.Config[name]; !wanted && s.Explicit && same(name, s.Value, ours[name]) {
			a.Reset = append(a.Reset, name)
		}
	}
	return a
}

// Remember is what the operator has set once want is applied.
func Remember(want []desired.Topic) Applied {
	a := Applied{}
	for _, t := range want {
		if t.Managed {
			a[t.Name] = maps.Clone(t.Config)
		}
	}
	return a
}

// Union is what the operator may have set while it goes from a to b: a crash in between leaves nothing that is
// never reset.
func (a Applied) Union(b Applied) Applied {
	all := Applied{}
	for _, from := range []Applied{a, b} {
		for topic, settings := range from {
			if all[topic] == nil {
				all[topic] = map[string]string{}
			}
			maps.Copy(all[topic], settings)
		}
	}
	return all
}

// Equal tells whether a and b are the same.
func (a Applied) Equal(b Applied) bool {
	return maps.EqualFunc(a, b, maps.Equal)
}

const cleanupPolicy = "cleanup.policy"

// same compares values as Kafka does: cleanup.policy is a list in any order.
func same(name, a, b string) bool {
	if name != cleanupPolicy {
		return a == b
	}
	return slices.Equal(list(a), list(b))
}

func list(s string) []string {
	var words []string
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}
