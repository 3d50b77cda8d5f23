package desired_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// shadowOf is the shadow's Deployment of what is rendered.
func shadowOf(t *testing.T, r desired.Result) *appsv1.Deployment {
	t.Helper()
	for _, o := range r.Objects {
		if d, ok := o.(*appsv1.Deployment); ok && desired.IsShadow(d) {
			return d
		}
	}
	t.Fatal("no Deployment of a shadow is rendered")
	return nil
}

// TestShadowIsApart: it is the scorer's program with another topic, group and backend, and nothing that selects the
// scorer's pods selects its.
func TestShadowIsApart(t *testing.T) {
	r := render(t, sample(t, "shadow"))
	d := shadowOf(t, r)
	c := d.Spec.Template.Spec.Containers[0]
	got := map[string]string{}
	for _, name := range []string{"TOPIC_FEEDBACK", "TOPIC_SHADOW", "GROUP_ID", "START_OFFSET", "SCORER_BACKEND", "SCORER_AZURE_KEY", "GRPC_LISTEN_ADDRESS"} {
		got[name] = value(c, name)
	}
	want := map[string]string{
		"TOPIC_FEEDBACK": "azure.feedback", "TOPIC_SHADOW": "azure.shadow", "GROUP_ID": "azure.shadow-scorer", "START_OFFSET": "Earliest",
		"SCORER_BACKEND": "azure", "SCORER_AZURE_KEY": "secret azure-language/key", "GRPC_LISTEN_ADDRESS": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if len(c.Ports) != 1 || c.Ports[0].Name != "metrics" {
		t.Errorf("ports = %v, want that of metrics alone", c.Ports)
	}
	for _, o := range r.Objects {
		var selector map[string]string
		switch o := o.(type) {
		case *appsv1.Deployment:
			selector = o.Spec.Selector.MatchLabels
			if o != d {
				for _, v := range o.Spec.Template.Spec.Containers[0].Env {
					if strings.Contains(v.Value, ".shadow") || v.Name == "TOPIC_SHADOW" {
						t.Errorf("%s has %s=%s, want nothing of the shadow", o.Name, v.Name, v.Value)
					}
				}
			}
		case *corev1.Service:
			selector = o.Spec.Selector
		}
		selects := selector != nil && labels.SelectorFromSet(selector).Matches(labels.Set(d.Spec.Template.Labels))
		metrics := strings.HasSuffix(o.GetName(), "-metrics") // which find all pods
		if selects != (o == d || metrics) {
			t.Errorf("%T %s selects the shadow's pods: %v", o, o.GetName(), selects)
		}
	}
}

// TestShadowsReplicas are its own, whatever sets the scorer's.
func TestShadowsReplicas(t *testing.T) {
	p := sample(t, "autoscaled", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Scorer.Shadow = &v1alpha1.ShadowScorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}}
	})
	r, err := desired.Render(p, desired.Options{Autoscaled: true})
	if err != nil {
		t.Fatal(err)
	}
	d := shadowOf(t, r)
	if got := *d.Spec.Replicas; got != 1 || d.Annotations[desired.AnnotationAutoscaled] != "" {
		t.Errorf("replicas = %d, autoscaled %q; want 1 and not", got, d.Annotations[desired.AnnotationAutoscaled])
	}
	if got, want := value(d.Spec.Template.Spec.Containers[0], "START_OFFSET"), "Latest"; got != want {
		t.Errorf("START_OFFSET = %q, want %q", got, want)
	}
}

// TestShadowsTopic is like that of scored events, and the state topic stays the last.
func TestShadowsTopic(t *testing.T) {
	p := sample(t, "shadow")
	all := desired.Topics(p)
	byRole := topics(p)
	like := byRole[desired.RoleScored]
	like.Role, like.Name = desired.RoleShadow, "azure.shadow"
	if diff := cmp.Diff(like, byRole[desired.RoleShadow]); diff != "" {
		t.Errorf("the shadow's topic (-that of scored events +got):\n%s", diff)
	}
	if got := all[len(all)-1].Role; got != desired.RoleState {
		t.Errorf("the last topic is %s, want %s", got, desired.RoleState)
	}
	p.Spec.Topics.Names.Shadow = "azure.scored"
	if err := desired.Validate(p); err == nil || !strings.Contains(err.Error(), "spec.topics.names.shadow") {
		t.Errorf("Validate with the shadow in the topic of scored events = %v, want it refused", err)
	}
	p.Spec.Topics.Names.Shadow, p.Spec.Scorer.Shadow.Backend = "", v1alpha1.Backend{}
	if err := desired.Validate(p); err == nil || !strings.Contains(err.Error(), "spec.scorer.shadow") {
		t.Errorf("Validate of a shadow without a backend = %v, want it refused", err)
	}
}
