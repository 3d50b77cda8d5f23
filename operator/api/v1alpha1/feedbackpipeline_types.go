package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FeedbackPipeline takes feedback from its sources, scores it and tells its routes.
//
// Events flow sources -> feedback -> scorer -> scored -> routes; the names in the middle are Kafka topics.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fbp
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Sources",type=string,JSONPath=`.status.readySources`
// +kubebuilder:printcolumn:name="Lag",type=integer,JSONPath=`.status.lag`
// +kubebuilder:printcolumn:name="Last-Event",type=date,JSONPath=`.status.lastEventTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Shadow",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="ShadowHealthy")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name names Deployments and Services: use at most 63 lower case letters, digits and '-', beginning with a letter and ending with a letter or digit"
type FeedbackPipeline struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// What the pipeline shall be.
	// +required
	Spec FeedbackPipelineSpec `json:"spec"`

	// What the pipeline is, as last seen by the operator.
	// +optional
	Status FeedbackPipelineStatus `json:"status,omitzero"`
}

// FeedbackPipelineList is a list of pipelines.
//
// +kubebuilder:object:root=true
type FeedbackPipelineList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []FeedbackPipeline `json:"items"`
}

// FeedbackPipelineSpec is what a pipeline shall be. The smallest one names Kafka, one source and one route.
//
// +kubebuilder:validation:XValidation:rule="(has(self.topics) && has(self.topics.prefix) ? self.topics.prefix : \"\") == (has(oldSelf.topics) && has(oldSelf.topics.prefix) ? oldSelf.topics.prefix : \"\")",message="topics.prefix is immutable, nor can it be added or removed later: topics and consumer groups bear it; delete this pipeline and create another one"
// +kubebuilder:validation:XValidation:rule="self.routes.all(r, !has(r.match) || !has(r.match.sources) || r.match.sources.all(n, self.sources.exists(s, s.name == n)))",message="a route's match.sources names a source that spec.sources does not have; use the name of one of spec.sources"
// +kubebuilder:validation:XValidation:rule="[self.routes.map(r, has(r.slack) ? r.slack.channel.replace('#', \"\").lowerAscii() : \"\")].all(sinks, !self.sources.exists(s, has(s.slack) && s.slack.channels.exists(c, c.replace('#', \"\").lowerAscii() in sinks)))",message="a channel is both a source and the sink of a route, so the pipeline would feed itself; give the route another channel (in different workspaces: name one of them by its id)"
// +kubebuilder:validation:XValidation:rule="!has(self.scorer) || !has(self.scorer.autoscaling) || !has(self.topics) || !has(self.topics.partitions) || (has(self.topics.management) && self.topics.management == 'Unmanaged') || (has(self.topics.names) && has(self.topics.names.feedback)) || ((!has(self.scorer.autoscaling.minReplicas) || self.scorer.autoscaling.minReplicas <= self.topics.partitions) && (!has(self.scorer.autoscaling.maxReplicas) || self.scorer.autoscaling.maxReplicas <= self.topics.partitions))",message="scorer.autoscaling asks for more replicas than topics.partitions, of which each is read by one replica; lower minReplicas and maxReplicas, or raise topics.partitions"
// +kubebuilder:validation:XValidation:rule="!has(self.scorer) || !has(self.scorer.autoscaling) || !has(self.kafka.sasl) || !has(self.kafka.sasl.eventHubs)",message="scorer.autoscaling cannot take its credentials from kafka.sasl.eventHubs, since KEDA wants a name and a password; set sasl.mechanism PLAIN with tls, and a Secret whose username is $ConnectionString and whose password is the connection string"
type FeedbackPipelineSpec struct {
	// The broker that carries the events.
	// +required
	Kafka Kafka `json:"kafka"`

	// The pipeline's topics. Default: managed by the operator, named `<namespace>.<name>.feedback` and so on.
	// +kubebuilder:default={}
	// +optional
	Topics Topics `json:"topics,omitzero"`

	// Where events enter; 1 to 16, each by its own name.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="[self.map(s, has(s.slack) ? s.slack.channels.map(c, c.replace('#', \"\").lowerAscii()) : [])].all(lists, lists.all(l, l.all(c, lists.filter(m, c in m).size() == 1)))",message="two sources read the same Slack channel; leave it in one of them (in different workspaces: name one of them by its id)"
	// +kubebuilder:validation:XValidation:rule="self.all(s, !has(s.slack) || s.slack.mode != 'SocketMode' || self.filter(t, has(t.slack) && t.slack.mode == 'SocketMode' && t.slack.credentialsSecretRef.name == s.slack.credentialsSecretRef.name && t.slack.credentialsSecretRef.appTokenKey == s.slack.credentialsSecretRef.appTokenKey).size() == 1)",message="two sources in SocketMode use the same app token twice: Slack hands each event to one connection at random, so each would lose half; put the channels into one source, or use two Slack apps"
	// +kubebuilder:validation:XValidation:rule="self.all(s, !has(s.twitter) || s.twitter.mode != 'Stream' || self.filter(t, has(t.twitter) && t.twitter.mode == 'Stream' && t.twitter.credentialsSecretRef.name == s.twitter.credentialsSecretRef.name && t.twitter.credentialsSecretRef.bearerTokenKey == s.twitter.credentialsSecretRef.bearerTokenKey).size() == 1)",message="two sources in Stream mode use the same bearer token: X gives an app one stream; use mode Search in one of them, or two X apps"
	// +required
	Sources []Source `json:"sources"`

	// How events are scored. Default: builtin.
	// +kubebuilder:default={builtin: {}}
	// +optional
	Scorer Scorer `json:"scorer,omitzero"`

	// Who is told of what; 1 to 32, each by its own name. All routes that match an event are told.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +required
	Routes []Route `json:"routes"`

	// Where a consumer group without a committed offset begins: Earliest (default) reads what the topics hold
	// already, Latest only what comes after the group's first start. Partitions that appear later are always
	// read from their beginning. A group that has committed once goes on from there, whatever stands here.
	// +kubebuilder:validation:Enum=Earliest;Latest
	// +kubebuilder:default=Earliest
	// +optional
	StartOffset StartOffset `json:"startOffset,omitempty"`

	// The least severe level that the workloads log. Default info.
	// +kubebuilder:validation:Enum=debug;info;warn;error
	// +kubebuilder:default=info
	// +optional
	LogLevel string `json:"logLevel,omitempty"`

	// What a platform asks of all pods: resources, where they run, proxy and so on. Default: nothing.
	// +optional
	PodTemplate PodTemplate `json:"podTemplate,omitzero"`

	// Stops the whole pipeline: all workloads drain and go to zero replicas; topics, offsets and checkpoints stay.
	// Resuming reads back what was said meanwhile, as far as each source's backfill and the topics' retention
	// reach. Default false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// StartOffset is where a consumer group without a committed offset begins.
type StartOffset string

// Where a consumer group without a committed offset begins.
const (
	StartEarliest StartOffset = "Earliest"
	StartLatest   StartOffset = "Latest"
)

// Duration is a length of time as Go writes it: 90s, 1h30m, 250ms.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
type Duration struct {
	metav1.Duration `json:",inline"`
}

// String returns d as Go writes it: 24h0m0s.
func (d Duration) String() string { return d.Duration.Duration.String() }
