//go:build e2e

package readiness

import (
	"fmt"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/chaos/proxy"
)

// onX is what the searching source and the streaming one have to say.
func onX(reason, message string) []says {
	return []says{
		{process: "mentions", condition: "x", reason: reason, message: message},
		{process: "live", condition: "stream", reason: reason, message: message},
	}
}

func xFaults(t *testing.T, p *pipeline) []fault {
	ways := []*proxy.Link{p.world[p.process(t, "mentions").Name], p.world[p.process(t, "live").Name]}
	down := func() error {
		if err := p.misbehave("x503", "")(); err != nil {
			return err
		}
		return p.simulator("/sim/faults", map[string]any{"kind": "drop", "target": "x"})
	}
	return []fault{
		{name: "X answers 503", broken: down, mend: p.restore, told: onX("Unavailable", "X answered 503.*asked again")},
		{name: "X token revoked", broken: p.misbehave("revoke", "x"), mend: p.restore, told: onX("TokenRefused", "bearer token.*Secret")},
		{name: "X is silent: packets are swallowed", broken: link(ways, proxy.Silent), mend: link(ways, proxy.Open), told: onX("Unreachable|StreamSilent", "(X|stream).*again")},
		{name: "X cannot be reached: connections refused", broken: link(ways, proxy.Refused), mend: link(ways, proxy.Open), told: onX("Unreachable|StreamLost|StreamEnded", "(X|stream).*again")},
		{name: "X stream half-open: no posts, no keep-alive", broken: p.misbehave("half_open", "x"), told: []says{
			{process: "live", condition: "stream", reason: "StreamSilent", message: "stream.*silent.*opened again", heals: true}}},
	}
}

func xLimits(_ *testing.T, p *pipeline) []fault {
	spend := func() error {
		for i := range 12 {
			if err := p.simulator("/sim/x/posts", map[string]any{"author": "ann", "text": fmt.Sprintf("penniless %d", i)}); err != nil {
				return err
			}
		}
		return nil
	}
	limited := func() error {
		if err := p.misbehave("x429", "")(); err != nil {
			return err
		}
		return p.simulator("/sim/faults", map[string]any{"kind": "drop", "target": "x"})
	}
	return []fault{
		{name: "X answers 429", broken: limited, mend: p.restore, told: onX("RateLimited", "X answered 429.*goes on")},
		{name: "X: the account's cap is used up", broken: p.misbehave("x_cap", "search"), mend: p.restore, told: []says{
			{process: "mentions", condition: "x", reason: "UsageCapExceeded", message: "cap.*raise it"}}},
		{name: "X: the daily budget is spent", once: true, broken: spend, told: []says{
			{process: "frugal", condition: "budget", reason: "BudgetSpent", message: "dailyPostBudget"}}},
	}
}
