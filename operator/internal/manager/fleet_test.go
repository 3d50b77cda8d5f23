package manager_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

const (
	// perNamespace is how many pipelines of a fleet share a namespace; each has a Secret of its own.
	perNamespace = 10
	// hands is how many of the test's own requests are under way at the same time.
	hands = 8
)

// fleet is pipelines on a real API server. The test plays what is around the operator: the Deployment controller, the
// pipelines' components, and Kafka, which is kfake with one broker in this process.
type fleet struct {
	*testing.T
	api       client.Client
	operator  *rest.Config // counted in requests
	requests  tally
	broker    *kfake.Cluster
	kafka     *kafka.Client
	pipelines []*v1alpha1.FeedbackPipeline

	mu    sync.Mutex
	asked map[string]int // of Kafka, by the name of the request
}

// newFleet makes a broker and count pipelines: one Slack source, two scorers, one route, a certificate bundle.
func newFleet(t *testing.T, name string, count int) *fleet {
	t.Helper()
	f := &fleet{T: t, asked: map[string]int{}}
	config := testenv.Need(t, apiServer)
	f.operator = rest.CopyConfig(config)
	f.operator.Wrap(f.requests.wrap)
	var err error
	f.api, err = client.New(config, client.Options{Scheme: manager.Scheme()})
	f.must(err)
	f.broker, err = kfake.NewCluster(kfake.NumBrokers(1))
	f.must(err)
	t.Cleanup(f.broker.Close)
	f.broker.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.broker.KeepControl()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked[kmsg.NameForKey(r.Key())]++
		return nil, nil, false
	})
	f.kafka, err = kafka.Open(kafka.Settings{Servers: f.broker.ListenAddrs()})
	f.must(err)
	t.Cleanup(f.kafka.Close)
	for i := range count {
		f.pipelines = append(f.pipelines, f.pipeline(fmt.Sprintf("%s-%d", name, i/perNamespace), fmt.Sprintf("p%d", i)))
	}
	for i := 0; i < count; i += perNamespace {
		f.must(f.api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.pipelines[i].Namespace}}))
	}
	f.must(f.each(t.Context(), func(ctx context.Context, p *v1alpha1.FeedbackPipeline) error {
		own := metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}
		if err := f.api.Create(ctx, &corev1.Secret{ObjectMeta: own, StringData: map[string]string{"bot-token": "xoxb", "app-token": "xapp"}}); err != nil {
			return err
		}
		if err := f.api.Create(ctx, &corev1.ConfigMap{ObjectMeta: own, Data: map[string]string{"ca.crt": "-"}}); err != nil {
			return err
		}
		return f.api.Create(ctx, p)
	}))
	return f
}

// pipeline is a usual one that takes its tokens from a Secret and a certificate from a ConfigMap of its own name.
func (f *fleet) pipeline(namespace, name string) *v1alpha1.FeedbackPipeline {
	p := pipeline(namespace, name, f.broker.ListenAddrs())
	p.Spec.Sources = p.Spec.Sources[:1]
	p.Spec.Sources[0].Slack.CredentialsSecretRef.Name = name
	p.Spec.Routes[0].Slack.CredentialsSecretRef.Name = name
	p.Spec.Scorer.Replicas = new(int32(2))
	p.Spec.Topics.DeletionPolicy, p.Spec.Topics.Partitions = v1alpha1.DeletionRetain, 1 // or kfake takes most of the time
	p.Spec.PodTemplate.CABundleRef = &v1alpha1.CAReference{Kind: "ConfigMap", Name: name}
	return p
}

func (f *fleet) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// each does something to all pipelines, several at a time.
func (f *fleet) each(ctx context.Context, do func(context.Context, *v1alpha1.FeedbackPipeline) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for _, p := range f.pipelines {
		group.Go(func() error { return do(ctx, p) })
	}
	return group.Wait()
}

// until waits for a condition, for as long as a busy machine may take.
func (f *fleet) until(what string, every time.Duration, done func() bool) {
	f.Helper()
	const patience = 5 * time.Minute
	err := wait.PollUntilContextTimeout(f.Context(), every, patience, true, func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		f.Fatalf("waited %s until %s; forbidden: %q", patience, what, f.requests.refused())
	}
}

// are counts the pipelines of which a condition of their present spec is True.
func (f *fleet) are(condition string) int {
	f.Helper()
	list := &v1alpha1.FeedbackPipelineList{}
	f.must(f.api.List(f.Context(), list))
	mine := map[types.NamespacedName]bool{}
	for _, p := range f.pipelines {
		mine[client.ObjectKeyFromObject(p)] = true
	}
	n := 0
	for _, p := range list.Items {
		if mine[client.ObjectKeyFromObject(&p)] && p.Status.ObservedGeneration == p.Generation && meta.IsStatusConditionTrue(p.Status.Conditions, condition) {
			n++
		}
	}
	return n
}

// roll plays the Deployment controller: all Deployments become as their specs say.
func (f *fleet) roll() {
	f.Helper()
	list := &appsv1.DeploymentList{}
	f.must(f.api.List(f.Context(), list, client.HasLabels{desired.LabelInstance}))
	group, ctx := errgroup.WithContext(f.Context())
	group.SetLimit(hands)
	for _, d := range list.Items {
		if d.Status.ObservedGeneration >= d.Generation {
			continue
		}
		group.Go(func() error {
			n := *d.Spec.Replicas
			d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
			return client.IgnoreNotFound(f.api.Status().Update(ctx, &d))
		})
	}
	if err := group.Wait(); !apierrors.IsConflict(err) { // a conflict is seen to the next time
		f.must(err)
	}
}

// know has the test's own client learn of all topics.
func (f *fleet) know() {
	f.Helper()
	_, err := f.kafka.Describe(f.Context(), desired.Prefix(f.pipelines[0])+".state")
	f.must(err)
}

// speak writes health as the components of all pipelines do: all are well at the time, and heard of an event at last.
func (f *fleet) speak(now, last time.Time) {
	f.Helper()
	f.must(f.say(f.Context(), now, last))
}

func (f *fleet) say(ctx context.Context, now, last time.Time) error {
	return f.each(ctx, func(ctx context.Context, p *v1alpha1.FeedbackPipeline) error {
		for _, component := range []string{desired.SlackIngest + "/" + p.Spec.Sources[0].Name, desired.SentimentScorer, desired.Notifier} {
			text, err := protojson.Marshal(&feedbackv1.Health{
				Component: component, Instance: "a", Level: feedbackv1.Health_LEVEL_GOOD,
				ObservedAt: timestamppb.New(now), LastEventAt: timestamppb.New(last),
			})
			if err != nil {
				return err
			}
			if err := f.kafka.Append(ctx, desired.Prefix(p)+".state", "health/"+component+"/a", text); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeKafka returns the requests to Kafka since the last one, without those by which the test itself speaks.
func (f *fleet) takeKafka() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.asked
	f.asked = map[string]int{}
	delete(all, "Produce")
	return all
}
