//go:build e2e

package acl

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// healths is the newest health of each instance, as it stands in the state topic.
type healths struct{ *e2etest.Health }

// followHealth reads the state topic until the test ends.
func followHealth(t *testing.T, g *guarded) healths {
	t.Helper()
	return healths{e2etest.FollowHealth(t, g.Bootstrap(), prefix+".state")}
}

// well is nil where the process is ready and its health, of less than 15 s ago, is good.
func (h healths) well(p executor.Status) error {
	if err := ready(p); err != nil {
		return err
	}
	report := h.Of(p.Name)
	switch {
	case report == nil:
		return fmt.Errorf("%s: no health", p.Name)
	case time.Since(report.GetObservedAt().AsTime()) > 15*time.Second:
		return fmt.Errorf("%s: its health is of %s ago", p.Name, time.Since(report.GetObservedAt().AsTime()).Round(time.Second))
	case report.GetLevel() != feedbackv1.Health_LEVEL_GOOD:
		return fmt.Errorf("%s: %s", p.Name, worst(report))
	}
	return nil
}

// denied is what programs say where an ACL is missing.
const denied = "ACLs do not allow it"

// troubled waits, for 45 s at most, within which health has to tell, until a run of the process that began after before says in its health that ACLs do
// not allow something, is not ready after 5 s and says so in its log, or has no health after 5 s. It returns what is
// wrong, nil if nothing is.
func (h healths) troubled(p executor.Status, before time.Time) error {
	tick, started, limit := time.NewTicker(100*time.Millisecond), time.Now().Add(5*time.Second), time.Now().Add(45*time.Second)
	defer tick.Stop()
	for now := range tick.C {
		report := h.Of(p.Name)
		if !report.GetStartedAt().AsTime().After(before) {
			report = nil
		}
		for _, c := range report.GetConditions() {
			if strings.Contains(c.GetMessage(), denied) {
				return fmt.Errorf("health says %s %s: %s", c.GetName(), c.GetReason(), c.GetMessage())
			}
		}
		if now.After(limit) {
			break
		}
		if now.Before(started) {
			continue
		}
		err := ready(p)
		switch said := says(p, before); {
		case err != nil && said != "":
			return fmt.Errorf("%w; its log says %s", err, said)
		case err == nil && report == nil:
			return fmt.Errorf("%s: ready, but its health is unknown", p.Name)
		}
	}
	return nil
}

// says is the last line of the process's log, written since, that tells of a missing ACL; empty if none does.
func says(p executor.Status, since time.Time) string {
	data, err := os.ReadFile(p.Log)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(data), "\n")
	for _, line := range slices.Backward(lines) {
		var l struct{ Time time.Time }
		if strings.Contains(line, denied) && json.Unmarshal([]byte(line), &l) == nil && l.Time.After(since) {
			return line
		}
	}
	return ""
}

func ready(p executor.Status) error {
	resp, err := http.Get("http://" + p.Listens["LISTEN_ADDRESS"] + "/readyz") //nolint:noctx // a moment
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", p.Name, resp.Status)
	}
	return nil
}

// worst is the first condition that is as bad as the whole.
func worst(report *feedbackv1.Health) string {
	for _, c := range report.GetConditions() {
		if c.GetLevel() == report.GetLevel() {
			return fmt.Sprintf("%s %s: %s", c.GetName(), c.GetReason(), c.GetMessage())
		}
	}
	return report.GetLevel().String()
}
