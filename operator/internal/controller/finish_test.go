package controller_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// everyRole are those of a pipeline's topics.
var everyRole = []string{desired.RoleFeedback, desired.RoleScored, desired.RoleNotifications, desired.RoleDeadLetters, desired.RoleState}

// unanswered is what the operator says of a Kafka that is down.
const unanswered = "describe the topics: "

// deletions are what may stand in the way of a pipeline with deletionPolicy Delete that goes.
var deletions = []struct {
	name string
	// locked has the broker ask for a password, whose Secret is named kafka.
	locked bool
	// spoil is what is wrong at the deletion.
	spoil func(*stage, *v1alpha1.FeedbackPipeline)
	// waits is part of what is waited for until the minute is over; empty where the pipeline goes at once.
	waits string
	// says is the Event at the end, left the roles of the topics that stay.
	says string
	left []string
}{
	{"all well", false, func(*stage, *v1alpha1.FeedbackPipeline) {}, "", "Normal TopicsDeleted", nil},
	{"Kafka refuses connections", false, func(s *stage, _ *v1alpha1.FeedbackPipeline) { s.broker.Close() }, unanswered, "Warning TopicsLeftBehind", nil},
	{"Slack's Secret gone first", false, func(s *stage, _ *v1alpha1.FeedbackPipeline) { s.forget("slack") }, "", "Normal TopicsDeleted", nil},
	{"Kafka's Secret gone first", true, func(s *stage, _ *v1alpha1.FeedbackPipeline) { s.forget("kafka") }, "", "Normal TopicsDeleted", nil},
	{"Kafka's Secret gone first, and the operator started anew", true, func(s *stage, _ *v1alpha1.FeedbackPipeline) {
		s.forget("kafka")
		s.restart()
	}, "Secret kafka/username: the Secret does not exist", "Warning TopicsLeftBehind", everyRole},
	{"the operator started anew", true, func(s *stage, _ *v1alpha1.FeedbackPipeline) { s.restart() }, "", "Normal TopicsDeleted", nil},
	{"topics deleted already", false, func(s *stage, p *v1alpha1.FeedbackPipeline) {
		for _, topic := range desired.Topics(p) {
			s.must(s.kafka.DeleteTopic(s.Context(), topic.Name))
		}
	}, "", "Normal TopicsDeleted", nil},
	{"state deleted already", false, func(s *stage, p *v1alpha1.FeedbackPipeline) {
		s.must(s.kafka.DeleteTopic(s.Context(), desired.Prefix(p)+".state"))
	}, "", "Normal TopicsKept", everyRole[:4]},
	{"one topic cannot be deleted", false, func(s *stage, p *v1alpha1.FeedbackPipeline) {
		s.undeletable(p, "scored", kerr.PolicyViolation)
	}, "delete topic", "Warning TopicsLeftBehind", []string{desired.RoleScored, desired.RoleState}},
	{"the broker deletes no topics", false, func(s *stage, _ *v1alpha1.FeedbackPipeline) {
		s.deny(kmsg.DeleteTopics, kerr.TopicDeletionDisabled)
	}, "delete topic", "Warning TopicsLeftBehind", everyRole},
	{"a group has members still", false, func(s *stage, _ *v1alpha1.FeedbackPipeline) {
		s.deny(kmsg.DeleteGroups, kerr.NonEmptyGroup)
	}, "delete group", "Warning TopicsLeftBehind", []string{desired.RoleState}},
	{"a pod runs still", false, func(s *stage, p *v1alpha1.FeedbackPipeline) {
		s.must(s.api.Create(s.Context(), pod(s, p)))
	}, "1 pods still run, one among them", "Warning TopicsLeftBehind", everyRole},
	{"the topics are another pipeline's", false, func(s *stage, p *v1alpha1.FeedbackPipeline) {
		first := topics.Owner{NamespaceUID: "another", Namespace: "feedback", Name: "azure"}
		value, err := first.Value()
		s.must(err)
		mine := topics.Owner{NamespaceUID: s.namespaceUID(), Namespace: p.Namespace, Name: p.Name}
		s.must(s.kafka.Append(s.Context(), desired.Prefix(p)+".state", mine.Key(), nil))
		s.must(s.kafka.Append(s.Context(), desired.Prefix(p)+".state", first.Key(), value))
	}, "", "Normal TopicsKept", everyRole},
	{"its namespace goes", false, func(s *stage, _ *v1alpha1.FeedbackPipeline) {
		s.must(s.api.Delete(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}))
	}, "", "Normal TopicsDeleted", nil},
	{"its namespace goes, and Kafka is down", false, func(s *stage, _ *v1alpha1.FeedbackPipeline) {
		s.must(s.api.Delete(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}))
		s.forget("slack")
		s.broker.Close()
	}, unanswered, "Warning TopicsLeftBehind", nil},
	{"policy changed to Retain", false, func(s *stage, p *v1alpha1.FeedbackPipeline) {
		s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionRetain })
		s.reconcile(p)
	}, "", "", everyRole},
}

// TestFinalizer deletes topics and groups. Whatever stands in its way, the pipeline goes 60 s after its deletion and
// not before, which is logged, counted and an Event.
func TestFinalizer(t *testing.T) {
	for _, tt := range deletions {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			change := []func(*v1alpha1.FeedbackPipeline){func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionDelete }}
			if tt.locked {
				change = append(change, s.lock(), func(p *v1alpha1.FeedbackPipeline) { p.Spec.Kafka.BootstrapServers = s.broker.ListenAddrs() })
			}
			p := s.flowing("azure", change...)
			s.clock = s.clock.Add(31 * time.Second) // what was read of Secrets is too old
			tt.spoil(s, p)
			s.must(client.IgnoreNotFound(s.api.Delete(t.Context(), p)))
			before, lines := leftBehind(t), s.finish(p, tt.waits)
			s.ended(tt.waits != "", before, lines)
			if got := s.events.take(); strings.Contains(strings.Join(got, ""), "sesame") || len(got) > 1 || tt.says != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.says)) {
				t.Errorf("events = %q, want %q alone", got, tt.says)
			}
			if tt.waits != unanswered {
				s.left(p, tt.left)
			}
		})
	}
}

// finish reconciles p, which is being deleted, until it is gone, and returns what was logged as an error. With waits
// that takes exactly a minute.
func (s *stage) finish(p *v1alpha1.FeedbackPipeline, waits string) []string {
	s.Helper()
	if waits == "" {
		lines := s.tryToFinish(p)
		if !s.gone(p) {
			s.Fatalf("the pipeline waits: %q", lines)
		}
		return lines
	}
	s.must(s.api.Get(s.Context(), client.ObjectKeyFromObject(p), p))
	deleted := p.DeletionTimestamp.Time
	for _, after := range []time.Duration{0, 30 * time.Second, 59 * time.Second} {
		s.clock = deleted.Add(after)
		lines := s.tryToFinish(p)
		if s.gone(p) {
			s.Fatalf("the pipeline is gone after %s, want it to wait", after)
		}
		if said := strings.Join(lines, "\n"); !strings.Contains(said, waits) {
			s.Errorf("after %s it says %q, want %q", after, said, waits)
		}
	}
	s.clock = deleted.Add(time.Minute)
	lines := s.tryToFinish(p)
	if !s.gone(p) {
		s.Fatalf("the pipeline is there after its minute: %q", lines)
	}
	return lines
}

// tryToFinish reconciles once and returns what was logged. It wants to be called again within 2 s, and before the
// minute is over.
func (s *stage) tryToFinish(p *v1alpha1.FeedbackPipeline) []string {
	s.Helper()
	var lines []string
	logger := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	result, err := s.reconciler.Reconcile(log.IntoContext(s.Context(), logger), requestFor(p))
	s.must(err)
	if deleted := p.DeletionTimestamp; deleted != nil && result.RequeueAfter > min(2*time.Second, deleted.Add(time.Minute).Sub(s.clock)) {
		s.Errorf("is called again after %s, %s after the deletion", result.RequeueAfter, s.clock.Sub(deleted.Time))
	}
	return lines
}

// ended checks what was said and counted of an end that left topics behind, or of one that did not.
func (s *stage) ended(behind bool, before float64, lines []string) {
	s.Helper()
	want, said := before, strings.Join(lines, "\n")
	if behind {
		want++
	}
	if got := leftBehind(s.T); got != want {
		s.Errorf("feedback_operator_topics_left_behind_total = %v, want %v", got, want)
	}
	if got := strings.Contains(said, "topics are left behind; delete them by hand") && strings.Contains(said, s.namespace+".azure"); got != behind {
		s.Errorf("the log says %q, topics left behind: %v", said, behind)
	}
}

// left checks which topics are there.
func (s *stage) left(p *v1alpha1.FeedbackPipeline, want []string) {
	s.Helper()
	got := s.topics(p)
	for _, role := range want {
		if got[role] == 0 {
			s.Errorf("topic %s is deleted, want it left", role)
		}
	}
	if len(got) != len(want) {
		s.Errorf("topics left: %v, want %v", got, want)
	}
}

// TestFinalizerWithoutAnAnswer: a broker that takes requests and answers nothing holds one try up for 5 s, and the
// last for 1 s.
func TestFinalizerWithoutAnAnswer(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionDelete })
	s.broker.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		s.broker.KeepControl()
		return nil, nil, true
	})
	s.must(s.api.Delete(t.Context(), p))
	s.must(s.api.Get(t.Context(), client.ObjectKeyFromObject(p), p))
	s.clock = p.DeletionTimestamp.Add(30 * time.Second)
	s.takes(p, 5*time.Second)
	if s.gone(p) {
		t.Fatal("the pipeline is gone after 30 s, want it to wait")
	}
	s.clock = p.DeletionTimestamp.Add(time.Minute)
	s.takes(p, time.Second)
	if !s.gone(p) {
		t.Error("the pipeline is there after its minute")
	}
}

// takes tries to finish once, and wants that to take about so long.
func (s *stage) takes(p *v1alpha1.FeedbackPipeline, want time.Duration) {
	s.Helper()
	began := time.Now()
	s.tryToFinish(p)
	if took := time.Since(began); took < want/2 || took > want+5*time.Second {
		s.Errorf("a try took %s, want about %s", took, want)
	}
}

func (s *stage) gone(p *v1alpha1.FeedbackPipeline) bool {
	return apierrors.IsNotFound(s.api.Get(s.Context(), client.ObjectKeyFromObject(p), &v1alpha1.FeedbackPipeline{}))
}

// restart puts an operator that remembers nothing in the place of the one that there is.
func (s *stage) restart() {
	r := s.reconciler
	s.reconciler = &controller.Reconciler{Client: r.Client, Live: r.Live, Options: r.Options, Events: r.Events, Now: r.Now}
}

// undeletable has the broker refuse to delete the topic of that role.
func (s *stage) undeletable(p *v1alpha1.FeedbackPipeline, role string, err *kerr.Error) {
	s.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteTopics}, Topic: desired.Prefix(p) + "." + role, Err: err, Count: -1})
}

func (s *stage) namespaceUID() string {
	s.Helper()
	ns := &corev1.Namespace{}
	s.must(s.api.Get(s.Context(), client.ObjectKey{Name: s.namespace}, ns))
	return string(ns.UID)
}

// leftBehind is what the counter of pipelines that left topics behind says.
func leftBehind(t *testing.T) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "feedback_operator_topics_left_behind_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("no metric feedback_operator_topics_left_behind_total")
	return 0
}
