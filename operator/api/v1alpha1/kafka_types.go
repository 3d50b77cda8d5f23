package v1alpha1

// Kafka is the broker and how to reach it.
type Kafka struct {
	// Addresses of which at least one answers, `host:port` each; an IPv6 address in brackets. 1 to 16.
	// The rest of the cluster is found through them.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=260
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([a-zA-Z0-9._-]+|\\\\[[0-9a-fA-F:.]+\\\\]):[0-9]{1,5}$')",message="not host:port; write for example kafka-bootstrap.kafka:9092 or [2001:db8::1]:9092"
	// +required
	BootstrapServers []string `json:"bootstrapServers"`

	// Encrypts connections. Default: none, unless sasl.eventHubs is set, which always encrypts.
	// `tls: {}` trusts the system's certificate authorities.
	// +optional
	TLS *ClientTLS `json:"tls,omitempty"`

	// Authenticates by name and password or by an Event Hubs connection string. Default: none.
	// +optional
	SASL *KafkaSASL `json:"sasl,omitempty"`
}

// ClientTLS is how connections to a server are encrypted: whom it is trusted to be, and who we are.
type ClientTLS struct {
	// The certificate authorities to trust (PEM) instead of the system's.
	// +optional
	CARef *CAReference `json:"caRef,omitempty"`

	// The client's certificate and key (PEM), for servers that ask for one. The default keys are those of
	// cert-manager's Secrets; a Strimzi KafkaUser has user.crt and user.key.
	// +optional
	ClientCertificateSecretRef *ClientCertificateReference `json:"clientCertificateSecretRef,omitempty"`
}

// CAReference names a key of a Secret or ConfigMap in the pipeline's namespace that holds certificates.
type CAReference struct {
	// Secret (default) or ConfigMap.
	// +kubebuilder:validation:Enum=Secret;ConfigMap
	// +kubebuilder:default=Secret
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key that holds the certificates. Default ca.crt.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="ca.crt"
	// +optional
	Key string `json:"key,omitempty"`
}

// ClientCertificateReference names a Secret in the pipeline's namespace that holds a certificate and its key.
type ClientCertificateReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key of the certificate. Default tls.crt.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="tls.crt"
	// +optional
	CertificateKey string `json:"certificateKey,omitempty"`

	// Key of the private key. Default tls.key.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="tls.key"
	// +optional
	PrivateKeyKey string `json:"privateKeyKey,omitempty"`
}

// KafkaSASL is how the workloads prove who they are: either mechanism and credentialsSecretRef, or eventHubs.
//
// +kubebuilder:validation:XValidation:rule="has(self.mechanism) == has(self.credentialsSecretRef)",message="mechanism and credentialsSecretRef go together; set both, or eventHubs alone"
// +kubebuilder:validation:XValidation:rule="has(self.eventHubs) != (has(self.mechanism) || has(self.credentialsSecretRef))",message="set exactly one of eventHubs, or mechanism with credentialsSecretRef"
type KafkaSASL struct {
	// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. PLAIN shows the password to whoever reads the wire: use it with tls.
	// +kubebuilder:validation:Enum=PLAIN;SCRAM-SHA-256;SCRAM-SHA-512
	// +optional
	Mechanism string `json:"mechanism,omitempty"`

	// The user's name and password.
	// +optional
	CredentialsSecretRef *UserReference `json:"credentialsSecretRef,omitempty"`

	// Azure Event Hubs, by its connection string.
	// +optional
	EventHubs *EventHubs `json:"eventHubs,omitempty"`
}

// UserReference names a Secret in the pipeline's namespace that holds a user's name and password.
type UserReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key of the user's name. Default username.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="username"
	// +optional
	UsernameKey string `json:"usernameKey,omitempty"`

	// Key of the password. Default password.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="password"
	// +optional
	PasswordKey string `json:"passwordKey,omitempty"`
}

// EventHubs is an Event Hubs namespace's Kafka endpoint.
type EventHubs struct {
	// The namespace's connection string.
	// +required
	ConnectionStringSecretRef ConnectionStringReference `json:"connectionStringSecretRef"`
}

// ConnectionStringReference names a Secret in the pipeline's namespace that holds a connection string.
type ConnectionStringReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key of the connection string. Default connection-string.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="connection-string"
	// +optional
	Key string `json:"key,omitempty"`
}

// Topics are the pipeline's five topics: feedback, scored, notifications, dead-letters and state; and a sixth, shadow,
// where the scorer has one.
type Topics struct {
	// Managed (default): topics are created, partitions grown and settings kept as declared.
	// Unmanaged: topics are only verified, never written.
	// +kubebuilder:validation:Enum=Managed;Unmanaged
	// +kubebuilder:default=Managed
	// +optional
	Management TopicManagement `json:"management,omitempty"`

	// What the names of topics (`<prefix>.feedback`) and consumer groups (`<prefix>.notifier.<route>`) begin with.
	// At most 150 characters. Immutable. Default `<namespace>.<name>`.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=150
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$')",message="a prefix has letters, digits, '.', '_' and '-', and begins and ends with a letter or digit"
	// +optional
	Prefix string `json:"prefix,omitempty"`

	// Topics that exist already, by their full name; these are verified, never created, altered or deleted.
	// +optional
	Names TopicNames `json:"names,omitzero"`

	// Partitions of each topic but state, which has one. 1 to 1000, default 6. They can grow, not shrink: a smaller
	// number than the topics have is refused, and said in the status.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=6
	// +optional
	Partitions int32 `json:"partitions,omitempty"`

	// Copies of each partition, for topics that are created. 1 to 32767. Default: the broker's own default.
	// From 3 on, min.insync.replicas is 2 unless config says otherwise.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32767
	// +optional
	ReplicationFactor *int32 `json:"replicationFactor,omitempty"`

	// How long feedback, scored, shadow and dead-letters keep a record: 1m to 87600h, default 168h. Notifications are kept
	// longer than anything that can be replayed, state for ever.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('87600h')",message="retention must be a duration from 1m to 87600h, for example 168h"
	// +kubebuilder:default="168h"
	// +optional
	Retention Duration `json:"retention,omitzero"`

	// More settings of the topics, by Kafka's names; never applied to state. At most 32.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="!('cleanup.policy' in self) && !('retention.ms' in self) && !('segment.ms' in self)",message="cleanup.policy, retention.ms and segment.ms are the operator's; set topics.retention instead"
	// +optional
	Config map[string]TopicConfigValue `json:"config,omitempty"`

	// What becomes of managed topics and consumer groups when the pipeline is deleted: Retain (default) or Delete.
	// +kubebuilder:validation:Enum=Retain;Delete
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// How values are encoded: Protobuf (default) or JSON, Protobuf's JSON mapping. Records tell their format in their
	// content-type header, so it can be changed at any time.
	// +kubebuilder:validation:Enum=Protobuf;JSON
	// +kubebuilder:default=Protobuf
	// +optional
	Format ValueFormat `json:"format,omitempty"`
}

// TopicConfigValue is the value of a topic's setting.
//
// +kubebuilder:validation:MaxLength=256
type TopicConfigValue string

// TopicName is the full name of a topic.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=249
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9._-]+$') && self != '.' && self != '..'",message="a topic's name has letters, digits, '.', '_' and '-'"
type TopicName string

// TopicNames are topics that exist already. Each must be another topic. Default: `<prefix>.` and the role.
type TopicNames struct {
	// Events as they come in, keyed by their id.
	// +optional
	Feedback TopicName `json:"feedback,omitempty"`

	// Events with their score.
	// +optional
	Scored TopicName `json:"scored,omitempty"`

	// What was told to whom; must be compacted and outlive what can be replayed.
	// +optional
	Notifications TopicName `json:"notifications,omitempty"`

	// Records that could not be handled.
	// +optional
	DeadLetters TopicName `json:"deadLetters,omitempty"`

	// Checkpoints and health; must be compacted and have one partition.
	// +optional
	State TopicName `json:"state,omitempty"`

	// Events with the score of scorer.shadow, without which it is not used.
	// +optional
	Shadow TopicName `json:"shadow,omitempty"`
}

// TopicManagement is whether the operator writes topics.
type TopicManagement string

// Whether the operator writes topics.
const (
	TopicsManaged   TopicManagement = "Managed"
	TopicsUnmanaged TopicManagement = "Unmanaged"
)

// DeletionPolicy is what becomes of topics when the pipeline is deleted.
type DeletionPolicy string

// What becomes of topics when the pipeline is deleted.
const (
	DeletionRetain DeletionPolicy = "Retain"
	DeletionDelete DeletionPolicy = "Delete"
)

// ValueFormat is how values are encoded.
type ValueFormat string

// How values are encoded.
const (
	FormatProtobuf ValueFormat = "Protobuf"
	FormatJSON     ValueFormat = "JSON"
)
