package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

func TestSettingsAreThoseThatTheOperatorKnows(t *testing.T) {
	runtest.CheckGolden(t, &config{}, "testdata/env.golden", tokenPattern)
}

const oneRoute = `[{"name":"very-negative","group":"p.notifier.very-negative","match":{"scoreBelow":0.3,"keywords":["azure"]},"maxAge":"24h","slack":{"channel":"negative-feedback","delivery":"Each","digestAfter":5,"digestInterval":"10s","apiURL":"http://127.0.0.1:1/api/"}}]`

func parse(t *testing.T, routes string) (*config, error) {
	t.Helper()
	var cfg config
	err := run.Parse(name, &cfg, nil, []string{"KAFKA_BOOTSTRAP_SERVERS=localhost:9092", "ROUTES=" + routes}, io.Discard)
	return &cfg, err
}

func TestRoutes(t *testing.T) {
	t.Setenv("ROUTE_VERY_NEGATIVE_SLACK_BOT_TOKEN", "xoxb-test")
	cfg, err := parse(t, oneRoute)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	r := cfg.Routes[0]
	if r.Name != "very-negative" || *r.Match.ScoreBelow != 0.3 || r.Match.Keywords[0] != "azure" || r.MaxAge != 24*time.Hour ||
		r.Slack.DigestAfter != 5 || r.Slack.DigestInterval != 10*time.Second || r.token().Value() != "xoxb-test" {
		t.Errorf("route is %+v", r)
	}
	cfg, err = parse(t, `[{"name":"very-negative","group":"g","slack":{"channel":"C1"}}]`)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if r := cfg.Routes[0]; r.MaxAge != 24*time.Hour || r.Slack.Delivery != "Each" || r.Slack.DigestAfter != 20 || r.Slack.DigestInterval != time.Hour {
		t.Errorf("defaults are %+v", r)
	}
}

func TestValidateNamesFieldValueAndRemedy(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"not JSON", oneRoute, `[{`, "ROUTES"},
		{"no route", oneRoute, `[]`, "ROUTES"},
		{"unknown field", `"maxAge"`, `"maxage2"`, "maxage2"},
		{"unknown field of match", `"scoreBelow"`, `"scoreBelw"`, "scoreBelw"},
		{"a threshold of 3", `0.3`, `3`, "match.scoreBelow 3"},
		{"name", `"name":"very-negative"`, `"name":"Very Negative"`, `ROUTES[0].name "Very Negative"`},
		{"no group", `"group":"p.notifier.very-negative"`, `"group":""`, "ROUTES[0].group"},
		{"age", `24h`, `1ms`, `ROUTES[0].maxAge "1ms"`},
		{"no channel", `"channel":"negative-feedback"`, `"channel":"#"`, `ROUTES[0].slack.channel "#"`},
		{"delivery", `"Each"`, `"each"`, `ROUTES[0].slack.delivery "each"`},
		{"digestAfter", `:5`, `:-1`, `ROUTES[0].slack.digestAfter "-1"`},
		{"digestInterval", `10s`, `1us`, "ROUTES[0].slack.digestInterval"},
		{"apiURL", `http://127.0.0.1:1/api/`, `slack.com`, `ROUTES[0].slack.apiURL "slack.com"`},
		{"no token", "very-negative", "another", "ROUTE_ANOTHER_SLACK_BOT_TOKEN"},
		{"twice", `[{`, `[{"name":"very-negative","group":"g","slack":{"channel":"C1"}},{`, `ROUTES[1].name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("ROUTE_VERY_NEGATIVE_SLACK_BOT_TOKEN", "xoxb-secret")
			_, err := parse(t, strings.ReplaceAll(oneRoute, c.from, c.to))
			var fe *run.FieldError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one of a field with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "xoxb-secret") {
				t.Errorf("error %v shows the token", err)
			}
		})
	}
	t.Setenv("ROUTE_VERY_NEGATIVE_SLACK_BOT_TOKEN", "xoxb secret")
	if _, err := parse(t, oneRoute); err == nil || strings.Contains(err.Error(), "xoxb secret") {
		t.Errorf("error of a token with a blank is %v, want one that does not show it", err)
	}
}
