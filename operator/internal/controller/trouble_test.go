package controller_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func waiting(reason string) corev1.PodStatus {
	return containers(corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "so the kubelet says"}}})
}

func containers(c corev1.ContainerStatus) corev1.PodStatus {
	c.Name = "notifier"
	return corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{c}}
}

func failing(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, message string) []appsv1.DeploymentCondition {
	return []appsv1.DeploymentCondition{{Type: kind, Status: status, Message: message}}
}

// TestTroubleOfPods: what the kubelet, the scheduler and the Deployment controller say of pods that don't come up is
// what the status says, with the remedy, and gone once they are up.
func TestTroubleOfPods(t *testing.T) {
	ended := &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	tests := []struct {
		name       string
		pod        corev1.PodStatus
		deployment []appsv1.DeploymentCondition
		want       string
		says       string
		stalled    bool
	}{
		{"no image", waiting("ImagePullBackOff"), nil, "ImagePullFailed", "spec.podTemplate.imagePullSecrets", false},
		{"a name that is no image's", waiting("InvalidImageName"), nil, "ImagePullFailed", "InvalidImageName", false},
		{"crashes", waiting("CrashLoopBackOff"), nil, "CrashLooping", "kubectl logs", false},
		{"crashes, and runs in between", containers(corev1.ContainerStatus{
			RestartCount: 4, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			LastTerminationState: corev1.ContainerState{Terminated: ended},
		}), nil, "CrashLooping", "ended with 137 (OOMKilled)", false},
		{"was restarted once", containers(corev1.ContainerStatus{
			RestartCount: 1, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			LastTerminationState: corev1.ContainerState{Terminated: ended},
		}), nil, "RollingOut", "0 of 1 replicas", false},
		{"no configuration", waiting("CreateContainerConfigError"), nil, "Rejected", "so the kubelet says", false},
		{"no node", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available"},
		}}, nil, "Unschedulable", "0/3 nodes are available", false},
		{"no quota", corev1.PodStatus{Phase: corev1.PodPending}, failing(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "pods is forbidden: exceeded quota: small"), "QuotaExceeded", "exceeded quota: small", false},
		{"not admitted", corev1.PodStatus{Phase: corev1.PodPending}, failing(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "violates PodSecurity"), "Rejected", "violates PodSecurity", false},
		{"too long", corev1.PodStatus{Phase: corev1.PodPending}, failing(appsv1.DeploymentProgressing, corev1.ConditionFalse, "has timed out progressing"), "ProgressDeadlineExceeded", "timed out", true},
		{"pulls its image", waiting("ContainerCreating"), nil, "RollingOut", "0 of 1 replicas", false},
	}
	s := newStage(t)
	p := s.flowing("azure")
	one := pod(s, p)
	s.must(s.api.Create(t.Context(), one))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.T = t
			one.Status = tt.pod
			s.must(s.api.Status().Update(t.Context(), one))
			d := s.deployments()["azure/notifier"]
			d.Status.UnavailableReplicas, d.Status.AvailableReplicas, d.Status.ReadyReplicas = 1, 0, 0
			d.Status.Conditions = tt.deployment
			s.must(s.api.Status().Update(t.Context(), d))
			s.clock = s.clock.Add(30 * time.Second) // a message alone is no transition
			s.speak(p)
			s.reconcile(p)
			s.condition(p, v1alpha1.ConditionWorkloadsReady, "False "+tt.want)
			s.condition(p, v1alpha1.ConditionReady, "False "+tt.want)
			if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, tt.says) || !strings.Contains(c.Message, d.Name) {
				t.Errorf("message = %q, want %q of %s", c.Message, tt.says, d.Name)
			}
			stalled, reconciling := "absent", "True "+tt.want
			if tt.stalled {
				stalled, reconciling = reconciling, stalled
			}
			s.condition(p, v1alpha1.ConditionStalled, stalled)
			s.condition(p, v1alpha1.ConditionReconciling, reconciling)
		})
	}
	s.T = t
	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.condition(p, v1alpha1.ConditionReconciling, "absent")
}

// blind is an API server that lists nothing.
type blind struct{ client.Client }

var errBlind = errors.New("the server is currently unable to handle the request")

func (blind) List(context.Context, client.ObjectList, ...client.ListOption) error { return errBlind }

// look reconciles while the API server answers with an error, which Reconcile returns so that it is tried again.
func (s *stage) look(p *v1alpha1.FeedbackPipeline) {
	s.Helper()
	if _, err := s.reconciler.Reconcile(s.Context(), requestFor(p)); !errors.Is(err, errBlind) {
		s.Fatalf("Reconcile = %v, want what the API server said", err)
	}
	s.must(s.api.Get(s.Context(), client.ObjectKeyFromObject(p), p))
}

// TestUnlistedWorkloads: Deployments that cannot be looked at are as they were for the hold-down, and Unknown then.
func TestUnlistedWorkloads(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	sees := s.reconciler.Client
	s.reconciler.Client = blind{sees}
	s.look(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
	s.clock = s.clock.Add(29 * time.Second)
	s.speak(p)
	s.look(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.clock = s.clock.Add(time.Second)
	s.speak(p)
	s.look(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "Unknown NotChecked")
	s.condition(p, v1alpha1.ConditionReady, "Unknown NotChecked")
	s.reconciler.Client = sees
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
}

// TestUnlistedPods: what keeps a Deployment from coming up stays said while its pods cannot be listed, and after the
// hold-down the Deployment speaks for itself.
func TestUnlistedPods(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	one := pod(s, p)
	s.must(s.api.Create(t.Context(), one))
	one.Status = waiting("ImagePullBackOff")
	s.must(s.api.Status().Update(t.Context(), one))
	d := s.deployments()["azure/notifier"]
	d.Status.UnavailableReplicas, d.Status.AvailableReplicas, d.Status.ReadyReplicas = 1, 0, 0
	s.must(s.api.Status().Update(t.Context(), d))
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "False ImagePullFailed")
	s.reconciler.Live = blind{s.reconciler.Client}
	s.look(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "False ImagePullFailed")
	s.clock = s.clock.Add(30 * time.Second)
	s.look(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "False RollingOut")
}

// TestUnseenFlow: while the topics are well and the state topic cannot be read, what the components said holds for
// 30 s; then it is Unknown, and so is the lag. The conditions say why.
func TestUnseenFlow(t *testing.T) {
	s := newStage(t)
	p := s.pipeline("azure", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.Management = v1alpha1.TopicsUnmanaged })
	for _, topic := range desired.Topics(p) {
		s.must(s.kafka.Create(t.Context(), topic))
	}
	s.reconcile(p)
	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	fault := s.deny(kmsg.Fetch, kerr.TopicAuthorizationFailed)
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.clock = s.clock.Add(29 * time.Second)
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	if p.Status.Lag == nil {
		t.Error("the lag is gone within the hold-down")
	}
	s.clock = s.clock.Add(time.Second)
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
	s.condition(p, v1alpha1.ConditionReady, "Unknown NoHealth")
	s.condition(p, v1alpha1.ConditionSourcesHealthy, "Unknown NoHealth")
	s.condition(p, v1alpha1.ConditionNotifierHealthy, "Unknown NoHealth")
	s.condition(p, v1alpha1.ConditionReconciling, "absent")
	if p.Status.Lag != nil || len(p.Status.Groups) > 0 {
		t.Errorf("lag = %v, groups = %+v, want what cannot be seen to be absent", p.Status.Lag, p.Status.Groups)
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, "Topic Authorization Failed") {
		t.Errorf("message = %q, want what the broker said", c.Message)
	}
	fault.Remove()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
}

// TestUnseenGroups: where only the groups' offsets cannot be read, the components still speak for themselves; but
// whether feedback flows is Unknown after the hold-down, with what Kafka says.
func TestUnseenGroups(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	fault := s.deny(kmsg.OffsetFetch, kerr.GroupAuthorizationFailed)
	for range 3 {
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p)
		s.reconcile(p)
		s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	}
	s.clock = s.clock.Add(10 * time.Second)
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "Unknown KafkaDenied")
	s.condition(p, v1alpha1.ConditionSourcesHealthy, "True Healthy")
	s.condition(p, v1alpha1.ConditionNotifierHealthy, "True Healthy")
	if p.Status.Lag != nil {
		t.Errorf("lag = %d, want it absent", *p.Status.Lag)
	}
	fault.Remove()
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
}

// TestStuckNoLonger: a commit ends it, and a route's group that waits for its digest is not stuck.
func TestStuckNoLonger(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.append(p, "feedback", "scored")
	for range 13 {
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p)
		s.reconcile(p)
	}
	s.condition(p, v1alpha1.ConditionReady, "False Stuck")
	s.condition(p, v1alpha1.ConditionReconciling, "absent") // runtime health never sets it
	s.commit(p, "feedback", "sentiment-scorer", 1)
	s.clock = s.clock.Add(10 * time.Second)
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	if got := *p.Status.Lag; got != 1 {
		t.Errorf("lag = %d, want the route's 1", got)
	}
	for range 20 { // a route is late only when the notifier says so
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p)
		s.reconcile(p)
	}
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.speak(p, func(h *feedbackv1.Health) {
		if h.Component == "notifier" {
			h.Gauges = map[string]float64{"overdue/negative": 1}
		}
	})
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionNotifierHealthy, "False Overdue")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
}

// TestQuietAtRest: an event long ago, with more digits than a status keeps, is not written again and again.
func TestQuietAtRest(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	said := s.clock.Add(123456789)
	last := lastEvent(said)
	s.clock = s.clock.Add(31 * time.Second)
	s.speak(p, last)
	s.reconcile(p)
	if got := p.Status.LastEventTime; got == nil || !got.Time.Equal(said.Truncate(time.Second)) {
		t.Fatalf("last event = %v, want %v", got, said)
	}
	s.requests.take(true)
	for range 8 {
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p, last)
		s.reconcile(p)
	}
	if got := s.requests.take(true); len(got) > 0 {
		t.Errorf("a converged pipeline was written to: %q", got)
	}
}
