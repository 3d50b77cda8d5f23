package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/traffic"
)

// standardAddress is where the simulator listens unless told otherwise.
const standardAddress = "127.0.0.1:8090"

// config is the simulator's settings. LISTEN_ADDRESS serves everything, probes included.
type config struct {
	run.Config
	// DataDir keeps what was said over restarts; empty: nothing is kept.
	DataDir string `env:"DATA_DIR" help:"folder that keeps what was said over restarts; empty: nothing is kept"`
	// Corpus is a file of texts: one a line, or label<TAB>text.
	Corpus string `env:"CORPUS" help:"file of texts that people say, one a line or label<TAB>text; empty: a small corpus of its own"`
	// Rate is in posts a second.
	Rate float64 `env:"RATE" envDefault:"5" help:"posts a second; 0: silent until POST /sim/traffic"`
	// Seed decides who says what where.
	Seed uint64 `env:"SEED" envDefault:"1" help:"decides who says what where"`
	// Scenario weaves in what makes real traffic hard.
	Scenario bool `env:"SCENARIO" envDefault:"true" help:"weave in edits, deletions, threads, retweets, bots and faults"`
	// SlackChannels exist from the start.
	SlackChannels []string `env:"SLACK_CHANNELS" envDefault:"feedback,support,random,negative-feedback,positive-feedback,outages" help:"channels that exist, comma separated; private:name is a private one"`
	// SlackNotInvited are those of them that the app has to join.
	SlackNotInvited []string `env:"SLACK_NOT_INVITED" envDefault:"feedback,support,random" help:"channels that the app is not in until it joins"`
	// TrafficChannels are where people talk.
	TrafficChannels []string `env:"TRAFFIC_CHANNELS" envDefault:"feedback,support,random" help:"channels in which people talk, mostly in the first"`
	// SlackScopes are granted to the app.
	SlackScopes []string `env:"SLACK_SCOPES" help:"scopes granted to the bot token, comma separated; empty: all that the app asks for"`
	// SlackTierLimits keeps Slack's limits per method and minute.
	SlackTierLimits bool `env:"SLACK_TIER_LIMITS" envDefault:"true" help:"keep Slack's limits per method and minute; one post a second a channel holds anyhow"`
	// SlackEventsURL gets signed HTTP events in place of Socket Mode.
	SlackEventsURL string `env:"SLACK_EVENTS_URL" help:"address that gets signed HTTP events in place of Socket Mode, such as http://127.0.0.1:3000/slack/events"`
	// SlackBotToken is the bot token that is taken.
	SlackBotToken run.Secret `env:"SLACK_BOT_TOKEN" envDefault:"xoxb-simulator" help:"bot token that is taken"`
	// SlackUserToken is a person's token that is taken.
	SlackUserToken run.Secret `env:"SLACK_USER_TOKEN" envDefault:"xoxp-simulator" help:"token that is taken of a person, who is called you"`
	// SlackAppToken is the app-level token that is taken.
	SlackAppToken run.Secret `env:"SLACK_APP_TOKEN" envDefault:"xapp-simulator" help:"app-level token that is taken"`
	// SlackSigningSecret signs HTTP events.
	SlackSigningSecret run.Secret `env:"SLACK_SIGNING_SECRET" envDefault:"simulator" help:"signs HTTP events"`
	// XBearerToken is the bearer token that is taken.
	XBearerToken run.Secret `env:"X_BEARER_TOKEN" envDefault:"simulator" help:"bearer token that is taken"`
	// AzureKey is the key of the Azure AI Language resource that is taken.
	AzureKey run.Secret `env:"AZURE_KEY" envDefault:"simulator" help:"key of the Azure AI Language resource that is taken"`
	// LLMKey is the key of the OpenAI-compatible endpoint that is taken.
	LLMKey run.Secret `env:"LLM_KEY" envDefault:"simulator" help:"key of the OpenAI-compatible endpoint that is taken; none is taken as well"`
	// XIndexDelay is after how long at most search finds a post.
	XIndexDelay time.Duration `env:"X_INDEX_DELAY" envDefault:"500ms" help:"after how long at most search finds a post, so that posts do not appear in the order of their ids"`

	probes *run.Config
}

// Common returns the settings for probes: they listen on a port of their own on this
// machine, and the simulator's one address passes them through. The simulator belongs to no
// pipeline, whatever PIPELINE says.
func (c *config) Common() *run.Config {
	if c.probes == nil {
		probes := c.Config
		probes.ListenAddress, probes.Pipeline = "127.0.0.1:0", "simulator/simulator"
		c.probes = &probes
	}
	return c.probes
}

// Validate reports every setting that is wrong.
func (c *config) Validate() error {
	var errs []error
	if c.Rate < 0 || c.Rate > traffic.MaxRate {
		errs = append(errs, run.Invalid("RATE", c.Rate, fmt.Sprintf("set posts a second from 0 to %d", traffic.MaxRate)))
	}
	if len(c.SlackChannels) == 0 {
		errs = append(errs, run.Invalid("SLACK_CHANNELS", "", "name at least one channel"))
	}
	if len(c.TrafficChannels) == 0 {
		errs = append(errs, run.Invalid("TRAFFIC_CHANNELS", "", "name at least one channel"))
	}
	for _, name := range c.TrafficChannels {
		if !slices.Contains(c.SlackChannels, name) && !slices.Contains(c.SlackChannels, "private:"+name) {
			errs = append(errs, run.Invalid("TRAFFIC_CHANNELS", name, "add it to SLACK_CHANNELS, or leave it out"))
		}
	}
	if u, err := url.Parse(c.SlackEventsURL); c.SlackEventsURL != "" && (err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http")) {
		errs = append(errs, run.Invalid("SLACK_EVENTS_URL", c.SlackEventsURL, "set an address such as http://127.0.0.1:3000/slack/events"))
	}
	if c.XIndexDelay < 0 {
		errs = append(errs, run.Invalid("X_INDEX_DELAY", c.XIndexDelay, "set a duration of zero or more"))
	}
	return errors.Join(errs...)
}

// defaultAddress gives LISTEN_ADDRESS this program's own default: everything that it serves
// is for this machine alone.
func defaultAddress() {
	if _, ok := os.LookupEnv("LISTEN_ADDRESS"); !ok {
		_ = os.Setenv("LISTEN_ADDRESS", standardAddress)
	}
}
