package status_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func pipeline() *v1alpha1.FeedbackPipeline {
	return &v1alpha1.FeedbackPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "feedback", Name: "azure", Generation: 7},
		Spec: v1alpha1.FeedbackPipelineSpec{
			Sources: []v1alpha1.Source{{Name: "community", Slack: &v1alpha1.SlackSource{}}, {Name: "mentions", Twitter: &v1alpha1.TwitterSource{}}},
			Routes:  []v1alpha1.Route{{Name: "negative"}},
		},
	}
}

// well is an observation of a pipeline of which nothing is wrong.
func well() status.Observation {
	healthy := status.Component{State: v1alpha1.SourceHealthy, Seen: now.Add(-10 * time.Second), LastEvent: now.Add(-time.Minute)}
	return status.Observation{
		Now:       now,
		Topics:    &status.Topics{Count: 5},
		Workloads: []status.Workload{{Name: "azure-scorer", Wanted: 1, Updated: 1, Available: 1, Total: 1, Observed: true}},
		Flow: &status.Flow{
			Components: map[string]status.Component{"slack-ingest/community": healthy, "twitter-ingest/mentions": healthy, "sentiment-scorer": healthy, "notifier": healthy},
			Groups:     []status.Group{{ID: "a", Lag: 2}, {ID: "b", Route: "negative", Lag: 3}},
		},
	}
}

// spoil is what a component says of itself instead.
func spoil(name string, state v1alpha1.SourceState, reason string) func(*status.Observation, *v1alpha1.FeedbackPipeline) {
	return func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
		c := o.Flow.Components[name]
		c.State, c.Reason, c.Message = state, reason, "do something"
		o.Flow.Components[name] = c
	}
}

func starting(reason string) func(*status.Observation, *v1alpha1.FeedbackPipeline) {
	return func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
		o.Workloads[0].Available = 0
		if reason != "" {
			o.Workloads[0].Problem = &status.Problem{Reason: reason, Message: "so"}
		}
	}
}

func refused(reason string) func(*status.Observation, *v1alpha1.FeedbackPipeline) {
	return func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
		o.Refused = &status.Problem{Reason: reason, Message: "so"}
	}
}

func topics(reason string, unreachable bool) func(*status.Observation, *v1alpha1.FeedbackPipeline) {
	return func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
		o.Topics.Problem = &status.Problem{Reason: reason, Message: "so"}
		o.Topics.Unreachable = unreachable
	}
}

// first is what else is so before anything was made.
func first(change func(*status.Observation, *v1alpha1.FeedbackPipeline)) func(*status.Observation, *v1alpha1.FeedbackPipeline) {
	return func(o *status.Observation, p *v1alpha1.FeedbackPipeline) {
		o.Workloads[0], o.Flow = status.Workload{Name: "azure-scorer", Missing: true, Wanted: 1}, nil
		change(o, p)
	}
}

// TestDerive is the table of docs/spec/feedbackpipeline.md, row by row.
func TestDerive(t *testing.T) {
	tests := []struct {
		name                        string
		change                      func(*status.Observation, *v1alpha1.FeedbackPipeline)
		ready, reconciling, stalled string
	}{
		{"well", func(*status.Observation, *v1alpha1.FeedbackPipeline) {}, "True Flowing", "", ""},
		{"rolling out", starting(""), "False RollingOut", "RollingOut", ""},
		{"no image", starting(status.ReasonImagePull), "False ImagePullFailed", "ImagePullFailed", ""},
		{"crashes", starting(status.ReasonCrashLoop), "False CrashLooping", "CrashLooping", ""},
		{"no quota", starting(status.ReasonQuota), "False QuotaExceeded", "QuotaExceeded", ""},
		{"no node", starting(status.ReasonUnschedulable), "False Unschedulable", "Unschedulable", ""},
		{"too long", starting(status.ReasonDeadline), "False ProgressDeadlineExceeded", "", "ProgressDeadlineExceeded"},
		{"invalid", refused(status.ReasonInvalid), "False Invalid", "", "Invalid"},
		{"no Secret", refused(status.ReasonMissing), "False ReferenceMissing", "", "ReferenceMissing"},
		{"name taken", refused(status.ReasonConflict), "False NameConflict", "", "NameConflict"},
		{"rejected", refused(status.ReasonRejected), "False Rejected", "Rejected", ""},
		{"Kafka unreachable", topics(status.ReasonUnreachable, true), "Unknown KafkaUnreachable", "KafkaUnreachable", ""},
		{"Kafka denies", topics(status.ReasonDenied, false), "False KafkaDenied", "KafkaDenied", ""},
		{"Kafka refuses", topics(status.ReasonRefused, false), "False KafkaRefused", "KafkaRefused", ""},
		{"Kafka unreachable at the first start", first(topics(status.ReasonUnreachable, true)), "Unknown KafkaUnreachable", "KafkaUnreachable", ""},
		{"Kafka denies at the first start", first(topics(status.ReasonDenied, false)), "False KafkaDenied", "KafkaDenied", ""},
		{"no Secret at the first start", first(refused(status.ReasonMissing)), "False ReferenceMissing", "", "ReferenceMissing"},
		{"topics of another", topics(status.ReasonNotOwner, false), "False NotOwner", "", "NotOwner"},
		{"topics not looked at", func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) { o.Topics = nil }, "Unknown NotChecked", "NotChecked", ""},
		{"drift", func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) { o.Topics.Drift = []string{"so"} }, "True Flowing", "", ""},
		{"source failed", spoil("slack-ingest/community", v1alpha1.SourceFailed, "TokenRefused"), "False TokenRefused", "", ""},
		{"source failed, and its pod is not ready for it", func(o *status.Observation, p *v1alpha1.FeedbackPipeline) {
			spoil("slack-ingest/community", v1alpha1.SourceFailed, "TokenRefused")(o, p)
			starting("")(o, p)
		}, "False TokenRefused", "", ""},
		{"source degraded, and a pod starts", func(o *status.Observation, p *v1alpha1.FeedbackPipeline) {
			spoil("twitter-ingest/mentions", v1alpha1.SourceDegraded, "BudgetSpent")(o, p)
			starting("")(o, p)
		}, "False RollingOut", "RollingOut", ""},
		{"source failed, and a rollout", func(o *status.Observation, p *v1alpha1.FeedbackPipeline) {
			spoil("slack-ingest/community", v1alpha1.SourceFailed, "TokenRefused")(o, p)
			o.Workloads[0].Updated = 0
		}, "False RollingOut", "RollingOut", ""},
		{"source degraded", spoil("twitter-ingest/mentions", v1alpha1.SourceDegraded, "BudgetSpent"), "True Degraded", "", ""},
		{"scorer failed", spoil("sentiment-scorer", v1alpha1.SourceFailed, "WriteFailed"), "False WriteFailed", "", ""},
		{"notifier failed", spoil("notifier", v1alpha1.SourceFailed, "ChannelArchived"), "False ChannelArchived", "", ""},
		{"nothing heard", func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) { o.Flow.Components = nil }, "Unknown NoHealth", "", ""},
		{"overdue", func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
			c := o.Flow.Components["notifier"]
			c.Overdue = []string{"negative"}
			o.Flow.Components["notifier"] = c
		}, "True Degraded", "", ""},
		{"moved 119 s ago", func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
			o.Flow.Groups[0].Stuck = now.Add(-119 * time.Second)
		}, "True Flowing", "", ""},
		{"stuck", func(o *status.Observation, _ *v1alpha1.FeedbackPipeline) {
			o.Flow.Groups[0].Stuck = now.Add(-120 * time.Second)
		}, "False Stuck", "", ""},
		{"suspended", func(_ *status.Observation, p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true }, "False Suspended", "", ""},
		{"suspended, and invalid", func(o *status.Observation, p *v1alpha1.FeedbackPipeline) {
			p.Spec.Suspend = true
			o.Refused = &status.Problem{Reason: status.ReasonInvalid, Message: "so"}
		}, "False Invalid", "", "Invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, o := pipeline(), well()
			tt.change(&o, p)
			got := status.Derive(p, o)
			for kind, want := range map[string]string{v1alpha1.ConditionReady: tt.ready, v1alpha1.ConditionReconciling: abnormal(tt.reconciling), v1alpha1.ConditionStalled: abnormal(tt.stalled)} {
				if got := said(got, kind); got != want {
					t.Errorf("%s = %q, want %q", kind, got, want)
				}
			}
			if got.ObservedGeneration != 7 {
				t.Errorf("observedGeneration = %d, want 7", got.ObservedGeneration)
			}
		})
	}
}

func abnormal(reason string) string {
	if reason == "" {
		return ""
	}
	return "True " + reason
}

func said(s v1alpha1.FeedbackPipelineStatus, kind string) string {
	c := meta.FindStatusCondition(s.Conditions, kind)
	if c == nil {
		return ""
	}
	return string(c.Status) + " " + c.Reason
}

// TestHoldDown: what was seen last holds for 30 s after it can no longer be seen, and no longer.
func TestHoldDown(t *testing.T) {
	p := pipeline()
	p.Status = status.Derive(p, well())
	for after, want := range map[time.Duration]string{29 * time.Second: "True Flowing", 30 * time.Second: "Unknown KafkaUnreachable"} {
		o := well()
		o.Now, o.Flow, o.Unseen = now.Add(after), nil, now
		o.Topics = &status.Topics{Problem: &status.Problem{Reason: status.ReasonUnreachable, Message: "so"}, Unreachable: true, Since: now}
		got := status.Derive(p, o)
		if got := said(got, v1alpha1.ConditionReady); got != want {
			t.Errorf("Ready after %s = %q, want %q", after, got, want)
		}
		if known := got.Lag != nil; known != (after < status.HoldDown) {
			t.Errorf("lag known after %s: %v", after, known)
		}
	}
}

// TestWorth: a transition is written at once, figures every 30 s, and the same never.
func TestWorth(t *testing.T) {
	p := pipeline()
	before := status.Derive(p, well())
	o := well()
	o.Flow.Groups[0].Lag = 9
	figures := status.Derive(p, o)
	spoil("notifier", v1alpha1.SourceFailed, "ChannelArchived")(&o, p)
	transition := status.Derive(p, o)
	for _, tt := range []struct {
		name  string
		now   v1alpha1.FeedbackPipelineStatus
		since time.Duration
		want  bool
	}{
		{"the same", before, time.Hour, false},
		{"figures after 29 s", figures, 29 * time.Second, false},
		{"figures after 30 s", figures, 30 * time.Second, true},
		{"a transition", transition, 0, true},
	} {
		if got := status.Worth(before, tt.now, tt.since, 30*time.Second); got != tt.want {
			t.Errorf("Worth(%s) = %v, want %v", tt.name, got, tt.want)
		}
	}
	if *before.Lag != 5 || before.ReadySources != "2/2" {
		t.Errorf("lag = %d, ready sources = %s, want 5 and 2/2", *before.Lag, before.ReadySources)
	}
}
