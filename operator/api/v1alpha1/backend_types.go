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
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$') && !self.contains('@') && !self.contains('?')",message="endpoint must be an http or https address without user and query, for example https://example.cognitiveservices.azure.com"
	// +kubebuilder:validation:XValidation:rule="!self.matches('/(language/:|text/analytics/v[0-9])')",message="endpoint is what stands before /language/:analyze-text and /text/analytics/v2.0; leave that out"
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

// LLMScorer scores by a language model behind an OpenAI-compatible endpoint: OpenAI, Azure OpenAI, vLLM, Ollama. The texts
// are sent there. The score is what the model says, calibrated against nothing. While the endpoint throttles or fails, and
// once the day's tokens are used, events wait in Kafka; a text that it refuses is unscored, with the reason.
//
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || !self.endpoint.startsWith('http://')",message="tls is set and endpoint is an http address, which is not encrypted; write https, or remove tls"
type LLMScorer struct {
	// Address before `/chat/completions`: `https://api.openai.com/v1`, `https://<resource>.openai.azure.com/openai/v1`,
	// `http://vllm:8000/v1`, `http://ollama:11434/v1`.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$') && !self.contains('@') && !self.contains('?')",message="endpoint must be an http or https address without user and query, for example https://api.openai.com/v1"
	// +kubebuilder:validation:XValidation:rule="!self.matches('/chat/completions/?$')",message="endpoint is what stands before /chat/completions; leave that out"
	// +required
	Endpoint string `json:"endpoint"`

	// The model's name, such as gpt-4.1-mini or qwen3:8b; with Azure OpenAI the deployment's. It has to take temperature 0
	// and a strict JSON schema.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!self.contains('$(')",message="model must be a name without $(, for example gpt-4.1-mini"
	// +required
	Model string `json:"model"`

	// Most tokens, of requests and answers, to be used on a UTC day by all replicas together, 50000 or more. Once they
	// are used scoring stops until midnight UTC.
	// +kubebuilder:validation:Minimum=50000
	// +kubebuilder:validation:Maximum=1000000000000
	// +required
	TokensPerDay int64 `json:"tokensPerDay,omitempty"`

	// The endpoint's key. Default: none is sent.
	// +optional
	CredentialsSecretRef *LLMReference `json:"credentialsSecretRef,omitempty"`

	// The header that carries the key: Authorization (as a bearer's) or api-key. Default: api-key for Azure's addresses
	// and with apiVersion, Authorization for all others.
	// +kubebuilder:validation:Enum=Authorization;api-key
	// +optional
	KeyHeader string `json:"keyHeader,omitempty"`

	// The query parameter api-version, for Azure OpenAI's addresses of one deployment
	// (`https://<resource>.openai.azure.com/openai/deployments/<deployment>`), 2024-10-21 or later. Default: none is sent.
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?|preview|v1)$')",message="apiVersion must be a date, for example 2024-10-21 or 2025-04-01-preview, or preview or v1"
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`

	// How long one try of a request may take: 100ms to 5m, default 30s.
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('5m')",message="timeout must be a duration from 100ms to 5m, for example 30s"
	// +optional
	Timeout Duration `json:"timeout,omitzero"`

	// How many texts one request holds at most, 1 to 100. Default 20. With 1 no text can influence another's score,
	// whatever it says to the model; the instructions then go with each text and are paid for with each.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=20
	// +optional
	MaxDocuments int32 `json:"maxDocuments,omitempty"`

	// How many requests of one replica are under way at a time, 1 to 64. Default 4.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +kubebuilder:default=4
	// +optional
	Concurrency int32 `json:"concurrency,omitempty"`

	// Whom to trust, and who we are. Default: the system's certificate authorities.
	// +optional
	TLS *ClientTLS `json:"tls,omitempty"`
}

// LLMReference names a Secret in the pipeline's namespace that holds the key of an OpenAI-compatible endpoint.
type LLMReference struct {
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
