package uninstall

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

var apiServer *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(c *rest.Config) { apiServer = c }))
}

// stage is a namespace with an operator that does nothing, and two pipelines, of which one has the finalizer.
type stage struct {
	*testing.T
	client.Client
	namespace string
	out       strings.Builder
}

func newStage(t *testing.T, namespace string) *stage {
	t.Helper()
	scheme := runtime.NewScheme()
	s := &stage{T: t, namespace: namespace}
	s.must(clientgoscheme.AddToScheme(scheme))
	s.must(v1alpha1.AddToScheme(scheme))
	var err error
	s.Client, err = client.New(testenv.Need(t, apiServer), client.Options{Scheme: scheme})
	s.must(err)
	s.must(s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	labels := map[string]string{"app": "operator"}
	s.must(s.Create(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "operator"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "operator", Image: "operator"}}}},
	}}))
	s.pipeline("kept", v1alpha1.DeletionRetain)
	s.pipeline("clean", v1alpha1.DeletionDelete, controller.Finalizer, "example.com/other")
	return s
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) pipeline(name string, policy v1alpha1.DeletionPolicy, finalizers ...string) {
	s.Helper()
	p := &v1alpha1.FeedbackPipeline{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Finalizers: finalizers}}
	p.Spec.Kafka.BootstrapServers = []string{"kafka:9092"}
	p.Spec.Topics.DeletionPolicy = policy
	p.Spec.Sources = []v1alpha1.Source{{Name: "community", Slack: &v1alpha1.SlackSource{Channels: []v1alpha1.SlackChannel{"feedback"}, CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "slack"}}}}
	p.Spec.Routes = []v1alpha1.Route{{Name: "all", Slack: &v1alpha1.SlackSink{Channel: "told", CredentialsSecretRef: v1alpha1.SlackBotReference{Name: "slack"}}}}
	s.must(s.Create(s.Context(), p))
}

// leave takes leave; pods of the operator are as many as there are Deployments' replicas: none, without a controller.
func (s *stage) leave(o Options) {
	s.Helper()
	o.Operator, o.Namespaces = types.NamespacedName{Namespace: s.namespace, Name: "operator"}, []string{s.namespace}
	s.must(TakeLeave(s.Context(), s.Client, o, &s.out))
	d := &appsv1.Deployment{}
	s.must(s.Get(s.Context(), o.Operator, d))
	if got := *d.Spec.Replicas; got != 0 {
		s.Errorf("the operator has %d replicas, want 0", got)
	}
}

// finalizers are those of a pipeline; ok is false if there is none.
func (s *stage) finalizers(name string) (finalizers []string, ok bool) {
	s.Helper()
	p := &v1alpha1.FeedbackPipeline{}
	err := s.Get(s.Context(), types.NamespacedName{Namespace: s.namespace, Name: name}, p)
	if apierrors.IsNotFound(err) {
		return nil, false
	}
	s.must(err)
	return p.Finalizers, true
}

func TestPipelinesStay(t *testing.T) {
	s := newStage(t, "stay")
	s.leave(Options{})
	if got, ok := s.finalizers("clean"); !ok || !slices.Equal(got, []string{"example.com/other"}) {
		t.Errorf("clean: %q, there: %v, want the other's finalizer alone", got, ok)
	}
	if _, ok := s.finalizers("kept"); !ok {
		t.Error("kept is gone, want it left alone")
	}
	if want := "stay/clean may be deleted without the operator"; !strings.Contains(s.out.String(), want) {
		t.Errorf("said %q, want %q", s.out.String(), want)
	}
	s.leave(Options{}) // again, as after a failure later on
}

func TestPipelinesAreDeleted(t *testing.T) {
	s := newStage(t, "gone")
	gone := make(chan error, 1)
	go func() { gone <- s.operator() }()
	s.leave(Options{Delete: true, Patience: time.Minute})
	s.must(<-gone)
	for _, name := range []string{"kept", "clean"} {
		if got, ok := s.finalizers(name); ok {
			t.Errorf("%s is there, with the finalizers %q, want it gone", name, got)
		}
	}
	if strings.Contains(s.out.String(), "within") {
		t.Errorf("said %q, want no word of patience", s.out.String())
	}
}

// operator lets a pipeline go when it is deleted, as the real one does, and the other's finalizer with it.
func (s *stage) operator() error {
	for s.Context().Err() == nil {
		p := &v1alpha1.FeedbackPipeline{}
		if err := s.Get(s.Context(), types.NamespacedName{Namespace: s.namespace, Name: "clean"}, p); err != nil {
			return client.IgnoreNotFound(err)
		}
		if p.DeletionTimestamp.IsZero() {
			continue
		}
		old := p.DeepCopy()
		p.Finalizers = nil
		if err := s.Patch(s.Context(), p, client.MergeFrom(old)); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return s.Context().Err()
}

// TestOperatorIsDead finds that without an operator the pipelines go nevertheless.
func TestOperatorIsDead(t *testing.T) {
	s := newStage(t, "dead")
	p := &v1alpha1.FeedbackPipeline{}
	s.must(s.Get(t.Context(), types.NamespacedName{Namespace: "dead", Name: "clean"}, p))
	p.Finalizers = []string{controller.Finalizer}
	s.must(s.Update(t.Context(), p))
	s.leave(Options{Delete: true, Patience: time.Second})
	if got, ok := s.finalizers("clean"); ok {
		t.Errorf("clean is there, with the finalizers %q, want it gone", got)
	}
	if want := "has not let all of them go within 1s"; !strings.Contains(s.out.String(), want) {
		t.Errorf("said %q, want %q", s.out.String(), want)
	}
}

// TestNothingThere finds that an uninstall after an uninstall ends well.
func TestNothingThere(t *testing.T) {
	api, err := client.New(testenv.Need(t, apiServer), client.Options{Scheme: newStage(t, "empty").Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Operator: types.NamespacedName{Namespace: "nowhere", Name: "operator"}, Namespaces: []string{"nowhere"}}
	if err := TakeLeave(t.Context(), api, o, io.Discard); err != nil {
		t.Errorf("TakeLeave = %v, want nil", err)
	}
}

// TestNamespaceGoes finds pipelines let go once the operator's namespace is being deleted, and not before.
func TestNamespaceGoes(t *testing.T) {
	s := newStage(t, "running")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "operators"}}
	s.must(s.Create(t.Context(), ns))
	for _, tt := range []struct {
		name, own string
		deleted   bool
		want      []string
	}{
		{"it stays", "operators", false, []string{controller.Finalizer, "example.com/other"}},
		{"it was never there", "nowhere", false, []string{controller.Finalizer, "example.com/other"}},
		{"it goes", "operators", true, []string{"example.com/other"}}, // without a controller it goes for ever
	} {
		if tt.deleted {
			s.must(s.Delete(t.Context(), ns))
		}
		s.must(WithNamespace(t.Context(), s.Client, tt.own, []string{s.namespace}, &s.out))
		if got, ok := s.finalizers("clean"); !ok || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, there: %v, want %q", tt.name, got, ok, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-deployment=feedback/operator", "-namespaces=one,two", "-delete", "-patience=5s"}, io.Discard)
	if err != nil || o.Operator.String() != "feedback/operator" || !slices.Equal(o.Namespaces, []string{"one", "two"}) || !o.Delete || o.Patience != 5*time.Second {
		t.Errorf("parse = %+v, %v, want what the flags say", o, err)
	}
	for _, wrong := range []string{"", "operator", "/operator", "feedback/"} {
		if _, err := parse([]string{"-deployment=" + wrong}, io.Discard); err == nil || !strings.Contains(err.Error(), "write namespace/name") {
			t.Errorf("-deployment=%s: %v, want the form", wrong, err)
		}
	}
	if err := Run(context.Background(), []string{"-h"}, io.Discard); err != nil {
		t.Errorf("-h: %v, want nil", err)
	}
}
