//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// TestScorers runs a pipeline whose scorer is a language model with a fallback, and has Azure as its shadow. Both go away
// and come back while people talk: the resource's conditions tell of each apart, and feedbackctl compare, in a pod, shows
// who scored what. The auditor finds nothing lost; deleted, the pipeline leaves nothing.
func TestScorers(t *testing.T) {
	s := open(t)
	s.step("scorers: helm install", s.install)
	s.step("scorers: apply llm, fallback and shadow, until Ready", s.applyScorers)
	s.step("scorers: compare", func() { s.compared(false) })
	s.step("scorers: the language model is away, and back", s.modelAway)
	s.step("scorers: the shadow's key is revoked, and restored", s.shadowAway)
	s.step("scorers: compare again", func() { s.compared(true) })
	s.step("scorers: drain, audit", func() { s.audit() })
	s.step("scorers: delete, nothing is left", s.deleteScorers)
	s.step("scorers: helm uninstall", s.uninstalled)
}

// applyScorers waits until feedback flows, the shadow is healthy and both have scored some events.
func (s *scene) applyScorers() {
	s.tokens(s.Namespace)
	s.talk(true)
	s.create(s.Namespace, "scorers", nil)
	s.Ready(pipeline, clustertest.Patience)
	s.is(v1alpha1.ConditionShadowHealthy, metav1.ConditionTrue, "Healthy")
	s.remember()
	s.told = follow(s.T, s.kafka.Bootstrap(), s.prefix()+desired.RoleNotifications)
	s.tells()
	s.scores(20)
}

// scores waits until the scorer and its shadow have each scored n events more.
func (s *scene) scores(n int64) {
	s.Helper()
	topics := []string{s.prefix() + desired.RoleScored, s.prefix() + desired.RoleShadow}
	var before []int64
	s.Until(fmt.Sprintf("scorer and shadow have scored %d events more", n), 2*time.Minute, func(ctx context.Context) (string, bool) {
		now, err := s.written(ctx, topics...)
		if err != nil {
			return err.Error(), false
		}
		if before == nil {
			before = now
		}
		return fmt.Sprintf("%v records after %v", now, before), now[0] >= before[0]+n && now[1] >= before[1]+n
	})
}

// notices is how long the status may take to tell of a backend: the promise is 45 s, and the fallback waits 5 s; a machine
// with much else to do gets more.
const notices = 2 * time.Minute

// is waits until a condition of the pipeline is so; its message has to contain all of says.
func (s *scene) is(kind string, want metav1.ConditionStatus, reason string, says ...string) {
	s.Helper()
	s.Until(fmt.Sprintf("%s is %s %s", kind, want, reason), notices, func(ctx context.Context) (string, bool) {
		c, err := s.Condition(ctx, s.Namespace, pipeline, kind)
		if err != nil {
			return err.Error(), false
		}
		missing := slices.ContainsFunc(says, func(part string) bool { return !strings.Contains(c.Message, part) })
		return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message), c.Status == want && c.Reason == reason && !missing
	})
}

// fault has the simulator misbehave.
func (s *scene) fault(kind, target, duration string) {
	s.Helper()
	f := map[string]any{"kind": kind, "target": target}
	if duration != "" {
		f["duration"] = duration
	}
	s.ask(strings.TrimSpace("the simulator's fault is "+kind+" "+target), http.MethodPost, "/sim/faults", f, nil)
}

// silent is the metric of a backend that has not answered for seconds, while the fallback scores.
var silent = regexp.MustCompile(`feedback_backend_silent_seconds{fallback="builtin"} [1-9].*`)

// modelAway: while the language model answers 503 the fallback scores and Ready says so; the shadow is none the worse.
func (s *scene) modelAway() {
	began := time.Now()
	s.fault("llm503", "", "10m")
	s.is(v1alpha1.ConditionReady, metav1.ConditionTrue, "Degraded", "ScoredByFallback", "llm has not answered", "answered 503 last")
	degraded := time.Since(began)
	s.tells()
	s.scores(10)
	s.is(v1alpha1.ConditionShadowHealthy, metav1.ConditionTrue, "Healthy")
	s.Until("the alert's metric tells for how long the model has not answered", time.Minute, func(ctx context.Context) (string, bool) {
		served, err := s.Metrics(ctx, 8080, ofPipeline)
		if err != nil {
			return err.Error(), false
		}
		line := silent.FindString(served)
		return line, line != ""
	})
	began = time.Now()
	s.fault("restore", "", "")
	s.is(v1alpha1.ConditionReady, metav1.ConditionTrue, "Flowing")
	s.note = fmt.Sprintf(" (the status said Degraded after %.0f s, Flowing again after %.0f s)", degraded.Seconds(), time.Since(began).Seconds())
}

// shadowAway: while Azure refuses the key, only the shadow's own condition says so, and feedback flows.
func (s *scene) shadowAway() {
	began := time.Now()
	s.fault("revoke", "azure", "")
	s.is(v1alpha1.ConditionShadowHealthy, metav1.ConditionFalse, "BackendFailed", "it refuses the key of spec.scorer.shadow.azure.credentialsSecretRef")
	failed := time.Since(began)
	s.announced("ShadowBackendFailed")
	s.is(v1alpha1.ConditionReady, metav1.ConditionTrue, "Flowing")
	s.tells()
	began = time.Now()
	s.fault("restore", "", "")
	s.is(v1alpha1.ConditionShadowHealthy, metav1.ConditionTrue, "Healthy")
	s.scores(1)
	s.note = fmt.Sprintf(" (the status said BackendFailed after %.0f s, Healthy again after %.0f s)", failed.Seconds(), time.Since(began).Seconds())
}

// announced waits for an Event of the pipeline with a reason.
func (s *scene) announced(reason string) {
	s.Helper()
	s.Until("an Event says "+reason, time.Minute, func(ctx context.Context) (string, bool) {
		var events corev1.EventList
		if err := s.List(ctx, &events, client.InNamespace(s.Namespace)); err != nil {
			return err.Error(), false
		}
		of := slices.DeleteFunc(events.Items, func(e corev1.Event) bool { return e.InvolvedObject.Kind != "FeedbackPipeline" })
		var reasons []string
		for _, e := range of {
			reasons = append(reasons, e.Type+" "+e.Reason)
		}
		return strings.Join(reasons, ", "), slices.ContainsFunc(of, func(e corev1.Event) bool { return e.Reason == reason })
	})
}

// deleteScorers: with deletionPolicy Delete topics and groups go with the pipeline, the shadow's as well, and so do all
// objects that were made for it.
func (s *scene) deleteScorers() {
	if got := s.topics(); !slices.Contains(got, s.prefix()+desired.RoleShadow) || len(got) != 6 {
		s.Errorf("topics %v, want six with the shadow's", got)
	}
	s.deleteAll()
	s.Until("no object of the pipeline is left", time.Minute, func(ctx context.Context) (string, bool) {
		var left []string
		for _, list := range []client.ObjectList{
			&appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &corev1.ServiceList{}, &corev1.ConfigMapList{}, &corev1.ServiceAccountList{},
			&networkingv1.NetworkPolicyList{}, &policyv1.PodDisruptionBudgetList{},
		} {
			if err := s.List(ctx, list, client.InNamespace(s.Namespace), ofPipeline); err != nil {
				return err.Error(), false
			}
			left = append(left, names(list)...)
		}
		return strings.Join(left, ", "), len(left) == 0
	})
}
