//go:build e2e

package readiness

import (
	"errors"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
)

// both is what slack-ingest and the notifier have to say of a fault that hits both.
func both(reason, message string) []says {
	return []says{
		{process: "community", condition: "slack", reason: reason, message: message},
		{process: "notifier", condition: "route/negative", reason: reason, message: message},
		{process: "notifier", condition: "route/positive", reason: reason, message: message},
	}
}

func slackAPI(t *testing.T, p *pipeline) []fault {
	ways := []*proxy.Link{p.world[p.process(t, "community").Name], p.world[p.process(t, "notifier").Name]}
	return []fault{
		{name: "Slack answers 503", broken: p.misbehave("slack5xx", ""), mend: p.restore, told: both("SlackUnavailable", "Slack.*503.*tried again")},
		{name: "Slack is slow: calls time out", broken: p.misbehave("slow", "", "delay", "15s"), mend: p.restore, told: both("SlackUnreachable|Disconnected", "Slack.*tried again")},
		{name: "Slack is silent: packets are swallowed", broken: link(ways, proxy.Silent), mend: link(ways, proxy.Open), told: both("SlackUnreachable|Disconnected", "Slack.*tried again")},
		{name: "Slack cannot be reached: connections refused", broken: link(ways, proxy.Refused), mend: link(ways, proxy.Open), told: both("SlackUnreachable|Disconnected", "Slack.*tried again")},
	}
}

func slackLimits(_ *testing.T, p *pipeline) []fault {
	return []fault{
		{name: "Slack answers 429 to everything", broken: p.misbehave("slack429", ""), mend: p.restore, told: both("RateLimited", "Slack.*slow down")},
		{name: "Slack answers 429 to posting", broken: p.misbehave("slack429", "chat.postMessage"), mend: p.restore, told: []says{
			{process: "notifier", condition: "route/negative", reason: "RateLimited", message: "Slack.*slow down"}}},
	}
}

func slackTokens(_ *testing.T, p *pipeline) []fault {
	return []fault{
		{name: "bot token revoked", broken: p.misbehave("revoke", "bot"), mend: p.restore, told: both("TokenRefused", "token.*Secret")},
		{name: "app-level token revoked", broken: p.misbehave("revoke", "app"), mend: p.restore, told: []says{
			{process: "community", condition: "slack", reason: "AppTokenRefused", message: "app-level token.*Secret"}}},
	}
}

func slackSocket(t *testing.T, p *pipeline) []fault {
	cut := func() error {
		return errors.Join(p.misbehave("slack5xx", "apps.connections.open")(), p.simulator("/sim/faults", map[string]any{"kind": "drop", "target": "slack"}))
	}
	talk := func() error { return p.Traffic(t.Context(), true) }
	silence := func() error { // nobody speaks: else what is missed would be noticed first
		return errors.Join(p.Traffic(t.Context(), false), p.misbehave("half_open", "slack")())
	}
	return []fault{
		{name: "socket cut, and no new one", broken: cut, mend: p.restore, told: []says{
			{process: "community", condition: "slack", reason: "Disconnected", message: "socket is away.*503.*tried again"}}},
		{name: "socket half-open: no events, no pings", broken: silence, mend: talk, told: []says{
			{process: "community", condition: "slack", reason: "SocketSilent", message: "silent.*renewed.*firewall", heals: true}}},
		{name: "ghost connection swallows events", broken: p.misbehave("ghost", ""), told: []says{
			{process: "community", condition: "slack", reason: "EventsMissed", message: "swallowed.*read back.*app-level token", heals: true}}},
	}
}

func slackChannels(_ *testing.T, p *pipeline) []fault {
	return []fault{
		{name: "source channel archived", broken: p.channel("support", map[string]any{"archived": true}), mend: p.channel("support", map[string]any{"archived": false, "member": true}), told: []says{
			{process: "community", condition: "channels", reason: "ChannelsUnreadable", message: "#support.*archived.*unarchive"}}},
		{name: "app removed from a private source channel", broken: p.channel("inner", map[string]any{"member": false}), mend: p.channel("inner", map[string]any{"member": true}), told: []says{
			{process: "community", condition: "channels", reason: "ChannelsUnreadable", message: "#inner.*invite"}}},
		{name: "channel of a route archived", broken: p.channel("negative-feedback", map[string]any{"archived": true}), mend: p.channel("negative-feedback", map[string]any{"archived": false, "member": true}), told: []says{
			{process: "notifier", condition: "route/negative", reason: "ChannelArchived", message: "#negative-feedback.*archived.*unarchive"}}},
		{name: "channel of a route renamed", broken: p.channel("positive-feedback", map[string]any{"rename": "praise"}), mend: p.channel("praise", map[string]any{"rename": "positive-feedback"}), told: []says{
			{process: "notifier", condition: "route/positive/channel", reason: "ChannelRenamed", message: "#positive-feedback is called #praise now: write that"}}},
	}
}
