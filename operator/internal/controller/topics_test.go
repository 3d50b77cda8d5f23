package controller_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

func TestPartitionsGrowAndNeverShrink(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.Partitions = 9 })
	s.reconcile(p)
	if got := s.topics(p); got["scored"] != 9 || got["state"] != 1 {
		t.Errorf("partitions = %v, want 9, and 1 of state", got)
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Topics.Partitions = 4
		p.Spec.LogLevel = "debug"
	})
	for range 2 { // it stays visible
		s.reconcile(p)
		s.roll()
		s.condition(p, v1alpha1.ConditionTopicsReady, "False PartitionsCannotShrink")
		s.condition(p, v1alpha1.ConditionStalled, "True PartitionsCannotShrink")
	}
	if got := s.topics(p); got["scored"] != 9 {
		t.Errorf("partitions = %v, want 9 still", got)
	}
	for _, v := range s.deployments()["azure/notifier"].Spec.Template.Spec.Containers[0].Env {
		if v.Name == "LOG_LEVEL" && v.Value != "debug" {
			t.Errorf("LOG_LEVEL = %s, want the rest of the spec applied", v.Value)
		}
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.Partitions = 9 })
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
}

// TestSettings are set, reset where they were ours, and set back where somebody changed them.
func TestSettings(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Topics.Config = map[string]v1alpha1.TopicConfigValue{"max.message.bytes": "5000"}
	})
	name := desired.Prefix(p) + ".scored"
	setting := func(key string) topics.Setting {
		live, err := s.kafka.Describe(t.Context(), name)
		s.must(err)
		return live[name].Config[key]
	}
	s.must(s.kafka.Alter(t.Context(), topics.Alteration{Topic: name, Set: map[string]string{"retention.ms": "7", "compression.type": "zstd"}}))
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True Drifted")
	if got := setting("retention.ms").Value; got != "604800000" {
		t.Errorf("retention.ms = %s, want it set back", got)
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.Config = nil })
	s.reconcile(p)
	if got := setting("max.message.bytes"); got.Explicit {
		t.Errorf("max.message.bytes = %+v, want it reset", got)
	}
	if got := setting("compression.type"); got.Value != "zstd" || !got.Explicit {
		t.Errorf("compression.type = %+v, want what somebody else set to stay", got)
	}
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
}

func TestUnmanagedIsOnlyVerified(t *testing.T) {
	s := newStage(t)
	p := s.pipeline("azure", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.Management = v1alpha1.TopicsUnmanaged })
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "False TopicMissing")
	s.condition(p, v1alpha1.ConditionStalled, "True TopicMissing")
	if got := s.topics(p); len(got) != 0 || len(s.deployments()) != 0 {
		t.Errorf("topics = %v, %d Deployments, want none", got, len(s.deployments()))
	}
	for _, topic := range desired.Topics(p) {
		s.must(s.kafka.Create(t.Context(), topic))
	}
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
	if records, _, _, err := s.kafka.Read(t.Context(), desired.Prefix(p)+".state", 0); err != nil || len(records) != 0 {
		t.Errorf("state has %d records, %v; want nothing written", len(records), err)
	}
}

func TestNamedTopicsStayAsTheyAre(t *testing.T) {
	s := newStage(t)
	s.must(s.kafka.Create(t.Context(), desired.Topic{Name: "azurefeedback", Partitions: 2, ReplicationFactor: -1, Config: map[string]string{"retention.ms": "5"}}))
	p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Topics.Names.Feedback = "azurefeedback"
		p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionDelete
	})
	s.must(s.api.Delete(t.Context(), p))
	s.reconcile(p)
	live, err := s.kafka.Describe(t.Context(), "azurefeedback", desired.Prefix(p)+".scored")
	s.must(err)
	if got := live["azurefeedback"]; got.Partitions != 2 || got.Config["retention.ms"].Value != "5" || len(live) != 1 {
		t.Errorf("topics after the deletion = %v, want azurefeedback alone, as it was", live)
	}
}

func TestFirstClaimWins(t *testing.T) {
	s := newStage(t)
	prefix := func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.Prefix = "shared" }
	first := s.flowing("first", prefix)
	second := s.pipeline("second", prefix)
	s.reconcile(second)
	s.condition(second, v1alpha1.ConditionTopicsReady, "False NotOwner")
	s.condition(second, v1alpha1.ConditionStalled, "True NotOwner")
	if n := len(s.deployments()); n != 3 {
		t.Errorf("%d Deployments, want the first pipeline's 3 alone", n)
	}
	s.reconcile(first)
	s.condition(first, v1alpha1.ConditionTopicsReady, "True AsDesired")

	// Deleted with Retain, the first one withdraws its claim.
	s.must(s.api.Delete(t.Context(), first))
	s.reconcile(first)
	s.clock = s.clock.Add(time.Minute)
	s.reconcile(second)
	s.condition(second, v1alpha1.ConditionTopicsReady, "True AsDesired")
}

func TestTakeOverFromADeadCluster(t *testing.T) {
	s := newStage(t)
	dead := topics.Owner{NamespaceUID: "gone", Namespace: "feedback", Name: "azure"}
	value, err := dead.Value()
	s.must(err)
	p := s.pipeline("azure")
	for _, topic := range desired.Topics(p) {
		s.must(s.kafka.Create(t.Context(), topic))
	}
	s.must(s.kafka.Append(t.Context(), desired.Prefix(p)+".state", dead.Key(), value))
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "False NotOwner")
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionTopicsReady); !strings.Contains(c.Message, controller.AnnotationTakeOver+"="+dead.ID()) {
		t.Errorf("message = %q, want the annotation to set", c.Message)
	}
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) {
		p.Annotations = map[string]string{controller.AnnotationTakeOver: dead.ID()}
	})
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
}

func pod(s *stage, p *v1alpha1.FeedbackPipeline) *corev1.Pod {
	d := s.deployments()[p.Name+"/notifier"]
	// The service account's admission wants an account, which no controller makes here.
	s.must(client.IgnoreAlreadyExists(s.api.Create(s.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "default"}})))
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "one", Labels: d.Spec.Template.Labels, UID: types.UID("")},
		Spec:       d.Spec.Template.Spec,
	}
}
