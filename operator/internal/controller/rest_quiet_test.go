package controller_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// everything is a pipeline with all that the samples show: three sources, one of them suspended, several routes and
// replicas, and a podTemplate with each of its fields. Kafka is the stage's.
func (s *stage) everything() func(*v1alpha1.FeedbackPipeline) {
	s.Helper()
	full, platform := s.sample("full"), s.sample("platform")
	return func(p *v1alpha1.FeedbackPipeline) {
		kafka := p.Spec.Kafka
		p.Spec = *full.Spec.DeepCopy()
		p.Spec.Kafka, p.Spec.Topics.ReplicationFactor = kafka, nil
		p.Spec.PodTemplate = *platform.Spec.PodTemplate.DeepCopy()
		p.Spec.PodTemplate.Proxy.HTTP = "http://proxy.corp:3128"
	}
}

func (s *stage) sample(name string) *v1alpha1.FeedbackPipeline {
	s.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", name+".yaml"))
	s.must(err)
	p := &v1alpha1.FeedbackPipeline{}
	s.must(yaml.UnmarshalStrict(text, p))
	return p
}

// refer makes all Secrets and ConfigMaps that p's pods name, with values of no meaning.
func (s *stage) refer(p *v1alpha1.FeedbackPipeline) {
	s.Helper()
	secrets, maps := map[string]map[string]string{}, map[string]map[string]string{}
	for _, o := range s.objects(p) {
		d, ok := o.(*appsv1.Deployment)
		if !ok {
			continue
		}
		for _, ref := range desired.References(d) {
			kind := secrets
			if ref.Kind == desired.KindConfigMap {
				kind = maps
			}
			if kind[ref.Name] == nil {
				kind[ref.Name] = map[string]string{}
			}
			kind[ref.Name][ref.Key] = "value"
		}
	}
	for name, data := range secrets {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, StringData: data}
		s.must(client.IgnoreNotFound(s.api.Delete(s.Context(), secret.DeepCopy())))
		s.must(s.api.Create(s.Context(), secret))
	}
	for name, data := range maps {
		s.must(s.api.Create(s.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Data: data}))
	}
}

// objects are all that p asks for.
func (s *stage) objects(p *v1alpha1.FeedbackPipeline) []client.Object {
	s.Helper()
	want, err := desired.Render(p, s.reconciler.Options)
	s.must(err)
	var deployments []*appsv1.Deployment
	for _, o := range want.Objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			deployments = append(deployments, d)
		}
	}
	return append(want.Objects, desired.Guards(p, deployments)...)
}

// TestQuietWithEverything: a pipeline that uses every option is at rest after its first look, too. What the API server
// makes of quantities, empty lists, defaults and affinities is no difference.
func TestQuietWithEverything(t *testing.T) {
	s := newStage(t)
	p := s.pipeline("azure", s.everything())
	s.refer(p)
	s.must(s.kafka.Create(t.Context(), desired.Topic{Name: "azurefeedback", Partitions: 2, ReplicationFactor: -1}))
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
	kinds := map[string]int{}
	for _, o := range s.objects(p) {
		kinds[fmt.Sprintf("%T", o)]++
	}
	if kinds["*v1.Deployment"] != 5 || kinds["*v1.PodDisruptionBudget"] == 0 || kinds["*v1.NetworkPolicy"] == 0 || kinds["*v1.Service"] < 3 {
		t.Fatalf("objects = %v, want each kind", kinds)
	}
	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.requests.take(true)
	for range 3 { // within the time for which what was last seen holds
		s.clock = s.clock.Add(time.Second)
		s.reconcile(p)
	}
	if got := s.requests.take(true); len(got) > 0 {
		slices.Sort(got)
		t.Errorf("a pipeline with every option was written to again: %q", got)
	}
	s.condition(p, v1alpha1.ConditionWorkloadsReady, "True Available")
}
