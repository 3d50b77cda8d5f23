//go:build e2e

package readiness

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// stale is how old a health record may be before a reader takes it for unknown.
const stale = 30 * time.Second

// follower is what the instances of a pipeline say and said of themselves.
type follower struct{ *e2etest.Health }

// of is the newest health of an instance; nil if it has none or is older than 30 s.
func (f follower) of(instance string) *feedbackv1.Health {
	if h := f.Of(instance); h != nil && time.Since(h.GetObservedAt().AsTime()) <= stale {
		return h
	}
	return nil
}

// since is all that an instance said after a moment, oldest first.
func (f follower) since(instance string, from time.Time) []*feedbackv1.Health {
	return slices.DeleteFunc(f.History(instance), func(h *feedbackv1.Health) bool {
		return !h.GetObservedAt().AsTime().After(from)
	})
}

// good is nil where an instance's health is fresh and good, else what is wrong.
func (f follower) good(instance string) error {
	h := f.of(instance)
	if h == nil {
		return errors.New("its health is unknown")
	}
	if h.GetLevel() == feedbackv1.Health_LEVEL_GOOD {
		return nil
	}
	var errs []error
	for _, c := range h.GetConditions() {
		if c.GetLevel() != feedbackv1.Health_LEVEL_GOOD {
			errs = append(errs, errors.New(describe(c)))
		}
	}
	return errors.Join(errs...)
}

func describe(c *feedbackv1.Health_Condition) string {
	return fmt.Sprintf("%s %s %s: %s", c.GetName(), strings.TrimPrefix(c.GetLevel().String(), "LEVEL_"), c.GetReason(), c.GetMessage())
}
