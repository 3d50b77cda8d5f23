package main

import (
	"io"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
)

func TestGolden(t *testing.T) { runtest.CheckGolden(t, &config{}, "testdata/env.golden") }

var good = []string{
	"PIPELINE=default/azure", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092", "SOURCE=community", "SLACK_CHANNELS=feedback,C123",
	"SLACK_BOT_TOKEN=xoxb-hidden", "SLACK_APP_TOKEN=xapp-hidden", `MATCH={"keywords":["azure"]}`,
}

func TestConfig(t *testing.T) {
	var cfg config
	if err := run.Parse("slack-ingest", &cfg, nil, good, io.Discard); err != nil {
		t.Fatalf("Parse() = %v, want nil", err)
	}
	if got, want := strings.Join(cfg.Match.Keywords, ","), "azure"; got != want {
		t.Errorf("MATCH's keywords = %q, want %q", got, want)
	}
	if got, want := len(cfg.Channels), 2; got != want {
		t.Errorf("channels = %d, want %d", got, want)
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	for name, c := range map[string]struct{ set, field string }{
		"no source":         {"SOURCE=", "SOURCE"},
		"no channel":        {"SLACK_CHANNELS=", "SLACK_CHANNELS"},
		"a comma too many":  {"SLACK_CHANNELS=feedback,,", "SLACK_CHANNELS"},
		"mode":              {"SLACK_MODE=Socket", "SLACK_MODE"},
		"tokens exchanged":  {"SLACK_BOT_TOKEN=xapp-hidden", "SLACK_BOT_TOKEN"},
		"no app token":      {"SLACK_APP_TOKEN=", "SLACK_APP_TOKEN"},
		"no signing secret": {"SLACK_MODE=HTTP", "SLACK_SIGNING_SECRET"},
		"unknown match":     {`MATCH={"keyword":["a"]}`, "MATCH"},
		"empty keyword":     {`MATCH={"keywords":[" "]}`, "MATCH"},
		"negative backfill": {"SLACK_BACKFILL=-1h", "SLACK_BACKFILL"},
		"sweep without end": {"SLACK_SWEEP_INTERVAL=0s", "SLACK_SWEEP_INTERVAL"},
		"API address":       {"SLACK_API_URL=slack.com", "SLACK_API_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run.Parse("slack-ingest", &config{}, nil, append(append([]string{}, good...), c.set), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.field) {
				t.Errorf("Parse(%s) = %v, want an error that names %s", c.set, err, c.field)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("Parse(%s) = %v, want no secret in it", c.set, err)
			}
		})
	}
}
