package controller_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// flowing brings a pipeline to where feedback flows.
func (s *stage) flowing(name string, change ...func(*v1alpha1.FeedbackPipeline)) *v1alpha1.FeedbackPipeline {
	s.Helper()
	p := s.pipeline(name, change...)
	s.reconcile(p)
	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.requests.take(false)
	s.events.take()
	return p
}

func TestConflictIsNotAdopted(t *testing.T) {
	s := newStage(t)
	theirs := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: desired.ComponentName("azure", "notifier")},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "theirs"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "theirs"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}}},
		},
	}
	s.must(s.api.Create(t.Context(), theirs))
	p := s.pipeline("azure")
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "False NameConflict")
	s.condition(p, v1alpha1.ConditionStalled, "True NameConflict")
	live := &appsv1.Deployment{}
	s.must(s.api.Get(t.Context(), client.ObjectKeyFromObject(theirs), live))
	if len(live.OwnerReferences) > 0 || live.Generation != 1 {
		t.Errorf("their Deployment was touched: owners %v, generation %d", live.OwnerReferences, live.Generation)
	}
	s.must(s.api.Delete(t.Context(), theirs))
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionStalled, "absent")
	s.condition(p, v1alpha1.ConditionReady, "False RollingOut")
}

func TestPrune(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) {
		second := *p.Spec.Sources[0].DeepCopy()
		second.Name, second.Slack.Channels, second.Slack.Mode = "partners", []v1alpha1.SlackChannel{"partners"}, v1alpha1.SlackHTTP
		p.Spec.Sources = append(p.Spec.Sources, second)
		s.must(s.api.Patch(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "slack"}},
			client.RawPatch(types.MergePatchType, []byte(`{"stringData":{"signing-secret":"s"}}`))))
	})
	count := func() (int, int) {
		services := &corev1.ServiceList{}
		s.must(s.api.List(t.Context(), services, client.InNamespace(s.namespace)))
		deployments := &appsv1.DeploymentList{}
		s.must(s.api.List(t.Context(), deployments, client.InNamespace(s.namespace)))
		return len(deployments.Items), len(services.Items)
	}
	if d, v := count(); d != 4 || v != 3 {
		t.Fatalf("%d Deployments and %d Services, want 4 and 3", d, v)
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Sources = p.Spec.Sources[:1] })
	s.reconcile(p)
	if d, v := count(); d != 3 || v != 2 {
		t.Errorf("%d Deployments and %d Services after a source was removed, want 3 and 2", d, v)
	}
}

// TestDriftOfWorkloads puts back what somebody changed, and leaves what somebody added.
func TestDriftOfWorkloads(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	d := s.deployments()["azure/notifier"]
	d.Spec.Template.Spec.Containers[0].Image = "evil"
	d.Annotations["theirs"] = "stays"
	s.must(s.api.Update(t.Context(), d))
	s.reconcile(p)
	d = s.deployments()["azure/notifier"]
	if got, want := d.Spec.Template.Spec.Containers[0].Image, "registry.example/notifier:v1"; got != want {
		t.Errorf("image = %s, want %s", got, want)
	}
	if d.Annotations["theirs"] != "stays" {
		t.Errorf("annotations = %v, want theirs to stay", d.Annotations)
	}
}

// TestSecrets are rolled out when they change; a missing one leaves what runs.
func TestSecrets(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	hash := func() string {
		return s.deployments()["azure/notifier"].Spec.Template.Annotations[desired.AnnotationReferences]
	}
	before := hash()
	secret := &corev1.Secret{}
	s.must(s.api.Get(t.Context(), types.NamespacedName{Namespace: s.namespace, Name: "slack"}, secret))
	secret.Data["unused"] = []byte("x")
	s.must(s.api.Update(t.Context(), secret))
	s.clock = s.clock.Add(31 * time.Second)
	s.reconcile(p)
	if hash() != before {
		t.Error("a key that is not used rolled the notifier out")
	}
	secret.Data["bot-token"] = []byte("xoxb-2")
	s.must(s.api.Update(t.Context(), secret))
	s.requests.take(false)
	s.clock = s.clock.Add(10 * time.Second)
	s.reconcile(p)
	if got := s.requests.take(false); slices.ContainsFunc(got, func(r string) bool { return strings.Contains(r, "/secrets/") }) {
		t.Errorf("Secrets were read again after 10 s: %v", got)
	}
	s.clock = s.clock.Add(21 * time.Second)
	s.reconcile(p)
	after := hash()
	if after == before || after == "" {
		t.Errorf("references = %q after the token changed, want another one than %q", after, before)
	}
	s.must(s.api.Delete(t.Context(), secret))
	s.clock = s.clock.Add(31 * time.Second)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "False ReferenceMissing")
	s.condition(p, v1alpha1.ConditionStalled, "True ReferenceMissing")
	if hash() != after || len(s.deployments()) != 3 {
		t.Error("workloads changed when their Secret went")
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, "Secret slack/bot-token") || strings.Contains(c.Message, "xoxb") {
		t.Errorf("message = %q, want the name of the key and no secret", c.Message)
	}
}

func TestSuspend(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.broker.Close() // suspending needs no Kafka
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true })
	s.reconcile(p)
	for name, d := range s.deployments() {
		if *d.Spec.Replicas != 0 {
			t.Errorf("%s has %d replicas, want 0", name, *d.Spec.Replicas)
		}
	}
	s.condition(p, v1alpha1.ConditionReady, "False Suspended")
	s.condition(p, v1alpha1.ConditionReconciling, "True RollingOut")
	s.roll()
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Suspended")
	s.condition(p, v1alpha1.ConditionReconciling, "absent")
	s.condition(p, v1alpha1.ConditionStalled, "absent")
	s.clock = s.clock.Add(time.Hour)
	s.requests.take(true)
	s.reconcile(p)
	if got := s.requests.take(true); len(got) > 0 {
		t.Errorf("a suspended pipeline at rest was written to: %v", got)
	}
}

// TestKafkaDown leaves the workloads alone, asks ever more rarely, and says so after the hold-down.
func TestKafkaDown(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.broker.Close()
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Routes[0].Match.ScoreBelow = new(0.1) })
	generation := s.deployments()["azure/notifier"].Generation
	s.clock = s.clock.Add(10 * time.Second)
	result := s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired") // held
	if got, want := result.RequeueAfter, 2*time.Second; got != want {
		t.Errorf("looks again in %s, want %s", got, want)
	}
	for range 5 {
		s.clock = s.clock.Add(15 * time.Second)
		s.reconcile(p)
	}
	s.condition(p, v1alpha1.ConditionTopicsReady, "Unknown KafkaUnreachable")
	s.condition(p, v1alpha1.ConditionReady, "Unknown KafkaUnreachable")
	s.condition(p, v1alpha1.ConditionSourcesHealthy, "Unknown NoHealth")
	s.condition(p, v1alpha1.ConditionReconciling, "True KafkaUnreachable")
	if got := s.deployments()["azure/notifier"].Generation; got != generation {
		t.Errorf("the notifier was changed while Kafka was down: generation %d, want %d", got, generation)
	}
	if got := s.events.take(); len(got) != 2 || !strings.HasPrefix(got[0], "Warning KafkaUnreachable") || !strings.HasPrefix(got[1], "Warning SourceUnknown") {
		t.Errorf("events = %q, want one of Ready and one of the source", got)
	}
}

func TestHealthIsTruthful(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	spoil := func(component string, level feedbackv1.Health_Level, reason string) func(*feedbackv1.Health) {
		return func(h *feedbackv1.Health) {
			if h.Component == component {
				h.Level = level
				h.Conditions = []*feedbackv1.Health_Condition{{Name: "slack", Level: level, Reason: reason, Message: "do something"}}
			}
		}
	}
	step := func(after time.Duration, change ...func(*feedbackv1.Health)) {
		t.Helper()
		s.clock = s.clock.Add(after)
		if change != nil {
			s.speak(p, change...)
		}
		s.reconcile(p)
		s.condition(p, v1alpha1.ConditionReconciling, "absent")
	}
	step(10*time.Second, spoil("slack-ingest/community", feedbackv1.Health_LEVEL_FAILED, "TokenRefused"))
	s.condition(p, v1alpha1.ConditionSourcesHealthy, "False TokenRefused")
	s.condition(p, v1alpha1.ConditionReady, "False TokenRefused")
	if got := p.Status.Sources[0]; got.State != v1alpha1.SourceFailed || p.Status.ReadySources != "0/1" {
		t.Errorf("source = %+v, ready %s, want Failed and 0/1", got, p.Status.ReadySources)
	}
	if got := s.events.take(); len(got) != 2 {
		t.Errorf("events = %q, want one of Ready and one of the source", got)
	}
	step(10*time.Second, spoil("slack-ingest/community", feedbackv1.Health_LEVEL_DEGRADED, "BudgetSpent"))
	s.condition(p, v1alpha1.ConditionSourcesHealthy, "False BudgetSpent")
	s.condition(p, v1alpha1.ConditionReady, "True Degraded")
	step(10*time.Second, spoil("notifier", feedbackv1.Health_LEVEL_FAILED, "ChannelArchived"))
	s.condition(p, v1alpha1.ConditionNotifierHealthy, "False ChannelArchived")
	s.condition(p, v1alpha1.ConditionReady, "False ChannelArchived")
	step(10*time.Second, spoil("sentiment-scorer", feedbackv1.Health_LEVEL_FAILED, "WriteFailed"))
	s.condition(p, v1alpha1.ConditionReady, "False WriteFailed")
	step(10*time.Second, func(*feedbackv1.Health) {})
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.events.take()
	step(45 * time.Second) // silent for longer than 30 s, but the hold-down lasts
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	step(20 * time.Second)
	s.condition(p, v1alpha1.ConditionReady, "Unknown NoHealth")
	s.condition(p, v1alpha1.ConditionSourcesHealthy, "Unknown NoHealth")
	if got := s.events.take(); len(got) != 2 {
		t.Errorf("events = %q, want one of Ready and one of the source", got)
	}
}

// TestStuck is lag without commits for two minutes.
func TestStuck(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.must(s.kafka.Append(t.Context(), desired.Prefix(p)+".feedback", "an event", []byte("{}")))
	for range 12 {
		s.clock = s.clock.Add(10 * time.Second)
		s.speak(p)
		s.reconcile(p)
	}
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
	s.clock = s.clock.Add(11 * time.Second)
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "False Stuck")
	if p.Status.Lag == nil || *p.Status.Lag != 1 || p.Status.Groups[0].Name != desired.Prefix(p)+".sentiment-scorer" {
		t.Errorf("lag = %v, groups = %+v, want 1, the scorer's first", p.Status.Lag, p.Status.Groups)
	}
}
