package v1alpha1

// ScorerAutoscaling lets KEDA set the scorer's replicas by the lag of its consumer group. The cluster needs KEDA 2.13 or
// later; without it the scorer runs with minReplicas, and the condition Autoscaling says so.
//
// +kubebuilder:validation:XValidation:rule="!has(self.maxReplicas) || !has(self.minReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas is above maxReplicas; lower it, or raise maxReplicas"
type ScorerAutoscaling struct {
	// The least replicas, 1 to 1000, no more than topics.partitions. Default 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=1
	// +optional
	MinReplicas int32 `json:"minReplicas,omitempty"`

	// The most replicas, 1 to 1000, no more than topics.partitions: each partition is read by one replica, and more would
	// stand idle. Where the topic of feedback is named or not managed, its own partitions are the limit. Default
	// topics.partitions.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`

	// How many records may wait for each replica, 1 to 1000000000: there are as many replicas as the lag divided by this,
	// rounded up. Default 1000.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	// +kubebuilder:default=1000
	// +optional
	LagThreshold int64 `json:"lagThreshold,omitempty"`

	// How long fewer replicas must have been enough before some are taken away, since each change makes the group share
	// out its partitions anew: 1s to 1h, in whole seconds. Default 5m.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="scaleDownAfter must be a duration from 1s to 1h in whole seconds, for example 5m"
	// +kubebuilder:default="5m"
	// +optional
	ScaleDownAfter Duration `json:"scaleDownAfter,omitzero"`
}
