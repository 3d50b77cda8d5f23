package controller_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// TestNamesOnAServer: pipelines and sources whose names run into one another, and names of 63 characters, live side by
// side in a namespace, each with objects of its own.
func TestNamesOnAServer(t *testing.T) {
	s := newStage(t)
	long := strings.Repeat("n", 63)
	var all []*v1alpha1.FeedbackPipeline
	for _, names := range [][2]string{{"a", "b-c"}, {"a-b", "c"}, {"a-b-c", "c"}, {long, long}, {long[:62], long}} {
		all = append(all, s.pipeline(names[0], func(p *v1alpha1.FeedbackPipeline) {
			p.Spec.Sources[0].Name = names[1]
			p.Spec.Scorer = v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: new(int32(2))}
		}))
	}
	for _, p := range all {
		s.reconcile(p)
		s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
		s.condition(p, v1alpha1.ConditionReady, "False RollingOut")
	}
	s.roll()
	for _, p := range all {
		s.speak(p)
		s.reconcile(p)
		s.condition(p, v1alpha1.ConditionReady, "True Flowing")
		if got, want := s.owned(p), len(s.objects(p)); got != want {
			t.Errorf("%s owns %d objects, want %d", p.Name, got, want)
		}
	}
	if got, want := len(s.deployments()), 3*len(all); got != want {
		t.Errorf("%d Deployments, want %d", got, want)
	}
}

// TestNothingIsKept: pipelines that reach the same Kafka with the same credentials share one client, and of those that
// have gone nothing is kept.
func TestNothingIsKept(t *testing.T) {
	s := newStage(t)
	var all []*v1alpha1.FeedbackPipeline
	for _, name := range []string{"one", "two", "three"} {
		p := s.pipeline(name, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Sources[0].Slack.CredentialsSecretRef.Name = name })
		s.must(s.api.Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, StringData: map[string]string{"bot-token": "xoxb", "app-token": "xapp"},
		}))
		s.reconcile(p)
		s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
		all = append(all, p)
	}
	if pipelines, clients := s.reconciler.Kept(); pipelines != 3 || clients != 1 {
		t.Errorf("kept of three pipelines: %d, and %d clients, want 3 and 1", pipelines, clients)
	}
	for _, p := range all {
		s.must(s.api.Delete(t.Context(), p))
		s.reconcile(p)
		records, _, _, err := s.kafka.Read(t.Context(), desired.Prefix(p)+".state", 0)
		s.must(err)
		if last := records[len(records)-1]; last.Value != nil {
			t.Errorf("the last record of %s's state is %s, want its claim withdrawn", p.Name, last.Key)
		}
	}
	if pipelines, clients := s.reconciler.Kept(); pipelines != 0 || clients != 0 {
		t.Errorf("kept once all have gone: %d pipelines and %d clients, want none", pipelines, clients)
	}
}
