//go:build e2e

package readiness

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
)

// processes is how many a pipeline has.
const processes = 6

// TestHealthSaysWhatIsBroken breaks every component in turn. Faults that share nothing are broken at the same time, in
// pipelines of their own.
func TestHealthSaysWhatIsBroken(t *testing.T) {
	k := kafka(t, processes)
	k.letScorerIn(t, "kafka-acls")
	lanes := map[string]struct {
		options
		faults func(*testing.T, *pipeline) []fault
	}{
		"slack-api":      {faults: slackAPI},
		"slack-limits":   {faults: slackLimits},
		"slack-tokens":   {faults: slackTokens},
		"slack-socket":   {faults: slackSocket},
		"slack-channels": {faults: slackChannels},
		"x":              {faults: xFaults},
		"x-limits":       {faults: xLimits},
		"kafka":          {faults: kafkaFaults, options: options{detour: true}},
		"kafka-topics":   {faults: kafkaTopics},
		"frozen":         {faults: frozen},
		"kafka-acls":     {faults: kafkaACLs, options: options{user: map[string]string{"sentiment-scorer": scorerUser}}},
	}
	t.Run("all", func(t *testing.T) {
		for name, lane := range lanes {
			if only := os.Getenv("LANES"); only != "" && !slices.Contains(strings.Split(only, ","), name) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := start(t, k, name, lane.options)
				for _, f := range lane.faults(t, p) {
					p.run(t, f)
				}
			})
		}
	})
	printTable(t)
}

// misbehave has the simulator misbehave until restored.
func (p *pipeline) misbehave(kind, target string, more ...any) func() error {
	body := map[string]any{"kind": kind, "target": target, "duration": "10m"}
	if kind == "revoke" {
		delete(body, "duration")
	}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return func() error { return p.simulator("/sim/faults", body) }
}

// restore has the simulator behave again.
func (p *pipeline) restore() error {
	return p.simulator("/sim/faults", map[string]any{"kind": "restore"})
}

// channel changes a channel of the simulator's Slack.
func (p *pipeline) channel(name string, change map[string]any) func() error {
	change["name"] = name
	return func() error { return p.simulator("/sim/slack/channels", change) }
}

// link changes the ways out of some processes.
func link(links []*proxy.Link, s proxy.State) func() error {
	return func() error {
		for _, l := range links {
			l.Set(s, 0)
		}
		return nil
	}
}
