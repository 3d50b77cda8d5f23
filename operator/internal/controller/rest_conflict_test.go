package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// TestForeignObjects: an object of each kind that bears a name of ours and is not ours is neither adopted nor altered,
// even where it has our labels; a condition names it, and all else is made. Once it is gone the pipeline goes on.
func TestForeignObjects(t *testing.T) {
	s := newStage(t)
	replicas := func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Scorer = v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: new(int32(2))}
	}
	model := s.pipeline("model", replicas)
	for i, o := range s.objects(model) {
		labelled := i%2 == 0
		t.Run(fmt.Sprintf("%T %s, labelled: %v", o, o.GetName(), labelled), func(t *testing.T) {
			s := s.in(t)
			p := s.pipeline(fmt.Sprintf("azure-%d", i), replicas)
			all := s.objects(p)
			theirs, ok := all[i].DeepCopyObject().(client.Object)
			if !ok {
				t.Fatalf("%T is no object", all[i])
			}
			if !labelled {
				theirs.SetLabels(map[string]string{"app": "theirs"})
			}
			s.must(s.api.Create(t.Context(), theirs))
			before := theirs.GetResourceVersion()
			s.reconcile(p)
			s.condition(p, v1alpha1.ConditionReady, "False NameConflict")
			s.condition(p, v1alpha1.ConditionStalled, "True NameConflict")
			if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(c.Message, " "+theirs.GetName()+" exists and is not this pipeline's (it has no owner)") {
				t.Errorf("message = %q, want the object and that it has no owner", c.Message)
			}
			s.must(s.api.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs))
			if got := theirs.GetResourceVersion(); got != before || len(theirs.GetOwnerReferences()) > 0 {
				t.Errorf("their object was written to: version %s, owners %v, want version %s", got, theirs.GetOwnerReferences(), before)
			}
			if got := s.owned(p); got != len(all)-1 {
				t.Errorf("%d objects were made beside it, want %d", got, len(all)-1)
			}
			s.must(s.api.Delete(t.Context(), theirs))
			s.reconcile(p)
			s.condition(p, v1alpha1.ConditionStalled, "absent")
			if got := s.owned(p); got != len(all) {
				t.Errorf("%d objects once theirs is gone, want %d", got, len(all))
			}
		})
	}
}

// in is s in a subtest.
func (s *stage) in(t *testing.T) *stage {
	own := *s
	own.T = t
	return &own
}

// owned counts the objects of which p is the controller.
func (s *stage) owned(p *v1alpha1.FeedbackPipeline) int {
	s.Helper()
	n := 0
	for _, o := range s.objects(p) {
		err := s.api.Get(s.Context(), client.ObjectKeyFromObject(o), o)
		s.must(client.IgnoreNotFound(err))
		if err == nil && metav1.IsControlledBy(o, p) {
			n++
		}
	}
	return n
}

// TestLastGoodState: whatever keeps a change from being carried out, what runs goes on as it is, nothing that left the
// spec is deleted, and a condition says why. Mended, the pipeline takes the change and flows.
func TestLastGoodState(t *testing.T) {
	partners := v1alpha1.Source{Name: "partners", Slack: &v1alpha1.SlackSource{
		Channels: []v1alpha1.SlackChannel{"partners"}, Mode: v1alpha1.SlackHTTP, CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "partners"},
	}}
	for _, tt := range []struct {
		name, want string
		// spoil is what goes wrong, beside a change that is good and a source that is taken away.
		spoil func(*stage, *v1alpha1.FeedbackPipeline)
		mend  func(*stage, *v1alpha1.FeedbackPipeline)
	}{
		{"a Secret is not there", "False ReferenceMissing",
			func(s *stage, p *v1alpha1.FeedbackPipeline) {
				p.Spec.Routes[0].Slack.CredentialsSecretRef.Name = "other"
			},
			func(s *stage, p *v1alpha1.FeedbackPipeline) {
				p.Spec.Routes[0].Slack.CredentialsSecretRef.Name = "slack"
			}},
		{"what the schema cannot see is wrong", "False Invalid",
			func(s *stage, p *v1alpha1.FeedbackPipeline) {
				p.Spec.Sources[0].Slack.Channels = []v1alpha1.SlackChannel{"ärger"} // CEL folds ASCII alone
				p.Spec.Routes[0].Slack.Channel = "ÄRGER"
			},
			func(s *stage, p *v1alpha1.FeedbackPipeline) { p.Spec.Routes[0].Slack.Channel = "negative-feedback" }},
		{"the API server refuses the objects", "False Rejected",
			func(s *stage, p *v1alpha1.FeedbackPipeline) {
				p.Spec.PodTemplate.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{}}}}
			},
			func(s *stage, p *v1alpha1.FeedbackPipeline) { p.Spec.PodTemplate.Affinity = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.must(s.api.Create(t.Context(), &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "partners"}, StringData: map[string]string{"bot-token": "xoxb", "signing-secret": "s"},
			}))
			p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Sources = append(p.Spec.Sources, partners) })
			before := s.deployments()
			s.edit(p, func(p *v1alpha1.FeedbackPipeline) {
				p.Spec.LogLevel, p.Spec.Sources = "debug", p.Spec.Sources[:1]
				tt.spoil(s, p)
			})
			for range 2 {
				s.clock = s.clock.Add(10 * time.Second)
				s.reconcile(p)
				s.condition(p, v1alpha1.ConditionReady, tt.want)
				s.condition(p, v1alpha1.ConditionWorkloadsReady, tt.want)
				s.asBefore(before)
			}
			s.edit(p, func(p *v1alpha1.FeedbackPipeline) { tt.mend(s, p) })
			s.reconcile(p)
			s.roll()
			s.speak(p)
			s.reconcile(p)
			s.condition(p, v1alpha1.ConditionReady, "True Flowing")
			if got := len(s.deployments()); got != 3 {
				t.Errorf("%d Deployments once it is mended, want 3", got)
			}
		})
	}
}

// asBefore fails for each Deployment that has gone, was made or was changed.
func (s *stage) asBefore(before map[string]*appsv1.Deployment) {
	s.Helper()
	now := s.deployments()
	for name, d := range before {
		if now[name] == nil || now[name].Generation != d.Generation || now[name].DeletionTimestamp != nil {
			s.Errorf("%s is %+v, want generation %d as before", name, now[name], d.Generation)
		}
	}
	if len(now) != len(before) {
		s.Errorf("%d Deployments, want %d as before", len(now), len(before))
	}
}
