package desired_test

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func TestGuards(t *testing.T) {
	for _, replicas := range []int32{1, 3} {
		p := sample(t, "full", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Replicas = &replicas })
		budgets, policies := 0, 0
		for _, o := range desired.Guards(p, deployments(render(t, p))) {
			if o.GetLabels()[desired.LabelInstance] != p.Name || o.GetLabels()[desired.LabelPartOf] != "feedback-pipeline" {
				t.Errorf("%s has the labels %v, want the pipeline's", o.GetName(), o.GetLabels())
			}
			switch o := o.(type) {
			case *policyv1.PodDisruptionBudget:
				budgets++
				if o.Spec.MaxUnavailable.IntValue() != 1 {
					t.Errorf("%s: maxUnavailable = %v, want 1", o.Name, o.Spec.MaxUnavailable)
				}
			case *networkingv1.NetworkPolicy:
				policies++
			}
		}
		if want := int(replicas-1) / 2; budgets != want || policies != 1 {
			t.Errorf("%d replicas: %d budgets and %d policies, want %d and 1", replicas, budgets, policies, want)
		}
	}
}
