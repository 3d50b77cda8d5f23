package controller_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

// TestNoReplicasAreAddedWhileTheScorerWaits for its backend: they would wait as well. An operator that is started anew
// leaves that as it is until the scorer has said for a minute that it does not wait, also where its first look fails.
func TestNoReplicasAreAddedWhileTheScorerWaits(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	p := s.flowing("azure", autoscaled(1))
	s.kedaSays(p, "True", "")
	s.again(p, 10*time.Second)
	says := func(reason string, level feedbackv1.Health_Level) func(*feedbackv1.Health) {
		return func(h *feedbackv1.Health) {
			if h.Component == desired.SentimentScorer {
				h.Conditions, h.Level = []*feedbackv1.Health_Condition{{Name: "backend", Level: level, Reason: reason, Message: "so"}}, level
			}
		}
	}
	twice := func(change ...func(*feedbackv1.Health)) {
		t.Helper()
		for range 2 { // what was heard in one pass is acted on in the next
			s.clock = s.clock.Add(10 * time.Second)
			s.speak(p, change...)
			s.reconcile(p)
		}
	}
	minute := func(change ...func(*feedbackv1.Health)) {
		t.Helper()
		for range 3 {
			twice(change...)
		}
	}
	rewritten := func() []string {
		return slices.DeleteFunc(s.requests.take(true), func(r string) bool { return !strings.Contains(r, "scaledobjects") })
	}
	held := func(want bool) {
		t.Helper()
		if got := desired.Held(s.scaler(p, desired.ScaledObject)); got != want {
			t.Errorf("no replicas are added: %v, want %v", got, want)
		}
	}
	for _, reason := range []string{"BudgetSpent", "BackendFailed", "BackendThrottles", "BackendNotAnswering"} {
		twice(says(reason, feedbackv1.Health_LEVEL_FAILED))
		held(true)
		s.condition(p, v1alpha1.ConditionAutoscaling, "True ReplicasHeld")
		twice()
		held(true) // it may be a replica that has just started
		minute()
		held(false)
		s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	}
	twice(says("BackendFailed", feedbackv1.Health_LEVEL_FAILED))
	s.requests.take(true)
	for range 5 { // a backend that answers now and then
		minute(says("BackendFailed", feedbackv1.Health_LEVEL_DEGRADED))
		twice()
		twice(says("BackendFailed", feedbackv1.Health_LEVEL_FAILED))
	}
	held(true)
	if writes := rewritten(); len(writes) > 0 {
		t.Errorf("the ScaledObject was written for a backend that answers now and then: %q, want nothing", writes)
	}
	twice()
	minute()
	held(false)
	twice(says("BackendFailed", feedbackv1.Health_LEVEL_DEGRADED)) // one failure may pass
	held(false)
	twice(says("HandlerFailed", feedbackv1.Health_LEVEL_FAILED))
	held(false)
	twice(says("ScoredByFallback", feedbackv1.Health_LEVEL_DEGRADED)) // it scores, and more replicas score more
	held(false)

	twice(says("BudgetSpent", feedbackv1.Health_LEVEL_FAILED))
	s.restart()
	s.requests.take(true)
	live := s.reconciler.Live
	s.reconciler.Live = deaf{live}
	if _, err := s.reconciler.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)}); err != nil {
		t.Logf("while KEDA's objects cannot be read: %v", err)
	}
	s.reconciler.Live = live
	s.again(p, 31*time.Second) // for which the scorer has said nothing: the next hears that it is well
	held(true)
	if writes := rewritten(); len(writes) > 0 {
		t.Errorf("an operator that was started anew wrote %q, want nothing", writes)
	}
	minute()
	twice()
	held(false)
}

// deaf reads no ScaledObject.
type deaf struct{ client.Reader }

func (d deaf) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if o.GetObjectKind().GroupVersionKind().Kind == desired.ScaledObject.Kind {
		return apierrors.NewServiceUnavailable("so")
	}
	return d.Reader.Get(ctx, key, o, options...)
}
