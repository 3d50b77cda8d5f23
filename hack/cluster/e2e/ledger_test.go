//go:build e2e

package e2e

import (
	"context"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
)

// audit has people fall silent, waits until all that they said is told, and has the auditor judge.
func (s *scene) audit() audit.Ledger {
	s.Helper()
	s.talk(false)
	var ledger audit.Ledger
	last := ""
	limit := time.Now().Add(3 * time.Minute)
	s.Until("nothing is on its way any more", 4*time.Minute, func(ctx context.Context) (string, bool) {
		var err error
		if ledger, err = s.ledger(ctx); err != nil {
			return err.Error(), false
		}
		// Twice the same: an edit may still be on its way to its card.
		rest := ledger.String() == last && ledger.OK() && ledger.Pending == 0
		last = ledger.String()
		return last, rest || time.Now().After(limit)
	})
	for _, line := range ledger.Explain(30) {
		s.Log(line)
	}
	summary = append(summary, ledger.String())
	if !ledger.OK() || ledger.Pending > 0 {
		s.Error(ledger)
	}
	return ledger
}

// everyHop wants that each hop had its part.
func (s *scene) everyHop(ledger audit.Ledger) {
	if ledger.Ingested == 0 || ledger.Scored == 0 || ledger.Unscored == 0 || ledger.Posted == 0 || ledger.Digested == 0 {
		s.Errorf("%s\nwant that every hop had its part", ledger)
	}
}

// ledger is the auditor's word on what is there now.
func (s *scene) ledger(ctx context.Context) (audit.Ledger, error) {
	last := len(s.manifests) - 1
	return audit.Run(ctx, audit.Options{
		Bootstrap: s.kafka.Bootstrap(), Manifest: s.manifests[last], Earlier: s.manifests[:last], Simulator: s.world.Base,
	})
}
