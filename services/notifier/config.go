package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/route"
)

// tokenPattern is what the golden file says of the variables whose names depend on ROUTES.
const tokenPattern = "ROUTE_*_SLACK_BOT_TOKEN"

const (
	deliveryEach   = "Each"
	deliveryDigest = "Digest"
)

// config is the notifier's settings.
type config struct {
	run.Config
	Kafka  kafka.Config    `envPrefix:"KAFKA_"`
	Topics feedback.Topics `envPrefix:"TOPIC_"`

	// Routes are which events are told where. The bot token of each stands in a variable of
	// its own: ROUTE_<NAME>_SLACK_BOT_TOKEN, the name in upper case, - as _.
	Routes routes `env:"ROUTES" help:"JSON array of routes: name, group, match, maxAge, slack{channel, delivery, digestAfter, digestInterval, apiURL}; each needs ROUTE_<NAME>_SLACK_BOT_TOKEN"`
	// StartOffset is where a route begins whose group has committed nothing.
	StartOffset kafka.Start `env:"START_OFFSET" envDefault:"Earliest" help:"where a new group begins: Earliest or Latest"`
}

// routes is the value of ROUTES.
type routes []routeConfig

// routeConfig is one route as the operator hands it over.
type routeConfig struct {
	Name   string
	Group  string
	Match  feedback.Match
	MaxAge time.Duration
	Slack  slackConfig
}

// slackConfig is the sink of a route.
type slackConfig struct {
	Channel        string
	Delivery       string
	DigestAfter    int
	DigestInterval time.Duration
	APIURL         string
}

// duration is a time.Duration written as in 24h; empty is zero.
type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

// UnmarshalText reads ROUTES; unknown fields are refused by name, absent ones get their
// defaults.
func (r *routes) UnmarshalText(b []byte) error {
	var wire []struct {
		Name   string          `json:"name"`
		Group  string          `json:"group"`
		Match  json.RawMessage `json:"match"`
		MaxAge duration        `json:"maxAge"`
		Slack  struct {
			Channel        string   `json:"channel"`
			Delivery       string   `json:"delivery"`
			DigestAfter    int      `json:"digestAfter"`
			DigestInterval duration `json:"digestInterval"`
			APIURL         string   `json:"apiURL"`
		} `json:"slack"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the array")
	}
	*r = nil
	for i, w := range wire {
		c := routeConfig{Name: w.Name, Group: w.Group, MaxAge: or(time.Duration(w.MaxAge), 24*time.Hour)}
		if len(w.Match) > 0 && string(w.Match) != "null" {
			if err := c.Match.UnmarshalText(w.Match); err != nil {
				return fmt.Errorf("[%d].match: %w", i, err)
			}
		}
		c.Slack = slackConfig{
			Channel: w.Slack.Channel, Delivery: or(w.Slack.Delivery, deliveryEach), DigestAfter: or(w.Slack.DigestAfter, 20),
			DigestInterval: or(time.Duration(w.Slack.DigestInterval), time.Hour), APIURL: w.Slack.APIURL,
		}
		*r = append(*r, c)
	}
	return nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Validate reports every field that is wrong.
func (c *config) Validate() error {
	errs := []error{c.Kafka.Validate()}
	for name, topic := range map[string]string{
		"TOPIC_SCORED": c.Topics.Scored, "TOPIC_NOTIFICATIONS": c.Topics.Notifications,
		"TOPIC_DEAD_LETTERS": c.Topics.DeadLetters, "TOPIC_STATE": c.Topics.State,
	} {
		if topic == "" {
			errs = append(errs, run.Invalid(name, "", "name the topic"))
		}
	}
	if len(c.Routes) == 0 {
		errs = append(errs, run.Invalid("ROUTES", "", `name at least one route, such as [{"name":"negative","group":"g","match":{"scoreBelow":0.3},"slack":{"channel":"negative-feedback"}}]`))
	}
	names, groups := map[string]bool{}, map[string]bool{}
	for i, r := range c.Routes {
		errs = append(errs, r.validate(fmt.Sprintf("ROUTES[%d]", i)))
		if names[r.Name] || groups[r.Group] {
			errs = append(errs, run.Invalid(fmt.Sprintf("ROUTES[%d].name", i), r.Name, "give each route a name and a group of its own"))
		}
		names[r.Name], groups[r.Group] = true, true
	}
	return errors.Join(errs...)
}

func (r routeConfig) validate(field string) error {
	var errs []error
	wrong := func(name string, value any, remedy string) {
		errs = append(errs, run.Invalid(field+name, value, remedy))
	}
	if !label.MatchString(r.Name) {
		wrong(".name", r.Name, "use lower-case letters, digits and -, at most 63")
	}
	if r.Group == "" {
		wrong(".group", r.Group, "name the route's consumer group, such as <prefix>.notifier."+r.Name)
	}
	if err := r.Match.Validate(); err != nil {
		wrong(".match", "", err.Error())
	}
	if r.MaxAge < time.Second || r.MaxAge > 8760*time.Hour {
		wrong(".maxAge", r.MaxAge, "set 1s to 8760h")
	}
	errs = append(errs, r.Slack.validate(field+".slack"))
	if label.MatchString(r.Name) {
		errs = append(errs, checkToken(tokenVariable(r.Name), r.token()))
	}
	return errors.Join(errs...)
}

func (s slackConfig) validate(field string) error {
	var errs []error
	wrong := func(name string, value any, remedy string) {
		errs = append(errs, run.Invalid(field+name, value, remedy))
	}
	if strings.TrimSpace(strings.TrimPrefix(s.Channel, "#")) == "" {
		wrong(".channel", s.Channel, "name the channel or give its id")
	}
	if s.Delivery != deliveryEach && s.Delivery != deliveryDigest {
		wrong(".delivery", s.Delivery, "set it to Each or Digest")
	}
	if s.DigestAfter < 1 || s.DigestAfter > 10_000 {
		wrong(".digestAfter", s.DigestAfter, "set 1 to 10000")
	}
	if s.DigestInterval < time.Second || s.DigestInterval > 168*time.Hour {
		wrong(".digestInterval", s.DigestInterval, "set 1s to 168h")
	}
	if s.APIURL != "" {
		if u, err := url.Parse(s.APIURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			wrong(".apiURL", s.APIURL, "set it to an address such as https://slack.com/api/, or leave it out")
		}
	}
	return errors.Join(errs...)
}

// tokenVariable is where a route's token stands.
func tokenVariable(name string) string {
	return "ROUTE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_SLACK_BOT_TOKEN"
}

// token is the route's bot token. It is a secret, so that it stands in the environment
// alone.
func (r routeConfig) token() run.Secret {
	return run.Secret(strings.TrimSpace(os.Getenv(tokenVariable(r.Name))))
}

func checkToken(variable string, token run.Secret) error {
	switch v := token.Value(); {
	case v == "":
		return run.Invalid(variable, "", "set the bot token (xoxb-) of the Slack app that posts")
	case strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }):
		return run.Invalid(variable, token, "it has spaces, line breaks or other characters that no token has: copy it again")
	}
	return nil
}

// config is the route as its state machine takes it.
func (r routeConfig) config() route.Config {
	return route.Config{
		Name: r.Name, Match: r.Match, Channel: r.Slack.Channel, MaxAge: r.MaxAge, Digest: r.Slack.Delivery == deliveryDigest,
		DigestAfter: r.Slack.DigestAfter, Interval: r.Slack.DigestInterval,
	}
}
