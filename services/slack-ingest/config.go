package main

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

const (
	modeSocket = "SocketMode"
	modeHTTP   = "HTTP"
)

// config is all settings of slack-ingest.
type config struct {
	run.Config
	Kafka  kafka.Config    `envPrefix:"KAFKA_"`
	Topics feedback.Topics `envPrefix:"TOPIC_"`

	// Source is the source's name in the pipeline.
	Source string `env:"SOURCE" help:"name of the source in the pipeline"`
	// Mode is how events arrive.
	Mode string `env:"SLACK_MODE" envDefault:"SocketMode" help:"how events arrive: SocketMode or HTTP"`
	// Channels are names, with or without #, or ids.
	Channels []string `env:"SLACK_CHANNELS" help:"channels by name or id, comma separated"`
	// Match says which messages are feedback.
	Match feedback.Match `env:"MATCH" help:"which messages are feedback, as JSON such as {\"keywords\":[\"azure\"]}; empty means all"`
	// Backfill is how far history is read back.
	Backfill time.Duration `env:"SLACK_BACKFILL" envDefault:"24h" help:"how far history is read back"`
	// SweepInterval is how often history is compared with what arrived.
	SweepInterval time.Duration `env:"SLACK_SWEEP_INTERVAL" envDefault:"10m" help:"how often history is looked through for what did not arrive"`
	// IncludeBots takes in what other apps post.
	IncludeBots bool `env:"SLACK_INCLUDE_BOTS" envDefault:"false" help:"take in what other apps and bots post"`
	// JoinChannels lets the app enter public channels.
	JoinChannels bool `env:"SLACK_JOIN_CHANNELS" envDefault:"true" help:"join public channels that the app is not in"`
	// BotToken begins with xoxb-.
	BotToken run.Secret `env:"SLACK_BOT_TOKEN" help:"the app's bot token, xoxb-..."`
	// AppToken begins with xapp-; for SocketMode.
	AppToken run.Secret `env:"SLACK_APP_TOKEN" help:"the app-level token, xapp-..., with the scope connections:write; for SocketMode"`
	// SigningSecret is the app's; for HTTP.
	SigningSecret run.Secret `env:"SLACK_SIGNING_SECRET" help:"the app's signing secret; for HTTP"`
	// HTTPListenAddress serves POST /slack/events; for HTTP.
	HTTPListenAddress string `env:"HTTP_LISTEN_ADDRESS" envDefault:":3000" help:"where POST /slack/events is served; for HTTP"`
	// APIURL is the base of Slack's Web API.
	APIURL string `env:"SLACK_API_URL" envDefault:"https://slack.com/api/" help:"base of Slack's Web API"`
}

// Validate reports every field that is wrong.
func (c *config) Validate() error {
	errs := []error{c.Kafka.Validate(), c.tokens()}
	if c.Source == "" {
		errs = append(errs, run.Invalid("SOURCE", "", "name the source as in the pipeline's spec.sources"))
	}
	if len(c.Channels) == 0 {
		errs = append(errs, run.Invalid("SLACK_CHANNELS", "", "name at least one channel, by name or id"))
	}
	for _, ch := range c.Channels {
		if strings.Trim(ch, "# ") == "" {
			errs = append(errs, run.Invalid("SLACK_CHANNELS", strings.Join(c.Channels, ","), "a channel has a name; look for a comma too many"))
		}
	}
	if err := c.Match.Validate(); err != nil {
		errs = append(errs, run.Invalid("MATCH", err, "correct the source's match"))
	}
	if c.Backfill < 0 {
		errs = append(errs, run.Invalid("SLACK_BACKFILL", c.Backfill, "set a duration of zero or more, such as 24h"))
	}
	if c.SweepInterval < time.Second {
		errs = append(errs, run.Invalid("SLACK_SWEEP_INTERVAL", c.SweepInterval, "set a second or more, such as 10m"))
	}
	if u, err := url.Parse(c.APIURL); c.APIURL != "" && (err != nil || u.Host == "") {
		errs = append(errs, run.Invalid("SLACK_API_URL", c.APIURL, "set an address such as "+slackapi.DefaultURL))
	}
	return errors.Join(errs...)
}

// tokens checks that the mode has its secrets and that none is in another's place.
func (c *config) tokens() error {
	var errs []error
	if c.BotToken == "" || strings.HasPrefix(c.BotToken.Value(), "xapp-") {
		errs = append(errs, run.Invalid("SLACK_BOT_TOKEN", c.BotToken, "set the bot token of OAuth & Permissions, which begins with xoxb-"))
	}
	switch c.Mode {
	case modeSocket:
		if !strings.HasPrefix(c.AppToken.Value(), "xapp-") {
			errs = append(errs, run.Invalid("SLACK_APP_TOKEN", c.AppToken, "Socket Mode needs an app-level token of Basic Information, which begins with xapp-"))
		}
	case modeHTTP:
		if c.SigningSecret == "" {
			errs = append(errs, run.Invalid("SLACK_SIGNING_SECRET", "", "events over HTTP need the signing secret of Basic Information"))
		}
	default:
		errs = append(errs, run.Invalid("SLACK_MODE", c.Mode, "set it to SocketMode or HTTP"))
	}
	return errors.Join(errs...)
}
