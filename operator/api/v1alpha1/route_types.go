package v1alpha1

// Scorer is how events are scored.
//
// +kubebuilder:validation:XValidation:rule="[has(self.builtin), has(self.vader), has(self.grpc), has(self.azure), has(self.llm)].filter(set, set).size() == 1",message="a scorer has exactly one backend; set one of builtin, vader, grpc, azure, llm, for example builtin: {}, which is the default where scorer is left out"
// +kubebuilder:validation:XValidation:rule="!(has(self.replicas) && has(self.autoscaling))",message="a scorer has replicas or autoscaling, not both; remove one"
// +kubebuilder:validation:XValidation:rule="!has(self.fallback) || !(has(self.builtin) || has(self.vader))",message="builtin and vader are part of the scorer and always answer; remove fallback"
type Scorer struct {
	Backend `json:",inline"`

	// What scores while the backend does not answer. Default: nothing, and events wait.
	// +optional
	Fallback *ScorerFallback `json:"fallback,omitempty"`

	// Replicas of the scorer, 1 to 1000. More than there are partitions stand idle. Default: left to the Deployment (1)
	// or to an autoscaler.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Replicas by the lag of the scorer's consumer group, set by KEDA, instead of replicas. Default: none.
	// +optional
	Autoscaling *ScorerAutoscaling `json:"autoscaling,omitempty"`

	// A second backend that scores the same events beside the first, to be compared with it. What it says goes into a
	// topic of its own, `<prefix>.shadow`, and to nobody. Default: none.
	// +optional
	Shadow *ShadowScorer `json:"shadow,omitempty"`
}

// Backend is what scores. Exactly one is set; more backends will be more fields, and a rule of Scorer and ShadowScorer.
type Backend struct {
	// Models that are part of the scorer: English, and Arabic, French, German, Italian, Portuguese and Spanish. The default.
	// +optional
	Builtin *BuiltinScorer `json:"builtin,omitempty"`

	// VADER: a lexicon and rules for English, for comparison.
	// +optional
	Vader *VaderScorer `json:"vader,omitempty"`

	// A server that implements SentimentScorerService.
	// +optional
	GRPC *GRPCScorer `json:"grpc,omitempty"`

	// Azure AI Language, or a service that speaks the older Text Analytics v2.0.
	// +optional
	Azure *AzureScorer `json:"azure,omitempty"`

	// A language model behind an OpenAI-compatible endpoint.
	// +optional
	LLM *LLMScorer `json:"llm,omitempty"`
}

// ShadowScorer scores the events of the pipeline a second time, in a Deployment and a consumer group of its own. Whatever
// becomes of it, the pipeline goes on: it is Ready without its shadow, and the condition ShadowHealthy says how that is.
// `feedbackctl compare` shows where the two differ, and what the routes' channels would have got.
//
// +kubebuilder:validation:XValidation:rule="[has(self.builtin), has(self.vader), has(self.grpc), has(self.azure), has(self.llm)].filter(set, set).size() == 1",message="a shadow has exactly one backend; set one of builtin, vader, grpc, azure, llm, for example vader: {}, or remove shadow"
type ShadowScorer struct {
	Backend `json:",inline"`

	// Replicas of the shadow, 1 to 1000. More than there are partitions stand idle. Default 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=1
	// +optional
	Replicas int32 `json:"replicas,omitempty"`

	// Where the shadow begins when it runs for the first time: Latest (default) scores what comes from then on, Earliest
	// all that the topic of feedback still holds. One that was removed and comes back goes on where it was.
	// +kubebuilder:validation:Enum=Earliest;Latest
	// +kubebuilder:default=Latest
	// +optional
	StartOffset StartOffset `json:"startOffset,omitempty"`
}

// BuiltinScorer scores by models that are part of the scorer. The score is P(positive) + P(neutral)/2, calibrated for each
// kind of text and language. Events in a language without a model are unscored, with the reason.
type BuiltinScorer struct {
	// The language (BCP 47) of texts of which neither the source nor detection says one; `none` takes none, which
	// leaves them unscored. Default en.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:XValidation:rule="self == 'none' || self.matches('^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*$')",message="assumeLanguage must be a BCP 47 tag of a language, for example en or pt-BR, or none"
	// +kubebuilder:default="en"
	// +optional
	AssumeLanguage string `json:"assumeLanguage,omitempty"`

	// What texts of Slack are taken for: chat (default), dev where developers talk of their work, or tweet.
	// +kubebuilder:default=chat
	// +optional
	SlackKind TextKind `json:"slackKind,omitempty"`

	// What texts of X are taken for: tweet (default), dev or chat.
	// +kubebuilder:default=tweet
	// +optional
	XKind TextKind `json:"xKind,omitempty"`

	// Terms that carry no sentiment, such as the product's own name: at most 200 of one to six words each, without commas and dollars.
	// +listType=set
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=100
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^\\\\s*[^,$\\\\s]+(\\\\s+[^,$\\\\s]+){0,5}\\\\s*$')",message="a neutral term is one to six words without commas and dollars, for example azure or front door"
	// +optional
	NeutralTerms []string `json:"neutralTerms,omitempty"`
}

// TextKind is a kind of text that the built-in scorer has a model for.
//
// +kubebuilder:validation:Enum=tweet;dev;chat
type TextKind string

// The kinds of text.
const (
	TextTweet TextKind = "tweet"
	TextDev   TextKind = "dev"
	TextChat  TextKind = "chat"
)

// VaderScorer scores English by a lexicon and rules. Events in another language are unscored, with the reason.
type VaderScorer struct {
	// The language (BCP 47) of texts of which neither the source nor detection says one; `none` takes none, which
	// leaves them unscored. Default en.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:XValidation:rule="self == 'none' || self.matches('^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*$')",message="assumeLanguage must be a BCP 47 tag of a language, for example en or pt-BR, or none"
	// +kubebuilder:default="en"
	// +optional
	AssumeLanguage string `json:"assumeLanguage,omitempty"`
}

// Route tells a sink of the events that match. Exactly one kind of sink is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.slack)].filter(set, set).size() == 1",message="a route has exactly one sink; set slack"
type Route struct {
	// Name of the route, unique in the pipeline: a DNS label of at most 63 characters. Its consumer group and what was
	// told bear it, so that a renamed route begins anew.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="a name has lower case letters, digits and '-', and begins and ends with a letter or digit"
	// +required
	Name string `json:"name"`

	// Which events are told. Default: all.
	// +optional
	Match *Match `json:"match,omitempty"`

	// Events older than this when they are read are skipped, so that a backfill or a replay does not tell old news:
	// 1s to 8760h, default 24h.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="maxAge must be a duration from 1s to 8760h, for example 24h"
	// +kubebuilder:default="24h"
	// +optional
	MaxAge Duration `json:"maxAge,omitzero"`

	// A Slack channel.
	// +optional
	Slack *SlackSink `json:"slack,omitempty"`
}

// Match says which events are meant. All fields that are set must hold; an absent or empty one always holds.
//
// +kubebuilder:validation:XValidation:rule="!has(self.scoreBelow) || !has(self.scoreAbove) || self.scoreAbove < self.scoreBelow",message="no score is both below scoreBelow and above scoreAbove; make scoreAbove the smaller, or use two routes"
// +kubebuilder:validation:XValidation:rule="!has(self.scoreBelow) || self.scoreBelow > 0.0",message="no score is below 0; raise scoreBelow or remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.scoreAbove) || self.scoreAbove < 1.0",message="no score is above 1; lower scoreAbove or remove it"
type Match struct {
	// The score is less than this: above 0, at most 1 (0 is the worst, 1 the best). An unscored event never matches.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	// +optional
	ScoreBelow *float64 `json:"scoreBelow,omitempty"`

	// The score is greater than this: at least 0, below 1. An unscored event never matches.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	// +optional
	ScoreAbove *float64 `json:"scoreAbove,omitempty"`

	// The event is of one of these sources, by name. At most 16.
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Sources []string `json:"sources,omitempty"`

	// The event's language is one of these (BCP 47; `en` also means en-GB). At most 32.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Languages []Language `json:"languages,omitempty"`

	// The text contains one of these, whatever the case. At most 64 of 1 to 128 characters.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Keywords []Keyword `json:"keywords,omitempty"`

	// The text contains none of these. At most 64 of 1 to 128 characters.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	ExcludeKeywords []Keyword `json:"excludeKeywords,omitempty"`

	// The author is one of these, by handle (with or without @) or the source's id. At most 64.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Authors []AuthorName `json:"authors,omitempty"`

	// The author is none of these. At most 64.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	ExcludeAuthors []AuthorName `json:"excludeAuthors,omitempty"`
}

// Keyword is text that an event may contain; upper and lower case are the same.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="a keyword of blanks alone matches nearly everything; remove it"
type Keyword string

// Language is a BCP 47 tag.
//
// +kubebuilder:validation:MaxLength=35
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$')",message="a language is a BCP 47 tag, for example en or pt-BR"
type Language string

// AuthorName is an author's handle, with or without a leading @, or the source's id of the author.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type AuthorName string

// SlackSink is a channel that is told.
type SlackSink struct {
	// The channel by name (with or without #) or id (C0123ABCD). It must not be a source of the pipeline.
	// +required
	Channel SlackChannel `json:"channel"`

	// Each (default): one message an event, until more than digestAfter wait. Digest: one message every digestInterval.
	// +kubebuilder:validation:Enum=Each;Digest
	// +kubebuilder:default=Each
	// +optional
	Delivery Delivery `json:"delivery,omitempty"`

	// With delivery Each: when more events than this wait to be told, they are told as one digest. 1 to 10000,
	// default 20.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +kubebuilder:default=20
	// +optional
	DigestAfter int32 `json:"digestAfter,omitempty"`

	// The time between two digests, 1s to 168h, default 1h.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('168h')",message="digestInterval must be a duration from 1s to 168h, for example 1h"
	// +kubebuilder:default="1h"
	// +optional
	DigestInterval Duration `json:"digestInterval,omitzero"`

	// Address of Slack's Web API, for GovSlack or a simulator. Default https://slack.com/api/.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$')",message="apiURL must be an http or https address, for example https://slack-gov.com/api/"
	// +optional
	APIURL string `json:"apiURL,omitempty"`

	// The bot token of the Slack app that posts.
	// +required
	CredentialsSecretRef SlackBotReference `json:"credentialsSecretRef"`
}

// Delivery is how a channel is told.
type Delivery string

// How a channel is told.
const (
	DeliveryEach   Delivery = "Each"
	DeliveryDigest Delivery = "Digest"
)

// SlackBotReference names a Secret in the pipeline's namespace that holds a Slack app's bot token.
type SlackBotReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key of the bot token (xoxb-...). Default bot-token.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="bot-token"
	// +optional
	BotTokenKey string `json:"botTokenKey,omitempty"`
}
