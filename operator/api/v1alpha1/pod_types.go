package v1alpha1

import corev1 "k8s.io/api/core/v1"

// PodTemplate is what a platform asks of all pods of the pipeline. Security settings, probes, the service account and
// the spread over nodes are the operator's.
type PodTemplate struct {
	// Labels of the pods, beside the operator's own. At most 32.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('feedbackpipeline.dev/') && !(k in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/part-of', 'app.kubernetes.io/managed-by']))",message="app.kubernetes.io/ name, instance, component, part-of and managed-by and feedbackpipeline.dev/ are the operator's labels; use another name"
	// +optional
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// Annotations of the pods. At most 32.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('feedbackpipeline.dev/'))",message="annotations of feedbackpipeline.dev/ are the operator's; use another name"
	// +optional
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`

	// What each container is given, by Kubernetes' names (cpu, memory); what is named here replaces the default of that
	// name. Default: requests of 10m to 100m cpu and 32Mi to 64Mi memory by component, and a limit of 256Mi memory (notifier: 512Mi).
	// +optional
	Resources Resources `json:"resources,omitzero"`

	// Resources of single components; they win over resources.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	// +optional
	Components []ComponentTemplate `json:"components,omitempty"`

	// Labels of the nodes on which the pods may run.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	NodeSelector map[string]LabelValue `json:"nodeSelector,omitempty"`

	// Taints that the pods tolerate. At most 32.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// Where the pods are drawn to, as in a Pod. The API server checks it when the Deployments are applied.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// Secrets with which images are pulled. At most 8.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	// +optional
	ImagePullSecrets []ObjectName `json:"imagePullSecrets,omitempty"`

	// The pods' PriorityClass.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// The proxy through which Slack and X are reached. Kafka is never reached through it.
	// +optional
	Proxy *Proxy `json:"proxy,omitempty"`

	// Certificate authorities (PEM) that are trusted beside the system's by connections to Slack and X, for a proxy
	// that opens TLS. For Kafka set kafka.tls.caRef.
	// +optional
	CABundleRef *CAReference `json:"caBundleRef,omitempty"`

	// More environment variables of all containers, such as OTEL_EXPORTER_OTLP_ENDPOINT. At most 32; names that the
	// operator sets are refused.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Env []Variable `json:"env,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// AnnotationValue is the value of an annotation.
//
// +kubebuilder:validation:MaxLength=4096
type AnnotationValue string

// Resources are amounts of cpu, memory and so on, as in a container.
type Resources struct {
	// What is set aside for the container.
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`

	// What it never gets more of.
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`
}

// ComponentTemplate is what differs in one component.
type ComponentTemplate struct {
	// source (all sources), scorer, shadow (of the scorer) or notifier.
	// +kubebuilder:validation:Enum=source;scorer;shadow;notifier
	// +required
	Name string `json:"name"`

	// What each container of the component is given.
	// +optional
	Resources Resources `json:"resources,omitzero"`
}

// ObjectName names an object in the pipeline's namespace.
type ObjectName struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// Proxy is an HTTP proxy. At least one of http and https is set.
//
// +kubebuilder:validation:XValidation:rule="has(self.http) || has(self.https)",message="a proxy has an address; set https, which Slack and X are reached by, or http"
type Proxy struct {
	// Address of the proxy for http:// addresses, for example http://proxy:3128.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$') && !self.contains('@')",message="a proxy is an http or https address without a password, for example http://proxy:3128"
	// +optional
	HTTP string `json:"http,omitempty"`

	// Address of the proxy for https:// addresses.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$') && !self.contains('@')",message="a proxy is an http or https address without a password, for example http://proxy:3128"
	// +optional
	HTTPS string `json:"https,omitempty"`

	// Hosts, .domains and CIDRs that are reached directly. At most 64.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[^$,[:space:]]+$')",message="one host, .domain or CIDR each, without spaces, commas and $"
	// +optional
	NoProxy []string `json:"noProxy,omitempty"`
}

// Variable is an environment variable: value, or a key of a Secret.
//
// +kubebuilder:validation:XValidation:rule="!has(self.value) || !has(self.secretKeyRef)",message="a variable has a value or a secretKeyRef; remove one"
// +kubebuilder:validation:XValidation:rule="!self.name.matches('^(PIPELINE|SOURCE|MATCH|ROUTES|ROUTE_.*|LOG_LEVEL|LOG_FORMAT|LISTEN_ADDRESS|HTTP_LISTEN_ADDRESS|GRPC_LISTEN_ADDRESS|DRAIN_TIMEOUT|VALUE_FORMAT|GROUP_ID|START_OFFSET|TOPIC_.*|KAFKA_.*|SLACK_.*|X_.*|SCORER_.*|SSL_CERT_DIR)$') && !(self.name.lowerAscii() in ['http_proxy', 'https_proxy', 'no_proxy'])",message="the operator sets this variable from another field of the spec; set that field"
type Variable struct {
	// Name of the variable.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="a variable's name has letters, digits and _, and does not begin with a digit"
	// +required
	Name string `json:"name"`

	// Its value. Default empty.
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="!self.contains('$(')",message="a value with $( would refer to another variable; write it without"
	// +optional
	Value string `json:"value,omitempty"`

	// The key of a Secret that holds its value.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
}

// KeyReference names a key of a Secret in the pipeline's namespace.
type KeyReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key that holds the value.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Key string `json:"key"`
}
