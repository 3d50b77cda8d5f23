package manager_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/controller"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

// life is what TestRights takes a pipeline through, one step after the other. A right that rules.yaml grants is one that
// some step makes the operator use.
var life = []struct {
	name string
	live func(*operation)
}{
	{"created", (*operation).create},
	{"a source and replicas taken away", (*operation).shrink},
	{"autoscaled, and no longer", (*operation).scale},
	{"the finalizer taken off and put on", (*operation).finalizer},
	{"suspended and resumed", (*operation).suspend},
	{"led for a while", (*operation).lead},
	{"metrics scraped", (*operation).scrape},
	{"deleted", (*operation).delete},
}

// operation is an operator that runs, and what it asks for.
type operation struct {
	*testing.T
	mode
	api      client.Client
	requests *tally
	metrics  string // where they are served
	broker   *kfake.Cluster
	pipeline *v1alpha1.FeedbackPipeline
}

// operate runs an operator through life, with the rights of a mode alone.
func operate(t *testing.T, m mode, lists map[string][]rbacv1.PolicyRule) *operation {
	t.Helper()
	o := &operation{T: t, mode: m, requests: &tally{}, metrics: address(t)}
	var err error
	o.api, err = client.New(apiServer, client.Options{Scheme: manager.Scheme()})
	o.must(err)
	o.broker, err = kfake.NewCluster(kfake.NumBrokers(1))
	o.must(err)
	t.Cleanup(o.broker.Close)
	o.grant(m, lists)
	testenv.InstallKEDA(t, apiServer)
	stop := o.start()
	defer stop()
	for _, step := range life {
		t.Logf("the pipeline is %s", step.name)
		step.live(o)
	}
	if refused := o.requests.refused(); len(refused) > 0 {
		t.Errorf("forbidden: %q", refused)
	}
	return o
}

// start runs the operator as the user that has the rights. It returns what stops it.
func (o *operation) start() (stop func()) {
	theirs := rest.CopyConfig(apiServer)
	theirs.Impersonate = rest.ImpersonationConfig{UserName: o.user(), Groups: groups}
	theirs.Wrap(o.requests.wrap)
	c := manager.Config{
		Images: desired.Options{Registry: "registry.example/"}, MetricsAddress: o.metrics, ProbeAddress: "0",
		LeaderElect: true, LeaderNamespace: o.name + "-operator", LogFormat: "json",
	}
	if o.namespaced {
		c.Namespaces, c.MetricsInsecure = []string{o.name}, true
	}
	mgr, err := manager.New(theirs, c)
	o.must(err)
	ctx, cancel := context.WithCancel(o.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return func() {
		cancel()
		o.must(<-ended)
	}
}

// in is o in a subtest.
func (o *operation) in(t *testing.T) *operation {
	own := *o
	own.T = t
	return &own
}

func (o *operation) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (o *operation) until(what string, done func() bool) {
	o.Helper()
	const patience = 3 * time.Minute
	err := wait.PollUntilContextTimeout(o.Context(), 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		if refused := o.requests.refused(); len(refused) > 0 {
			return false, fmt.Errorf("forbidden: %q", refused)
		}
		return done(), nil
	})
	if err != nil {
		o.Fatalf("waited until %s, for %s at most: %v", what, patience, err)
	}
}

func (o *operation) create() {
	o.must(o.api.Create(o.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.name, Name: "slack"},
		StringData: map[string]string{"bot-token": "xoxb", "app-token": "xapp", "signing-secret": "s"},
	}))
	o.must(o.api.Create(o.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: o.name, Name: "ca"}, Data: map[string]string{"ca.crt": "-"}}))
	o.pipeline = pipeline(o.name, "azure", o.broker.ListenAddrs())
	o.must(o.api.Create(o.Context(), o.pipeline))
	encrypted := pipeline(o.name, "encrypted", o.broker.ListenAddrs())
	encrypted.Spec.Kafka.TLS = &v1alpha1.ClientTLS{CARef: &v1alpha1.CAReference{Kind: "ConfigMap", Name: "ca"}}
	o.must(o.api.Create(o.Context(), encrypted))
	o.until("the objects are made", func() bool { return o.made(4, 3, 1) })
}

func pipeline(namespace, name string, servers []string) *v1alpha1.FeedbackPipeline {
	slack := func(channel v1alpha1.SlackChannel, mode v1alpha1.SlackMode) *v1alpha1.SlackSource {
		return &v1alpha1.SlackSource{Channels: []v1alpha1.SlackChannel{channel}, Mode: mode, CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "slack"}}
	}
	return &v1alpha1.FeedbackPipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.FeedbackPipelineSpec{
			Kafka:   v1alpha1.Kafka{BootstrapServers: servers},
			Topics:  v1alpha1.Topics{DeletionPolicy: v1alpha1.DeletionDelete},
			Sources: []v1alpha1.Source{{Name: "community", Slack: slack("feedback", "")}, {Name: "partners", Slack: slack("partners", v1alpha1.SlackHTTP)}},
			Scorer:  v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Replicas: new(int32(3))},
			Routes: []v1alpha1.Route{{Name: "negative", Slack: &v1alpha1.SlackSink{
				Channel: "negative-feedback", CredentialsSecretRef: v1alpha1.SlackBotReference{Name: "slack"},
			}}},
		},
	}
}

// made tells whether the pipeline has so many Deployments, Services and PodDisruptionBudgets.
func (o *operation) made(deployments, services, budgets int) bool {
	count := func(group, kind string) int {
		list := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: group, Kind: kind}}
		o.must(o.api.List(o.Context(), list, client.InNamespace(o.name), client.MatchingLabels{desired.LabelInstance: o.pipeline.Name}))
		return len(list.Items)
	}
	return count("apps/v1", "DeploymentList") == deployments && count("v1", "ServiceList") == services && count("policy/v1", "PodDisruptionBudgetList") == budgets
}

// edit changes the pipeline's spec.
func (o *operation) edit(change func(*v1alpha1.FeedbackPipelineSpec)) {
	o.Helper()
	o.read()
	old := o.pipeline.DeepCopy()
	change(&o.pipeline.Spec)
	o.must(o.api.Patch(o.Context(), o.pipeline, client.MergeFrom(old)))
}

func (o *operation) read() {
	o.Helper()
	o.must(o.api.Get(o.Context(), client.ObjectKeyFromObject(o.pipeline), o.pipeline))
}

func (o *operation) shrink() {
	o.edit(func(spec *v1alpha1.FeedbackPipelineSpec) {
		spec.Sources = spec.Sources[:1]
		spec.Scorer.Replicas = new(int32(1))
	})
	o.until("what is no longer wanted is gone", func() bool { return o.made(3, 2, 0) })
}

// scale takes the pipeline to a Kafka that asks for a password, and so through both of KEDA's kinds.
func (o *operation) scale() {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "user", "word"))
	o.must(err)
	o.Cleanup(broker.Close)
	o.must(o.api.Create(o.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.name, Name: "kafka"}, StringData: map[string]string{"username": "user", "password": "word"},
	}))
	there := func() bool {
		object := &metav1.PartialObjectMetadata{}
		object.SetGroupVersionKind(desired.ScaledObject)
		err := o.api.Get(o.Context(), client.ObjectKey{Namespace: o.name, Name: desired.AutoscalingName(o.pipeline)}, object)
		o.must(client.IgnoreNotFound(err))
		return err == nil
	}
	o.edit(func(spec *v1alpha1.FeedbackPipelineSpec) {
		spec.Kafka = v1alpha1.Kafka{BootstrapServers: broker.ListenAddrs(), SASL: &v1alpha1.KafkaSASL{
			Mechanism: "PLAIN", CredentialsSecretRef: &v1alpha1.UserReference{Name: "kafka"},
		}}
		spec.Scorer.Replicas, spec.Scorer.Autoscaling = nil, &v1alpha1.ScorerAutoscaling{}
	})
	o.until("the ScaledObject is made", there)
	o.until("its HorizontalPodAutoscaler is looked for", func() bool { return o.requests.rights()["autoscaling/horizontalpodautoscalers get"] })
	o.edit(func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Scorer.Autoscaling = nil })
	o.until("the ScaledObject is gone", func() bool { return !there() })
}

func (o *operation) finalizer() {
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionRetain, v1alpha1.DeletionDelete} {
		o.edit(func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Topics.DeletionPolicy = policy })
		o.until("the finalizer is as the policy says", func() bool {
			o.read()
			return controllerutil.ContainsFinalizer(o.pipeline, controller.Finalizer) == (policy == v1alpha1.DeletionDelete)
		})
	}
}

func (o *operation) suspend() {
	for _, suspend := range []bool{true, false, true} {
		o.edit(func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Suspend = suspend })
		o.until("it is suspended or not", func() bool {
			o.read()
			return o.pipeline.Status.ObservedGeneration == o.pipeline.Generation
		})
	}
}

func (o *operation) lead() {
	o.until("the same Event is counted, and the Lease renewed", func() bool {
		used := o.requests.rights()
		return used["events.k8s.io/events patch"] && used["coordination.k8s.io/leases update"]
	})
}

func (o *operation) delete() {
	o.must(o.api.Delete(o.Context(), o.pipeline))
	o.until("the pipeline is gone", func() bool {
		return o.api.Get(o.Context(), client.ObjectKeyFromObject(o.pipeline), &v1alpha1.FeedbackPipeline{}) != nil
	})
}
