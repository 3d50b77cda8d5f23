package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

// Modes of reading X.
const (
	modeSearch = "Search"
	modeStream = "Stream"
)

const (
	minInterval = time.Second
	// minStreamBudget leaves the stream a block that is worth a connection.
	minStreamBudget = 200
)

// config is the settings of twitter-ingest.
type config struct {
	run.Config
	Kafka  kafka.Config    `envPrefix:"KAFKA_"`
	Topics feedback.Topics `envPrefix:"TOPIC_"`
	// Source is the source's name in the pipeline.
	Source string  `env:"SOURCE" help:"the source's name in the pipeline"`
	X      xConfig `envPrefix:"X_"`
}

// xConfig is how X is read.
type xConfig struct {
	// Query is in X's search language.
	Query string `env:"QUERY" help:"what to search for, in X's query language; at most 512 bytes"`
	// Mode is Search or Stream.
	Mode string `env:"MODE" envDefault:"Search" help:"Search (every interval) or Stream (the filtered stream, with the search beside it)"`
	// Interval is the time between two searches.
	Interval time.Duration `env:"INTERVAL" envDefault:"30s" help:"time between two searches"`
	// Backfill is how far a new query reads back.
	Backfill time.Duration `env:"BACKFILL" envDefault:"24h" help:"how far a new query reads back; at most 168h, what X's search holds"`
	// DailyPostBudget is how many posts may be read, and are paid for, on a UTC day.
	DailyPostBudget int `env:"DAILY_POST_BUDGET" envDefault:"10000" help:"most posts to read, and pay for, on a UTC day"`
	// BearerToken is the X app's token.
	BearerToken run.Secret `env:"BEARER_TOKEN" help:"bearer token of the X app"`
	// APIURL is where X's API is.
	APIURL string `env:"API_URL" envDefault:"https://api.x.com" help:"address of X's API"`
}

// Validate reports every field that is wrong.
func (c *config) Validate() error {
	errs := []error{c.Kafka.Validate(), c.X.validate()}
	if c.Source == "" || strings.ContainsAny(c.Source, "/ \n") {
		errs = append(errs, run.Invalid("SOURCE", c.Source, "set it to the source's name, without slashes and spaces"))
	}
	for name, topic := range map[string]string{"TOPIC_FEEDBACK": c.Topics.Feedback, "TOPIC_DEAD_LETTERS": c.Topics.DeadLetters, "TOPIC_STATE": c.Topics.State} {
		if topic == "" {
			errs = append(errs, run.Invalid(name, topic, "name the topic"))
		}
	}
	return errors.Join(errs...)
}

func (x xConfig) validate() error {
	var errs []error
	wrong := func(name string, value any, remedy string) {
		errs = append(errs, run.Invalid("X_"+name, value, remedy))
	}
	switch {
	case strings.TrimSpace(x.Query) == "":
		wrong("QUERY", "", `set what to search for, such as "#Azure lang:en -is:retweet"`)
	case len(x.Query) > xapi.MaxQueryBytes:
		wrong("QUERY", x.Query, fmt.Sprintf("shorten it from %d to at most %d bytes; letters beyond ASCII take two to four", len(x.Query), xapi.MaxQueryBytes))
	case !utf8.ValidString(x.Query):
		wrong("QUERY", fmt.Sprintf("%q", x.Query), "write it in UTF-8")
	}
	if x.Mode != modeSearch && x.Mode != modeStream {
		wrong("MODE", x.Mode, "set it to Search or Stream")
	}
	if x.Interval < minInterval {
		wrong("INTERVAL", x.Interval, "set at least 1s; X allows an app some hundred searches in 15 minutes, so 30s suits most")
	}
	if x.Backfill < 0 || x.Backfill > xapi.History {
		wrong("BACKFILL", x.Backfill, "set 0s to 168h: X's recent search holds seven days")
	}
	switch {
	case x.DailyPostBudget < xapi.MinResults:
		wrong("DAILY_POST_BUDGET", x.DailyPostBudget, "set at least 10: X gives no smaller page")
	case x.Mode == modeStream && x.DailyPostBudget < minStreamBudget:
		wrong("DAILY_POST_BUDGET", x.DailyPostBudget, "set at least 200 for mode Stream, or mode Search")
	}
	switch token := strings.TrimSpace(x.BearerToken.Value()); {
	case token == "":
		wrong("BEARER_TOKEN", "", "set the bearer token of the X app")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		wrong("BEARER_TOKEN", x.BearerToken, "it has spaces, line breaks or other characters that no token has: copy it again")
	}
	if u, err := url.Parse(x.APIURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		wrong("API_URL", x.APIURL, "set it to an address such as https://api.x.com")
	}
	return errors.Join(errs...)
}
