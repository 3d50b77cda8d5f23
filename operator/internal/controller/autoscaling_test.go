package controller_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

// autoscaled asks for at least so many scorers.
func autoscaled(least int32) func(*v1alpha1.FeedbackPipeline) {
	return func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Scorer = v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Autoscaling: &v1alpha1.ScorerAutoscaling{MinReplicas: least}}
	}
}

// scaler is a live object of KEDA, nil if there is none.
func (s *stage) scaler(p *v1alpha1.FeedbackPipeline, kind schema.GroupVersionKind) *unstructured.Unstructured {
	s.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	err := s.api.Get(s.Context(), client.ObjectKey{Namespace: p.Namespace, Name: desired.AutoscalingName(p)}, u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	s.must(err)
	return u
}

// kedaSays plays KEDA: it puts the condition Ready on the pipeline's ScaledObject, for which it has made a
// HorizontalPodAutoscaler.
func (s *stage) kedaSays(p *v1alpha1.FeedbackPipeline, ready, message string) {
	s.Helper()
	u := s.scaler(p, desired.ScaledObject)
	s.must(unstructured.SetNestedSlice(u.Object, []any{
		map[string]any{"type": "Active", "status": "True"},
		map[string]any{"type": "Ready", "status": ready, "message": message},
	}, "status", "conditions"))
	s.must(s.api.Status().Update(s.Context(), u))
	s.must(client.IgnoreAlreadyExists(s.api.Create(s.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: desired.AutoscalerName(p)},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: desired.AutoscalingName(p)}, MaxReplicas: 9,
		},
	})))
}

// hpaSays plays the HorizontalPodAutoscaler's controller: since now it can or cannot scale.
func (s *stage) hpaSays(p *v1alpha1.FeedbackPipeline, status corev1.ConditionStatus, reason, message string) {
	s.Helper()
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	s.must(s.api.Get(s.Context(), client.ObjectKey{Namespace: p.Namespace, Name: desired.AutoscalerName(p)}, hpa))
	hpa.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
		{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionTrue, Reason: "SucceededGetScale"},
		{Type: autoscalingv2.ScalingActive, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(s.clock)},
	}
	s.must(s.api.Status().Update(s.Context(), hpa))
}

func (s *stage) replicas(p *v1alpha1.FeedbackPipeline) int32 {
	s.Helper()
	return *s.deployments()[p.Name+"/sentiment-scorer"].Spec.Replicas
}

// scale plays the HorizontalPodAutoscaler.
func (s *stage) scale(p *v1alpha1.FeedbackPipeline, replicas int32) {
	s.Helper()
	d := s.deployments()[p.Name+"/sentiment-scorer"]
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}, Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	s.must(s.api.SubResource("scale").Update(s.Context(), d, client.WithSubResourceBody(scale), client.FieldOwner("kube-controller-manager")))
}

// seen are all numbers of replicas that p's scorer has from now on until the returned function is called, but for
// repetitions.
func (s *stage) seen(p *v1alpha1.FeedbackPipeline) func() []int32 {
	s.Helper()
	api, err := client.NewWithWatch(apiServer, client.Options{})
	s.must(err)
	d := s.deployments()[p.Name+"/sentiment-scorer"]
	w, err := api.Watch(s.Context(), &appsv1.DeploymentList{}, client.InNamespace(d.Namespace), client.MatchingFields{"metadata.name": d.Name})
	s.must(err)
	return func() []int32 {
		s.Helper()
		defer w.Stop()
		d := s.deployments()[p.Name+"/sentiment-scorer"]
		d.Annotations["last"] = "yes"
		s.must(s.api.Update(s.Context(), d))
		var all []int32
		for event := range w.ResultChan() {
			now, ok := event.Object.(*appsv1.Deployment)
			if !ok {
				s.Fatalf("watch: %v", event.Object)
			}
			all = append(all, *now.Spec.Replicas)
			if now.Annotations["last"] != "" {
				break
			}
		}
		return slices.Compact(all)
	}
}

// again looks at the pipeline, with all components well, after some time.
func (s *stage) again(p *v1alpha1.FeedbackPipeline, after time.Duration) {
	s.Helper()
	s.clock = s.clock.Add(after)
	s.speak(p)
	s.reconcile(p)
}

// asked counts the requests that have to do with KEDA, or with whether it is there.
func asked(requests []string) int {
	n := 0
	for _, request := range requests {
		if strings.Contains(request, "keda.sh") || strings.HasSuffix(request, " /apis") || strings.HasSuffix(request, " /api") {
			n++
		}
	}
	return n
}

// TestAutoscalingWithoutKEDA: the scorer runs with its least replicas and the pipeline says why; KEDA installed later is
// noticed, and removed again too.
func TestAutoscalingWithoutKEDA(t *testing.T) {
	s := newStage(t)
	p := s.pipeline("azure", autoscaled(2))
	other := s.pipeline("other", autoscaled(1))
	for range 2 {
		s.reconcile(p)
		s.reconcile(other)
		s.roll()
		s.speak(p)
		s.speak(other)
	}
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionAutoscaling, "False KEDANotInstalled")
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
	s.condition(p, v1alpha1.ConditionStalled, "absent")
	s.condition(p, v1alpha1.ConditionReconciling, "absent")
	if got := s.replicas(p); got != 2 {
		t.Errorf("replicas = %d, want minReplicas, 2", got)
	}
	s.requests.take(false)
	for range 12 {
		s.clock = s.clock.Add(10 * time.Second)
		for _, p := range []*v1alpha1.FeedbackPipeline{p, other} {
			s.speak(p)
			s.reconcile(p)
		}
	}
	all := s.requests.take(false)
	if got := asked(all); got < 3 || got > 5 {
		t.Errorf("asked %d times for KEDA in two minutes, for two pipelines; want every 30 s: %q", got, all)
	}
	if writes := slices.DeleteFunc(all, func(r string) bool { return strings.HasPrefix(r, "GET ") }); len(writes) > 0 {
		t.Errorf("written without KEDA: %q", writes)
	}

	remove := testenv.InstallKEDA(t, apiServer)
	replicas := s.seen(p)
	s.again(p, 31*time.Second)
	s.roll()
	s.again(p, time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "Unknown ScaledObjectPending")
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.kedaSays(p, "True", "ScaledObject is defined correctly and is ready for scaling")
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	if got := replicas(); !slices.Equal(got, []int32{2}) {
		t.Errorf("replicas = %v while KEDA was noticed, want 2 throughout", got)
	}

	s.scale(p, 5)
	s.roll()
	remove()
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "False KEDANotInstalled")
	if got := s.replicas(p); got != 2 {
		t.Errorf("replicas = %d after KEDA was removed, want minReplicas, 2", got)
	}
}

// TestReplicasAreHandedOver: from five by the spec to KEDA and back, replicas are never what nobody asked for.
func TestReplicasAreHandedOver(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Scorer = v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: new(int32(5))}
	})
	replicas := s.seen(p)
	s.edit(p, autoscaled(1))
	s.again(p, time.Second)
	s.roll() // its pods are spread now
	s.kedaSays(p, "True", "")
	s.again(p, 10*time.Second)
	s.scale(p, 3)
	s.again(p, 10*time.Second) // the Deployment controller has not yet seen it
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.roll()
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.LogLevel = "debug" })
	s.again(p, 10*time.Second)
	s.roll()
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Autoscaling.MaxReplicas = new(int32(4)) })
	s.again(p, 10*time.Second)
	s.requests.take(true)
	for range 6 {
		s.again(p, 10*time.Second)
	}
	all := s.requests.take(false)
	if writes := slices.DeleteFunc(slices.Clone(all), func(r string) bool { return strings.HasPrefix(r, "GET ") }); len(writes) > 0 {
		t.Errorf("a converged pipeline was written to: %q", writes)
	}
	if got := asked(all); got > 4 {
		t.Errorf("KEDA's objects were read %d times in a minute at rest, want 4 at most: %q", got, all)
	}
	if got := replicas(); !slices.Equal(got, []int32{5, 3}) {
		t.Errorf("replicas = %v, want 5 and then what KEDA said, 3", got)
	}
}

// TestAutoscalingRemoved: KEDA lets go of its object in its own time, and replicas are the spec's again then.
func TestAutoscalingRemoved(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	for name, change := range map[string]struct {
		scorer v1alpha1.Scorer
		want   int32
	}{
		"replicas":         {v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: new(int32(4))}, 4},
		"without-replicas": {v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			p := s.flowing(name, autoscaled(1))
			object := s.scaler(p, desired.ScaledObject)
			object.SetFinalizers([]string{"finalizer.keda.sh/test"})
			s.must(s.api.Update(t.Context(), object))
			s.scale(p, 3)
			s.roll()
			replicas := s.seen(p)
			s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer = change.scorer })
			for range 3 {
				s.again(p, 10*time.Second)
			}
			s.condition(p, v1alpha1.ConditionAutoscaling, "False ScaledObjectTerminating")
			if got := s.replicas(p); got != 3 {
				t.Errorf("replicas = %d while KEDA holds its object, want 3 still", got)
			}
			object = s.scaler(p, desired.ScaledObject)
			object.SetFinalizers(nil)
			s.must(s.api.Update(t.Context(), object))
			s.again(p, 10*time.Second)
			s.roll()
			s.again(p, 10*time.Second)
			s.condition(p, v1alpha1.ConditionAutoscaling, "absent")
			s.condition(p, v1alpha1.ConditionReady, "True Flowing")
			s.requests.take(false)
			for range 6 {
				s.again(p, 10*time.Second)
			}
			if got := asked(s.requests.take(false)); got > 0 {
				t.Errorf("KEDA's objects were read %d times for a pipeline that is not autoscaled, want none", got)
			}
			if got := replicas(); !slices.Equal(got, []int32{3, change.want}) {
				t.Errorf("replicas = %v, want 3 and then %d", got, change.want)
			}
		})
	}
}

// TestSuspendPausesKEDA, or it would start what is to stand still. Resumed, the scorer begins with its least replicas.
func TestSuspendPausesKEDA(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	p := s.flowing("azure", autoscaled(2))
	s.kedaSays(p, "True", "")
	s.scale(p, 4)
	s.roll()
	s.again(p, 10*time.Second)
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true })
	s.reconcile(p)
	s.roll()
	s.clock = s.clock.Add(10 * time.Second)
	s.reconcile(p)
	if got := s.scaler(p, desired.ScaledObject).GetAnnotations()[desired.AnnotationPaused]; got != "0" || s.replicas(p) != 0 {
		t.Errorf("KEDA is paused at %q with %d replicas, want 0 and 0", got, s.replicas(p))
	}
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Suspended")
	s.condition(p, v1alpha1.ConditionReady, "False Suspended")

	replicas := s.seen(p)
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = false })
	s.again(p, 10*time.Second)
	if got, paused := s.scaler(p, desired.ScaledObject).GetAnnotations()[desired.AnnotationPaused]; paused {
		t.Errorf("KEDA is still paused, at %q", got)
	}
	if got := replicas(); !slices.Equal(got, []int32{0, 2}) {
		t.Errorf("replicas = %v, want 0 and then the least, 2", got)
	}
}

// TestKEDAFails: what KEDA says is said, and feedback flows on.
func TestKEDAFails(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	p := s.flowing("azure", autoscaled(1))
	s.kedaSays(p, "False", "Triggers defined in ScaledObject are not working correctly")
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "False ScaledObjectNotReady")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
	s.kedaSays(p, "True", "")
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
}

// TestKEDAStops: a ScaledObject keeps what KEDA said of it last, so that KEDA has stopped is seen at its
// HorizontalPodAutoscaler, which has no lag to go by.
func TestKEDAStops(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	p := s.flowing("azure", autoscaled(1))
	s.kedaSays(p, "True", "")
	s.hpaSays(p, corev1.ConditionTrue, "ValidMetricFound", "")
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	s.hpaSays(p, corev1.ConditionFalse, "FailedGetExternalMetric", "the server is currently unable to handle the request")
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled") // for half a minute
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "False AutoscalerInactive")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAutoscaling); !strings.Contains(c.Message, "unable to handle the request") || !strings.Contains(c.Message, "metrics server") {
		t.Errorf("message = %q, want the autoscaler's word and the remedy", c.Message)
	}
	s.hpaSays(p, corev1.ConditionTrue, "ValidMetricFound", "")
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")

	s.hpaSays(p, corev1.ConditionFalse, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
	s.again(p, 2*time.Minute)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	s.must(s.api.Delete(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: desired.AutoscalerName(p)}}))
	s.again(p, 31*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "Unknown ScaledObjectPending")
}

// TestReplicasThatFindNoRoom: what KEDA asks for and no node has room for is told, while the least replicas score on.
func TestReplicasThatFindNoRoom(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	p := s.flowing("azure", autoscaled(1))
	s.kedaSays(p, "True", "")
	s.again(p, 31*time.Second)
	s.scale(p, 3)
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled") // they are on their way
	d := s.deployments()["azure/sentiment-scorer"]
	one := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: d.Name + "-1", Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
	s.must(s.api.Create(t.Context(), one))
	one.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available"}}
	s.must(s.api.Status().Update(t.Context(), one))
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "False ReplicasUnavailable")
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAutoscaling); !strings.Contains(c.Message, "3 replicas of "+d.Name+", of which 1 are available: pod "+one.Name+": 0/3 nodes") {
		t.Errorf("message = %q, want how many are missing, and why", c.Message)
	}
	s.roll()
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "True Autoscaled")
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
}

// TestForeignScaledObject is left as it is.
func TestForeignScaledObject(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	theirs := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"scaleTargetRef": map[string]any{"name": "theirs"},
		"triggers":       []any{map[string]any{"type": "cron", "metadata": map[string]any{}}},
	}}}
	theirs.SetGroupVersionKind(desired.ScaledObject)
	theirs.SetNamespace(s.namespace)
	theirs.SetName("azure-scorer")
	s.must(s.api.Create(t.Context(), theirs))
	p := s.flowing("azure")
	s.edit(p, autoscaled(1))
	s.again(p, 10*time.Second)
	s.roll()
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "False NameConflict")
	s.condition(p, v1alpha1.ConditionStalled, "absent")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Autoscaling = nil })
	s.again(p, 10*time.Second)
	s.condition(p, v1alpha1.ConditionAutoscaling, "absent")
	if live := s.scaler(p, desired.ScaledObject); live == nil || live.GetResourceVersion() != theirs.GetResourceVersion() {
		t.Errorf("their ScaledObject was touched: %v", live)
	}
}

// TestTriggerAuthentication comes and goes with the credentials.
func TestTriggerAuthentication(t *testing.T) {
	testenv.InstallKEDA(t, apiServer)
	s := newStage(t)
	secured, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "user", "word"))
	s.must(err)
	t.Cleanup(secured.Close)
	s.must(s.api.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "kafka"},
		StringData: map[string]string{"username": "user", "password": "word"},
	}))
	p := s.pipeline("azure", autoscaled(1), func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Kafka = v1alpha1.Kafka{BootstrapServers: secured.ListenAddrs(), SASL: &v1alpha1.KafkaSASL{
			Mechanism: "PLAIN", CredentialsSecretRef: &v1alpha1.UserReference{Name: "kafka"},
		}}
	})
	s.reconcile(p)
	if s.scaler(p, desired.TriggerAuthentication) == nil || s.scaler(p, desired.ScaledObject) == nil {
		t.Fatalf("TriggerAuthentication and ScaledObject = %v, %v, want both", s.scaler(p, desired.TriggerAuthentication), s.scaler(p, desired.ScaledObject))
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Kafka = v1alpha1.Kafka{BootstrapServers: s.broker.ListenAddrs()}
	})
	s.reconcile(p)
	s.reconcile(p)
	if s.scaler(p, desired.TriggerAuthentication) != nil || s.scaler(p, desired.ScaledObject) == nil {
		t.Errorf("without credentials TriggerAuthentication and ScaledObject = %v, %v, want the second alone", s.scaler(p, desired.TriggerAuthentication), s.scaler(p, desired.ScaledObject))
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Autoscaling = nil })
	s.reconcile(p)
	if live := s.scaler(p, desired.ScaledObject); live != nil {
		t.Errorf("the ScaledObject is still there: %v", live)
	}
}
