// Package status turns what the operator sees of a pipeline into its status. It is pure: the same pipeline, with the
// status that it had, and the same observation give the same status.
package status

import (
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	// Stale is the age at which a component's health is no longer taken for true. It writes it every 10 s.
	Stale = 30 * time.Second
	// HoldDown is how long what was last seen holds after it can no longer be seen. A gap shorter than that changes
	// nothing; after it the conditions are Unknown.
	HoldDown = 30 * time.Second
)

// Observation is what one pass of the operator saw.
type Observation struct {
	Now time.Time
	// Refused is why nothing of the spec is applied: it is invalid, a Secret is missing, something else has the name.
	Refused *Problem
	// Topics is what was seen of the topics; nil where they were not looked at.
	Topics *Topics
	// Workloads are the live Deployments, in the order of the spec; one that does not exist has Missing set.
	Workloads []Workload
	// Autoscaling is how the scorer's autoscaling is; nil where none is asked for.
	Autoscaling *Autoscaling
	// Shadow is why nothing of the scorer's shadow is applied; nil where nothing stands against it.
	Shadow *Problem
	// Unlisted is why the live Deployments, or the pods of those that are not as they should be, could not be looked at,
	// since then; nil where they could.
	Unlisted      error
	UnlistedSince time.Time
	// Flow is what the pipeline's components say of themselves, and how far its groups are. Nil where it could not be
	// read.
	Flow *Flow
	// Unseen is since when Flow could not be read, UnseenWhy what Kafka said; zero where it could.
	Unseen    time.Time
	UnseenWhy string
}

// Problem is why something is not as it should be.
type Problem struct {
	// Reason is one CamelCase word of those in docs/spec/feedbackpipeline.md.
	Reason string
	// Message is a sentence with the remedy.
	Message string
}

// Topics is what was seen of a pipeline's topics.
type Topics struct {
	// Count is how many there are.
	Count int
	// Problem is what is wrong with them; nil if nothing.
	Problem *Problem
	// Unreachable is true where Problem is that Kafka does not answer, since then.
	Unreachable bool
	Since       time.Time
	// Drift is what somebody else changed, in words.
	Drift []string
	// Shadow is what is wrong with the shadow's topic; nil if nothing, or there is none.
	Shadow *Problem
}

// Workload is one Deployment.
type Workload struct {
	Name string
	// Source is the source that it runs, empty for the scorer and the notifier.
	Source string
	// Shadow is true for the scorer's shadow.
	Shadow  bool
	Missing bool
	// Wanted, Updated, Available and Total are replicas.
	Wanted, Updated, Available, Total int32
	// Observed is true where the Deployment controller has seen its newest spec.
	Observed bool
	// Elastic is true where an autoscaler sets the replicas: Wanted is their least number, and more are as good.
	Elastic bool
	// Asked is how many replicas the autoscaler asks for, and Short why some of these don't come up; nil if all did, or
	// nothing is known.
	Asked int32
	Short *Problem
	// Problem is why its pods don't come up; nil if nothing is known.
	Problem *Problem
}

// Flow is what is known of the pipeline while it runs.
type Flow struct {
	// Components are what each has said of itself last, by name: slack-ingest/community, sentiment-scorer,
	// shadow-scorer, notifier.
	Components map[string]Component
	// Gaps are what sources could not read back, by the name of the source.
	Gaps map[string]Gap
	// Groups are the consumer groups, in the order of the spec, the shadow's last; none but that where Blind is set.
	Groups []Group
	// Blind is why the groups' offsets could not be read, since then; nil where they could.
	Blind      *Problem
	BlindSince time.Time
	// ShadowBlind is why the offsets of the shadow's group could not be read; nil where they could.
	ShadowBlind *Problem
}

// Component is what one component said of itself last.
type Component struct {
	State v1alpha1.SourceState // Healthy, Degraded or Failed
	// Reason and Message are those of its worst condition.
	Reason, Message string
	// Seen is when it was said; Gone is true after a clean stop.
	Seen time.Time
	Gone bool
	// LastEvent is when it last handled an event, zero before the first.
	LastEvent time.Time
	// Overdue are the routes with events that should have been told already.
	Overdue []string
}

// Gap is a time of which a source did not read what was said.
type Gap struct{ From, To time.Time }

// Group is how far a consumer group is.
type Group struct {
	ID, Route string
	// Shadow is true for the scorer's shadow.
	Shadow bool
	Lag    int64
	// Stuck is since when it has lag and commits nothing; zero where it moves.
	Stuck time.Time
}
