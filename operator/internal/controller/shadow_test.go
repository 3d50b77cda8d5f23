package controller_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// shadowed gives a pipeline's scorer a shadow.
func shadowed(p *v1alpha1.FeedbackPipeline) {
	p.Spec.Scorer = v1alpha1.Scorer{
		Backend: v1alpha1.Backend{Builtin: &v1alpha1.BuiltinScorer{}},
		Shadow:  &v1alpha1.ShadowScorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: 2},
	}
}

const shadowOf = "azure/shadow-scorer"

// TestShadow is made, runs beside the scorer, and goes when it leaves the spec; its topic and group stay until the
// pipeline goes.
func TestShadow(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure", shadowed, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionDelete })
	s.condition(p, "Ready", "True Flowing")
	s.condition(p, "ShadowHealthy", "True Healthy")
	if got, want := s.topics(p)[desired.RoleShadow], int32(6); got != want {
		t.Errorf("the shadow's topic has %d partitions, want %d as that of scored events", got, want)
	}
	d := s.deployments()[shadowOf]
	if d == nil || *d.Spec.Replicas != 2 || d.Name != "azure-shadow" {
		t.Fatalf("the shadow's Deployment is %v, want azure-shadow with 2 replicas", d)
	}
	budget := client.ObjectKeyFromObject(d)
	s.must(s.api.Get(t.Context(), budget, &policyv1.PodDisruptionBudget{}))
	if g := p.Status.Groups[len(p.Status.Groups)-1]; g.Name != desired.Prefix(p)+".shadow-scorer" || g.Lag == nil {
		t.Errorf("the last group of the status is %+v, want the shadow's with its lag", g)
	}

	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Shadow = nil })
	s.reconcile(p)
	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, "Ready", "True Flowing")
	s.condition(p, "ShadowHealthy", "absent")
	if d := s.deployments()[shadowOf]; d != nil {
		t.Errorf("Deployment %s is still there, want it pruned with the shadow", d.Name)
	}
	if err := s.api.Get(t.Context(), budget, &policyv1.PodDisruptionBudget{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the shadow's PodDisruptionBudget: %v, want it pruned", err)
	}
	if !s.exists(desired.ShadowTopic(p).Name) {
		t.Error("the shadow's topic went with the shadow, want it kept: what was compared can be looked at again")
	}

	s.must(s.api.Delete(t.Context(), p))
	s.finish(p, "")
	if s.exists(desired.ShadowTopic(p).Name) {
		t.Error("the topic of a shadow that was removed outlives the pipeline with deletionPolicy Delete")
	}
}

// TestEventsOfAShadow: where it is ill, and well after that. Nothing of what passes by itself or was asked for is announced,
// and nothing twice, whoever starts the operator anew.
func TestEventsOfAShadow(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	good := func(*feedbackv1.Health) {}
	backend := func(level feedbackv1.Health_Level, reason string) func(*feedbackv1.Health) {
		return func(h *feedbackv1.Health) {
			if h.Component == desired.ShadowScorer {
				h.Conditions, h.Level = []*feedbackv1.Health_Condition{{Name: "backend", Level: level, Reason: reason, Message: "so"}}, level
			}
		}
	}
	once, failed := backend(feedbackv1.Health_LEVEL_DEGRADED, "BackendFailed"), backend(feedbackv1.Health_LEVEL_FAILED, "BackendFailed")
	well, ill := "Normal ShadowHealthy the shadow scores what the scorer scores", "Warning ShadowBackendFailed backend: so"
	relabelled := func(level string) func(*v1alpha1.FeedbackPipeline) {
		return func(p *v1alpha1.FeedbackPipeline) { p.Spec.LogLevel = level }
	}
	resting := func(suspend bool) func(*v1alpha1.FeedbackPipeline) {
		return func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = suspend }
	}
	for _, step := range []struct {
		name   string
		edit   func(*v1alpha1.FeedbackPipeline)
		health func(*feedbackv1.Health)
		is     string
		want   []string
	}{
		{"it starts", shadowed, good, "False RollingOut", nil},
		{"and is well", nil, good, "True Healthy", nil},
		{"its backend fails once", nil, once, "True Degraded", nil},
		{"which passes", nil, good, "True Healthy", nil},
		{"a rollout", relabelled("debug"), good, "False RollingOut", nil},
		{"that ends", nil, good, "True Healthy", nil},
		{"its backend fails", nil, failed, "False BackendFailed", []string{ill}},
		{"and goes on to", nil, failed, "False BackendFailed", nil},
		{"a rollout meanwhile", relabelled("info"), failed, "False RollingOut", nil},
		{"mends nothing", nil, failed, "False BackendFailed", nil},
		{"for another reason", nil, backend(feedbackv1.Health_LEVEL_FAILED, "BackendThrottles"), "False BackendThrottles", []string{"Warning ShadowBackendThrottles backend: so"}},
		{"it comes back", nil, good, "True Healthy", []string{well}},
		{"suspended", resting(true), good, "True Suspended", nil},
		{"resumed", resting(false), good, "False RollingOut", nil},
		{"and well", nil, good, "True Healthy", nil},
		{"it fails again", nil, failed, "False BackendFailed", []string{ill}},
		{"suspended meanwhile", resting(true), failed, "True Suspended", nil},
		{"resumed from that", resting(false), good, "False RollingOut", nil},
		{"and well again", nil, good, "True Healthy", nil},
	} {
		if step.edit != nil {
			s.edit(p, step.edit)
			s.reconcile(p)
		} else {
			s.roll()
		}
		for range 2 { // what was heard in one pass is acted on in the next
			s.clock = s.clock.Add(10 * time.Second)
			s.speak(p, step.health)
			s.reconcile(p)
		}
		s.condition(p, v1alpha1.ConditionShadowHealthy, step.is)
		got := slices.DeleteFunc(s.events.take(), func(e string) bool { return !strings.Contains(e, " Shadow") })
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: Events %q, want %q", step.name, got, step.want)
		}
	}

	s.speak(p, failed)
	s.reconcile(p)
	s.reconcile(p)
	s.events.take()
	s.restart()
	s.reconcile(p)
	s.speak(p)
	s.reconcile(p)
	s.reconcile(p)
	if got := s.events.take(); !slices.Equal(got, []string{well}) {
		t.Errorf("Events of an operator that was started anew, while the shadow was ill = %q, want that it is well", got)
	}
}

// TestTopicThatIsNotTheShadows stays: without a shadow, a topic of its name is somebody else's.
func TestTopicThatIsNotTheShadows(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionDelete })
	foreign := desired.ShadowTopic(p)
	s.must(s.kafka.Create(t.Context(), foreign))
	s.must(s.api.Delete(t.Context(), p))
	s.finish(p, "")
	if !s.exists(foreign.Name) {
		t.Errorf("topic %s was deleted with a pipeline that never had a shadow", foreign.Name)
	}
}

func (s *stage) exists(topic string) bool {
	s.Helper()
	live, err := s.kafka.Describe(s.Context(), topic)
	s.must(err)
	_, ok := live[topic]
	return ok
}

// TestShadowNeverTouchesThePipeline: whatever is wrong with it, the rest is Ready and its own condition says what.
func TestShadowNeverTouchesThePipeline(t *testing.T) {
	azure := func(p *v1alpha1.FeedbackPipeline) {
		p.Spec.Scorer.Shadow.Backend = v1alpha1.Backend{Azure: &v1alpha1.AzureScorer{
			Endpoint: "https://a.example", CredentialsSecretRef: v1alpha1.AzureReference{Name: "absent"},
		}}
	}
	compacted := func(s *stage, p *v1alpha1.FeedbackPipeline) {
		topic := desired.ShadowTopic(p)
		topic.Config = map[string]string{"cleanup.policy": "compact"}
		s.must(s.kafka.Create(s.Context(), topic))
	}
	for _, tt := range []struct {
		name  string
		spoil func(*stage, *v1alpha1.FeedbackPipeline) // before the pipeline has a shadow
		spec  func(*v1alpha1.FeedbackPipeline)
		says  func(*feedbackv1.Health)
		rolls bool
		runs  bool
		want  string
	}{
		{"a Secret is missing", nil, azure, nil, true, false, "False ReferenceMissing"},
		{"its topic is compacted", compacted, nil, nil, true, false, "False TopicUnsuitable"},
		{"its topic cannot be made", func(s *stage, _ *v1alpha1.FeedbackPipeline) { s.deny(kmsg.CreateTopics, kerr.PolicyViolation) }, nil, nil, true, false, "False KafkaRefused"},
		{"no pod of it comes up", nil, nil, nil, false, true, "False RollingOut"},
		{"its backend fails", nil, nil, func(h *feedbackv1.Health) {
			if h.Component == desired.ShadowScorer {
				h.Conditions = []*feedbackv1.Health_Condition{{Name: "handler", Level: feedbackv1.Health_LEVEL_FAILED, Reason: "HandlerFailed", Message: "so"}}
				h.Level = feedbackv1.Health_LEVEL_FAILED
			}
		}, true, true, "False HandlerFailed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			p := s.flowing("azure")
			if tt.spoil != nil {
				tt.spoil(s, p)
			}
			s.edit(p, shadowed)
			if tt.spec != nil {
				s.edit(p, tt.spec)
			}
			s.reconcile(p)
			if tt.rolls {
				s.roll()
			}
			var says []func(*feedbackv1.Health)
			if tt.says != nil {
				says = append(says, tt.says)
			}
			s.speak(p, says...)
			s.reconcile(p)
			s.condition(p, "Ready", "True Flowing")
			s.condition(p, "TopicsReady", "True AsDesired")
			s.condition(p, "WorkloadsReady", "True Available")
			s.condition(p, "Reconciling", "absent")
			s.condition(p, "Stalled", "absent")
			s.condition(p, "ShadowHealthy", tt.want)
			if got := s.deployments()[shadowOf] != nil; got != tt.runs {
				t.Errorf("the shadow has a Deployment: %v, want %v", got, tt.runs)
			}
			told := ""
			if reason, ill := strings.CutPrefix(tt.want, "False "); ill && reason != "RollingOut" {
				told = "Warning Shadow" + reason + " "
			}
			if got := s.events.take(); (told == "") != (len(got) == 0) || len(got) > 1 || len(got) == 1 && !strings.HasPrefix(got[0], told) {
				t.Errorf("events = %q, want one that begins with %q: nothing has become of the pipeline", got, told)
			}
		})
	}
}
