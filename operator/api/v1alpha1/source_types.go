package v1alpha1

// Source is one place where events enter. Exactly one kind is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.slack), has(self.twitter)].filter(set, set).size() == 1",message="a source has exactly one kind; set one of slack, twitter"
type Source struct {
	// Name of the source, unique in the pipeline: a DNS label of at most 63 characters. Checkpoints bear it, so that
	// a renamed source begins anew with its backfill.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="a name has lower case letters, digits and '-', and begins and ends with a letter or digit"
	// +required
	Name string `json:"name"`

	// Messages of a Slack workspace.
	// +optional
	Slack *SlackSource `json:"slack,omitempty"`

	// Posts on X (formerly Twitter).
	// +optional
	Twitter *TwitterSource `json:"twitter,omitempty"`

	// Stops this source alone: it drains and goes to zero replicas. Resuming reads back what was said meanwhile, as
	// far as backfill reaches. Default false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// SlackSource reads channels of one Slack workspace.
type SlackSource struct {
	// Channels by name (with or without #) or id (C0123ABCD). 1 to 32, each once.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="[self.map(c, c.replace('#', \"\").lowerAscii())].all(l, l.all(c, l.exists_one(d, d == c)))",message="a source names the same Slack channel twice; remove one"
	// +required
	Channels []SlackChannel `json:"channels"`

	// Which messages are feedback, by all but the score and the source. Default: all.
	// +kubebuilder:validation:XValidation:rule="!has(self.scoreBelow) && !has(self.scoreAbove)",message="a source's match cannot ask for a score, which comes later; put scoreBelow and scoreAbove into a route"
	// +kubebuilder:validation:XValidation:rule="!has(self.sources)",message="a source's match cannot ask for sources; remove sources, or put it into a route"
	// +optional
	Match *Match `json:"match,omitempty"`

	// How events arrive. SocketMode (default): over a connection that the workload opens, with an app token; nothing
	// needs to be exposed. HTTP: Slack posts signed requests to /slack/events of the source's Service (port 3000),
	// which you expose to the internet.
	// +kubebuilder:validation:Enum=SocketMode;HTTP
	// +kubebuilder:default=SocketMode
	// +optional
	Mode SlackMode `json:"mode,omitempty"`

	// How far back history is read at the first start and after a gap: 1s to 8760h, default 24h.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('8760h')",message="backfill must be a duration from 1s to 8760h, for example 24h"
	// +kubebuilder:default="24h"
	// +optional
	Backfill Duration `json:"backfill,omitzero"`

	// How often history is read again, to find what a silently dead connection swallowed: 1s to 24h, default 10m.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="sweepInterval must be a duration from 1s to 24h, for example 10m"
	// +kubebuilder:default="10m"
	// +optional
	SweepInterval Duration `json:"sweepInterval,omitzero"`

	// Takes messages of other apps and bots too; the pipeline's own never. Default false.
	// +optional
	IncludeBots bool `json:"includeBots,omitempty"`

	// Joins public channels by itself (scope channels:join). Default true; false expects the app to be invited.
	// +kubebuilder:default=true
	// +optional
	JoinChannels *bool `json:"joinChannels,omitempty"`

	// Address of Slack's Web API, for GovSlack or a simulator. Default https://slack.com/api/.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$')",message="apiURL must be an http or https address, for example https://slack-gov.com/api/"
	// +optional
	APIURL string `json:"apiURL,omitempty"`

	// The Slack app's tokens.
	// +required
	CredentialsSecretRef SlackAppReference `json:"credentialsSecretRef"`
}

// SlackChannel is a channel's name, with or without a leading #, or its id.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=81
// +kubebuilder:validation:XValidation:rule="self.matches('^#?[^#$[:space:],]+$')",message="a channel is one name (with or without a leading #) or id, without spaces, commas and $"
type SlackChannel string

// SlackMode is how Slack's events arrive.
type SlackMode string

// How Slack's events arrive.
const (
	SlackSocketMode SlackMode = "SocketMode"
	SlackHTTP       SlackMode = "HTTP"
)

// SlackAppReference names a Secret in the pipeline's namespace that holds a Slack app's tokens.
type SlackAppReference struct {
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

	// Key of the app token (xapp-...), read in SocketMode. Default app-token.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="app-token"
	// +optional
	AppTokenKey string `json:"appTokenKey,omitempty"`

	// Key of the signing secret, read in HTTP mode. Default signing-secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="signing-secret"
	// +optional
	SigningSecretKey string `json:"signingSecretKey,omitempty"`
}

// TwitterSource reads the posts on X that match a query.
type TwitterSource struct {
	// The query in X's language, at most 512 bytes, for example `#Azure lang:en -is:retweet`.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.trim().size() > 0",message="the query is empty; write what to search for, for example '#Azure lang:en -is:retweet'"
	// +kubebuilder:validation:XValidation:rule="bytes(self).size() <= 512",message="the query is longer than the 512 bytes that X takes; shorten it or use two sources"
	// +kubebuilder:validation:XValidation:rule="!self.contains('$(') && !self.contains('$$')",message="the query has $( or $$, which X's language has no use for; remove it"
	// +required
	Query string `json:"query"`

	// Search (default) asks every interval. Stream keeps a filtered stream open, and closes its gaps by search.
	// +kubebuilder:validation:Enum=Search;Stream
	// +kubebuilder:default=Search
	// +optional
	Mode TwitterMode `json:"mode,omitempty"`

	// How often is searched: 1s to 24h, default 30s. X allows 450 searches in 15 minutes to one app.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="interval must be a duration from 1s to 24h, for example 30s"
	// +kubebuilder:default="30s"
	// +optional
	Interval Duration `json:"interval,omitzero"`

	// How far back is searched at the first start and after a gap: 1s to 168h (X's recent search), default 24h.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('168h')",message="backfill must be a duration from 1s to 168h (recent search goes back 7 days), for example 24h"
	// +kubebuilder:default="24h"
	// +optional
	Backfill Duration `json:"backfill,omitzero"`

	// Posts that may be read in a UTC day, counted before each request; then the source stops until the day turns, and
	// says so. 10 (X's smallest page) to 100000000, default 10000, which costs about $50 a day.
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=100000000
	// +kubebuilder:default=10000
	// +optional
	DailyPostBudget int64 `json:"dailyPostBudget,omitempty"`

	// Address of X's API, for a simulator. Default https://api.x.com.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('$')",message="apiURL must be an http or https address, for example https://api.x.com"
	// +optional
	APIURL string `json:"apiURL,omitempty"`

	// The X app's bearer token.
	// +required
	CredentialsSecretRef XAppReference `json:"credentialsSecretRef"`
}

// TwitterMode is how posts are read.
type TwitterMode string

// How posts are read.
const (
	TwitterSearch TwitterMode = "Search"
	TwitterStream TwitterMode = "Stream"
)

// XAppReference names a Secret in the pipeline's namespace that holds an X app's bearer token.
type XAppReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key of the bearer token. Default bearer-token.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default="bearer-token"
	// +optional
	BearerTokenKey string `json:"bearerTokenKey,omitempty"`
}
