package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FeedbackPipelineStatus is what a pipeline is, as last seen by the operator.
type FeedbackPipelineStatus struct {
	// The metadata.generation that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions of the types Ready, TopicsReady, WorkloadsReady, SourcesHealthy, NotifierHealthy, ShadowHealthy,
	// Autoscaling, Reconciling, Stalled.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Sources that are healthy of those that are not suspended, as "2/2".
	// +kubebuilder:validation:MaxLength=16
	// +optional
	ReadySources string `json:"readySources,omitempty"`

	// Records that are not yet handled, over all consumer groups but the shadow's. Absent while unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`

	// When the latest event of any source came in. Absent before the first.
	// +optional
	LastEventTime *metav1.Time `json:"lastEventTime,omitempty"`

	// What each source is.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Sources []SourceStatus `json:"sources,omitempty"`

	// Each consumer group's lag.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Groups []GroupStatus `json:"groups,omitempty"`
}

// SourceStatus is what one source is.
type SourceStatus struct {
	// Name of the source.
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Healthy, Degraded (feedback flows late or in part), Failed (it needs a person), Suspended or Unknown.
	// +kubebuilder:validation:Enum=Healthy;Degraded;Failed;Suspended;Unknown
	// +required
	State SourceState `json:"state"`

	// When its latest event came in. Absent before the first.
	// +optional
	LastEventTime *metav1.Time `json:"lastEventTime,omitempty"`

	// Why it is in that state, in CamelCase, for example TokenRevoked.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Reason string `json:"reason,omitempty"`

	// The same for people, with what to do.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`

	// What was said in this time was not read back, because the source stood still for longer than it reaches back:
	// Slack by backfill, X by the 7 days of its search. The latest such time; absent if there was none.
	// +optional
	Gap *SourceGap `json:"gap,omitempty"`
}

// SourceGap is a time of which a source did not read what was said.
type SourceGap struct {
	// When it had last noted how far it had read; after a crash it may have read some more.
	// +required
	From metav1.Time `json:"from"`

	// From when on it has read again.
	// +required
	To metav1.Time `json:"to"`
}

// SourceState is what a source is.
type SourceState string

// What a source is.
const (
	SourceHealthy   SourceState = "Healthy"
	SourceDegraded  SourceState = "Degraded"
	SourceFailed    SourceState = "Failed"
	SourceSuspended SourceState = "Suspended"
	SourceUnknown   SourceState = "Unknown"
)

// GroupStatus is how far a consumer group has come.
type GroupStatus struct {
	// The group's id.
	// +kubebuilder:validation:MaxLength=249
	// +required
	Name string `json:"name"`

	// The route that it serves; empty for the scorer and its shadow.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Route string `json:"route,omitempty"`

	// Records that it has not yet handled. Absent while unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`
}

// Types of conditions. All but the last two are good when True; Reconciling and Stalled appear only while True
// (kstatus), Autoscaling while the scorer is autoscaled, ShadowHealthy while it has a shadow.
const (
	// ConditionReady is True when feedback flows: topics as desired, workloads available, all components healthy,
	// nothing overdue.
	ConditionReady = "Ready"
	// ConditionTopicsReady is True when all topics are as desired.
	ConditionTopicsReady = "TopicsReady"
	// ConditionWorkloadsReady is True when all Deployments are available.
	ConditionWorkloadsReady = "WorkloadsReady"
	// ConditionSourcesHealthy is True when every source that is not suspended is healthy.
	ConditionSourcesHealthy = "SourcesHealthy"
	// ConditionNotifierHealthy is True when every route's channel can be told.
	ConditionNotifierHealthy = "NotifierHealthy"
	// ConditionShadowHealthy is True when the scorer's shadow runs, and scores what the scorer scores. Ready does not
	// ask after it.
	ConditionShadowHealthy = "ShadowHealthy"
	// ConditionAutoscaling is True when KEDA sets the scorer's replicas.
	ConditionAutoscaling = "Autoscaling"
	// ConditionReconciling is True while the operator works towards the spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when the operator cannot go on until a person changes something.
	ConditionStalled = "Stalled"
)
