package v1alpha1

// GRPCScorer scores by a server that implements feedback.v1.SentimentScorerService: another scorer of this project, or
// anybody's. While it does not answer, events wait in Kafka; a text that it refuses is unscored, with its reason.
type GRPCScorer struct {
	// Address of the server, `host:port`; an IPv6 address in brackets. Each address that the name has gets its share.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=260
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-zA-Z0-9._-]+|\\\\[[0-9a-fA-F:.]+\\\\]):[0-9]{1,5}$')",message="not host:port; write for example scorer.nlp:9090 or [2001:db8::1]:9090"
	// +required
	Address string `json:"address"`

	// How long one request may take, its retries included: 10ms to 5m, default 5s.
	// +kubebuilder:default="5s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('10ms') && duration(self) <= duration('5m')",message="timeout must be a duration from 10ms to 5m, for example 5s"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`

	// How many texts one request holds at most, 1 to 1000. Default 100.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=100
	// +optional
	MaxDocuments int32 `json:"maxDocuments,omitempty"`

	// Encrypts connections. Default: none. `tls: {}` trusts the system's certificate authorities.
	// +optional
	TLS *ClientTLS `json:"tls,omitempty"`
}

// AzureScorer scores by Azure AI Language, or by a service that speaks the older Text Analytics v2.0. While it throttles
// or fails, events wait in Kafka; a text that it refuses is unscored, with its reason.
type AzureScorer struct {
	// Address of the resource, `https://<resource>.cognitiveservices.azure.com`.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$')",message="endpoint must be an http or https address, for example https://example.cognitiveservices.azure.com"
	// +required
	Endpoint string `json:"endpoint"`

	// What it speaks: Language (Azure AI Language, default) or TextAnalyticsV2.
	// +kubebuilder:validation:Enum=Language;TextAnalyticsV2
	// +kubebuilder:default=Language
	// +optional
	API string `json:"api,omitempty"`

	// One of the resource's keys.
	// +required
	CredentialsSecretRef AzureReference `json:"credentialsSecretRef"`

	// How long one try of a request may take: 100ms to 5m, default 10s.
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('5m')",message="timeout must be a duration from 100ms to 5m, for example 10s"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`
}

// AzureReference names a Secret in the pipeline's namespace that holds a key of an Azure resource.
type AzureReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key of the Secret under which it stands. Default key.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="key"
	// +optional
	Key string `json:"key,omitempty"`
}
