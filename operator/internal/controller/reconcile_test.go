package controller_test

import (
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// TestFirstReconcile makes topics and workloads, and the second one writes nothing at all.
func TestFirstReconcile(t *testing.T) {
	s := newStage(t)
	p := s.pipeline("azure", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Scorer = v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: new(int32(3))}
	})
	s.reconcile(p)
	if got := s.topics(p); len(got) != 5 || got["feedback"] != 6 || got["state"] != 1 {
		t.Errorf("topics = %v, want five, six partitions but for state", got)
	}
	if got := len(s.deployments()); got != 3 {
		t.Errorf("%d Deployments, want 3", got)
	}
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "False RollingOut")
	s.condition(p, v1alpha1.ConditionReady, "False RollingOut")
	s.condition(p, v1alpha1.ConditionReconciling, "True RollingOut")

	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
	s.condition(p, v1alpha1.ConditionReconciling, "absent")

	s.requests.take(true)
	for range 6 {
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p)
		s.reconcile(p)
	}
	if got := s.requests.take(true); len(got) > 0 {
		t.Errorf("a converged pipeline was written to: %q", got)
	}
}
