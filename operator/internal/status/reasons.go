package status

import (
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// Reasons that the operator gives itself, beside those of topics and of the components.
const (
	ReasonFlowing   = "Flowing"
	ReasonDegraded  = "Degraded"
	ReasonSuspended = "Suspended"
	ReasonHealthy   = "Healthy"
	ReasonNoHealth  = "NoHealth"
	ReasonOverdue   = "Overdue"
	ReasonStuck     = "Stuck"

	ReasonAvailable     = "Available"
	ReasonRollingOut    = "RollingOut"
	ReasonInvalid       = "Invalid"
	ReasonMissing       = "ReferenceMissing"
	ReasonConflict      = "NameConflict"
	ReasonRejected      = "Rejected"
	ReasonQuota         = "QuotaExceeded"
	ReasonImagePull     = "ImagePullFailed"
	ReasonCrashLoop     = "CrashLooping"
	ReasonDeadline      = "ProgressDeadlineExceeded"
	ReasonUnschedulable = "Unschedulable"

	ReasonAsDesired   = "AsDesired"
	ReasonDrifted     = "Drifted"
	ReasonNotChecked  = "NotChecked"
	ReasonUnreachable = "KafkaUnreachable"
	ReasonDenied      = "KafkaDenied"
	ReasonRefused     = "KafkaRefused"
	ReasonNotOwner    = "NotOwner"
)

// stalls are the reasons of what nothing will change until a person acts.
var stalls = map[string]bool{
	ReasonInvalid: true, ReasonMissing: true, ReasonConflict: true, ReasonDeadline: true, ReasonNotOwner: true,
	topics.ReasonMissing: true, topics.ReasonUnsuitable: true, topics.ReasonShrink: true,
}

// Same tells whether two statuses are the same but for the times of transitions.
func Same(a, b v1alpha1.FeedbackPipelineStatus) bool {
	return equality.Semantic.DeepEqual(a, b)
}
