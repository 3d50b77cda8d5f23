package spec

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status/cases"
)

// Reasons is the table of reasons: what each condition that bears one says, what the pipeline's Ready, Reconciling and
// Stalled say then, and what Argo CD's script makes of it.
func Reasons(script string) (string, error) {
	var b strings.Builder
	b.WriteString("| condition | reason | it is | Ready | Reconciling | Stalled | Argo CD | meaning |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range cases.All {
		p := c.Derived()
		held := meta.FindStatusCondition(p.Status.Conditions, c.Condition)
		if held == nil || held.Reason != c.Reason {
			return "", fmt.Errorf("%s of the case %s is %+v", c.Condition, c.Reason, held)
		}
		health, _, err := Argo(script, p)
		if err != nil {
			return "", err
		}
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		says := string(ready.Status)
		if ready.Reason != c.Reason {
			says += ", " + ready.Reason
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", c.Condition, c.Reason, held.Status, says,
			given(p, v1alpha1.ConditionReconciling), given(p, v1alpha1.ConditionStalled), health, c.Means)
	}
	return b.String(), nil
}

// given is the status of a condition, empty where it is absent.
func given(p *v1alpha1.FeedbackPipeline, kind string) string {
	if c := meta.FindStatusCondition(p.Status.Conditions, kind); c != nil {
		return string(c.Status)
	}
	return ""
}
