package controller

import (
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// TestWorstCondition: the first of the worst speaks, but a refused token, which explains the others, before them.
func TestWorstCondition(t *testing.T) {
	const good, degraded, failed = feedbackv1.Health_LEVEL_GOOD, feedbackv1.Health_LEVEL_DEGRADED, feedbackv1.Health_LEVEL_FAILED
	condition := func(level feedbackv1.Health_Level, reason string) *feedbackv1.Health_Condition {
		return &feedbackv1.Health_Condition{Level: level, Name: "x", Reason: reason}
	}
	for _, tt := range []struct {
		want       string
		conditions []*feedbackv1.Health_Condition
	}{
		{"", []*feedbackv1.Health_Condition{condition(good, "Good")}},
		{"Failing", []*feedbackv1.Health_Condition{condition(degraded, "TokenRefused"), condition(failed, "Failing"), condition(failed, "FailingToo")}},
		{"TokenRefused", []*feedbackv1.Health_Condition{condition(failed, "ChannelsUnreadable"), condition(failed, "TokenRefused")}},
		{"AppTokenRefused", []*feedbackv1.Health_Condition{condition(failed, "AppTokenRefused"), condition(failed, "TokenRefused")}},
	} {
		if got := component(&feedbackv1.Health{Conditions: tt.conditions}, time.Now()); got.Reason != tt.want {
			t.Errorf("reason of %v = %q, want %q", tt.conditions, got.Reason, tt.want)
		}
	}
}
