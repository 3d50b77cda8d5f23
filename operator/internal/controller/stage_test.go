package controller_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

var apiServer *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(c *rest.Config) { apiServer = c }))
}

// stage is a namespace on a real API server, a broker and a reconciler whose clock the test moves. The test plays the
// Deployment controller.
type stage struct {
	*testing.T
	api        client.Client // the test's own
	reconciler *controller.Reconciler
	broker     *kfake.Cluster
	kafka      *kafka.Client
	namespace  string
	clock      time.Time
	requests   *requests
	events     *recorder
}

func newStage(t *testing.T) *stage {
	t.Helper()
	config := testenv.Need(t, apiServer)
	s := &stage{T: t, clock: time.Now().Truncate(time.Second), requests: &requests{}, events: &recorder{}}
	var err error
	if s.api, err = client.New(config, client.Options{Scheme: manager.Scheme()}); err != nil {
		t.Fatal(err)
	}
	counted := rest.CopyConfig(config)
	counted.Wrap(s.requests.wrap)
	theirs, err := client.New(counted, client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	if s.broker, err = kfake.NewCluster(kfake.NumBrokers(1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.broker.Close)
	if s.kafka, err = kafka.Open(kafka.Settings{Servers: s.broker.ListenAddrs()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kafka.Close)
	s.reconciler = &controller.Reconciler{
		Client: theirs, Live: theirs, Options: desired.Options{Registry: "registry.example/", Tag: "v1"},
		Events: s.events, Now: func() time.Time { return s.clock },
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "stage-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	s.must(s.api.Create(t.Context(), ns))
	s.namespace = ns.Name
	s.must(s.api.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "slack"},
		Data:       map[string][]byte{"bot-token": []byte("xoxb-1"), "app-token": []byte("xapp-1")},
	}))
	return s
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// pipeline creates one with a Slack source and a route, changed by change.
func (s *stage) pipeline(name string, change ...func(*v1alpha1.FeedbackPipeline)) *v1alpha1.FeedbackPipeline {
	s.Helper()
	p := &v1alpha1.FeedbackPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: v1alpha1.FeedbackPipelineSpec{
			Kafka: v1alpha1.Kafka{BootstrapServers: s.broker.ListenAddrs()},
			Sources: []v1alpha1.Source{{Name: "community", Slack: &v1alpha1.SlackSource{
				Channels: []v1alpha1.SlackChannel{"feedback"}, CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "slack"},
			}}},
			Routes: []v1alpha1.Route{{Name: "negative", Match: &v1alpha1.Match{ScoreBelow: new(0.3)}, Slack: &v1alpha1.SlackSink{
				Channel: "negative-feedback", CredentialsSecretRef: v1alpha1.SlackBotReference{Name: "slack"},
			}}},
		},
	}
	for _, f := range change {
		f(p)
	}
	s.must(s.api.Create(s.Context(), p))
	return p
}

// reconcile looks at the pipeline once.
func (s *stage) reconcile(p *v1alpha1.FeedbackPipeline) reconcile.Result {
	s.Helper()
	result, err := s.reconciler.Reconcile(s.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
	s.must(err)
	s.must(client.IgnoreNotFound(s.api.Get(s.Context(), client.ObjectKeyFromObject(p), p)))
	return result
}

// edit changes the pipeline's spec or metadata.
func (s *stage) edit(p *v1alpha1.FeedbackPipeline, change func(*v1alpha1.FeedbackPipeline)) {
	s.Helper()
	s.must(s.api.Get(s.Context(), client.ObjectKeyFromObject(p), p))
	change(p)
	s.must(s.api.Update(s.Context(), p))
}

func (s *stage) deployments() map[string]*appsv1.Deployment {
	s.Helper()
	list := &appsv1.DeploymentList{}
	s.must(s.api.List(s.Context(), list, client.InNamespace(s.namespace)))
	all := map[string]*appsv1.Deployment{}
	for _, d := range list.Items {
		all[strings.TrimSuffix(d.Labels["app.kubernetes.io/instance"]+"/"+d.Labels["app.kubernetes.io/name"]+"/"+d.Labels[desired.LabelSource], "/")] = &d
	}
	return all
}

// roll plays the Deployment controller: all Deployments are as their specs say.
func (s *stage) roll() {
	s.Helper()
	for _, d := range s.deployments() {
		n := *d.Spec.Replicas
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
		s.must(s.api.Status().Update(s.Context(), d))
	}
}

func (s *stage) condition(p *v1alpha1.FeedbackPipeline, kind, want string) {
	s.Helper()
	got := "absent"
	c := meta.FindStatusCondition(p.Status.Conditions, kind)
	if c != nil {
		got = string(c.Status) + " " + c.Reason
	}
	if got != want {
		s.Errorf("%s = %s (%+v), want %s", kind, got, c, want)
	}
}

// speak writes health as the components of p do: all are well but for those that change says.
func (s *stage) speak(p *v1alpha1.FeedbackPipeline, change ...func(*feedbackv1.Health)) {
	s.Helper()
	s.topics(p) // so that the test's own client knows them
	components := []string{"sentiment-scorer", "notifier"}
	if p.Spec.Scorer.Shadow != nil {
		components = append(components, "shadow-scorer")
	}
	for _, source := range p.Spec.Sources {
		components = append(components, "slack-ingest/"+source.Name)
	}
	for _, component := range components {
		h := &feedbackv1.Health{Component: component, Instance: "a", ObservedAt: timestamppb.New(s.clock), Level: feedbackv1.Health_LEVEL_GOOD}
		for _, f := range change {
			f(h)
		}
		text, err := protojson.Marshal(h)
		s.must(err)
		s.must(s.kafka.Append(s.Context(), desired.Prefix(p)+".state", "health/"+component+"/a", text))
	}
}

// topics are the partitions of those that the broker has.
func (s *stage) topics(p *v1alpha1.FeedbackPipeline) map[string]int32 {
	s.Helper()
	all := map[string]int32{}
	var names []string
	for _, t := range desired.Topics(p) {
		names = append(names, t.Name)
	}
	live, err := s.kafka.Describe(s.Context(), names...)
	s.must(err)
	for _, t := range desired.Topics(p) {
		if l, ok := live[t.Name]; ok {
			all[t.Role] = l.Partitions
		}
	}
	return all
}

// requests are what the reconciler asked of the API server.
type requests struct {
	mu  sync.Mutex
	all []string
}

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		r.mu.Lock()
		r.all = append(r.all, req.Method+" "+req.URL.Path)
		r.mu.Unlock()
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// take returns what was asked since the last take; with writes alone, only what may change something.
func (r *requests) take(writes bool) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, request := range r.all {
		if !writes || !strings.HasPrefix(request, "GET ") {
			all = append(all, request)
		}
	}
	r.all = nil
	return all
}

// recorder keeps Events.
type recorder struct {
	mu  sync.Mutex
	all []string
}

func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, kind+" "+reason+" "+fmt.Sprintf(note, args...))
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}
