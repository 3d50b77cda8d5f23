//go:build e2e

package keda

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

const (
	pipeline = "azure"
	scorer   = pipeline + "-scorer"
	// threshold is the lag for which there shall be one more replica, and backlog what the test keeps before the group.
	threshold, backlog = 1000, 20_000
)

// TestScaler runs the story on a cluster with nodes, on which the chart and KEDA are installed.
func TestScaler(t *testing.T) {
	c := connect(t)
	k := startKafka(t, clustertest.KafkaHost(t), c.Namespace+"."+pipeline)
	c.install()
	c.story(k, c.installKEDA, c.stopKEDA)
}

// story: a pipeline on a Kafka with SCRAM, TLS and ACLs asks for autoscaling on a cluster without KEDA, and is told; KEDA
// is installed, and goes on; a backlog appears, and one scorer becomes three; it is consumed, and one is left, with every
// event scored; the scorer's backend goes away, and a backlog adds no replicas until it is back; KEDA stops, and that is told; suspended it stands still; without autoscaling nothing of KEDA is left.
func (c *cluster) story(k *kafka, installKEDA, stopKEDA func()) {
	c.create(k)
	c.says(v1alpha1.ConditionAutoscaling, "False", "KEDANotInstalled")
	c.says(v1alpha1.ConditionReady, "True", "Degraded")
	c.replicas(1)

	installKEDA()
	seen := c.follow()
	c.says(v1alpha1.ConditionAutoscaling, "True", "Autoscaled")
	c.says(v1alpha1.ConditionReady, "True", "Flowing")
	c.backlog(k)
	c.consumed(k)
	c.replicas(1)
	c.scaled(seen())

	c.held(k)
	stopKEDA()
	c.suspend()
	c.remove()
}

// stopKEDA takes KEDA's operator away and gives it back.
func (c *cluster) stopKEDA() {
	c.Helper()
	for _, step := range []struct {
		replicas       int32
		status, reason string
		ready          string
	}{{0, "False", "AutoscalerInactive", "Degraded"}, {1, "True", "Autoscaled", "Flowing"}} {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: kedaNamespace, Name: "keda-operator"}}
		clustertest.Must(c.T, c.Patch(c.Context(), d, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, step.replicas))))
		c.Step("KEDA's operator has %d replicas", step.replicas)
		c.says(v1alpha1.ConditionAutoscaling, step.status, step.reason)
		c.says(v1alpha1.ConditionReady, "True", step.ready)
	}
}

// create makes Secrets and pipeline. The scorer has little of a processor, so that a backlog lasts for more than a moment.
func (c *cluster) create(k *kafka) {
	c.Helper()
	ca, err := os.ReadFile(k.env[broker.EnvCA])
	clustertest.Must(c.T, err)
	for name, data := range map[string]map[string]string{
		"slack": {"bot-token": "xoxb-simulator", "app-token": "xapp-simulator"},
		"kafka": {"username": user, "password": k.env[broker.EnvPassword]},
		"ca":    {"ca.crt": string(ca)},
	} {
		clustertest.Must(c.T, c.Create(c.Context(), &corev1.Secret{ObjectMeta: c.Meta(name), StringData: data}))
	}
	clustertest.Must(c.T, c.Create(c.Context(), &v1alpha1.FeedbackPipeline{ObjectMeta: c.Meta(pipeline), Spec: v1alpha1.FeedbackPipelineSpec{
		Kafka: v1alpha1.Kafka{
			BootstrapServers: strings.Split(k.env[broker.EnvSASLTLSBootstrap], ","),
			TLS:              &v1alpha1.ClientTLS{CARef: &v1alpha1.CAReference{Name: "ca"}},
			SASL:             &v1alpha1.KafkaSASL{Mechanism: "SCRAM-SHA-512", CredentialsSecretRef: &v1alpha1.UserReference{Name: "kafka"}},
		},
		Topics: v1alpha1.Topics{Partitions: 3, ReplicationFactor: new(int32(1))},
		Sources: []v1alpha1.Source{{Name: "community", Slack: &v1alpha1.SlackSource{
			Channels: []v1alpha1.SlackChannel{"feedback"}, APIURL: c.simulator, CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "slack"},
		}}},
		Scorer: v1alpha1.Scorer{Backend: v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}, Autoscaling: &v1alpha1.ScorerAutoscaling{
			MaxReplicas: new(int32(3)), LagThreshold: threshold, ScaleDownAfter: v1alpha1.Duration{Duration: metav1.Duration{Duration: 15 * time.Second}},
		}},
		Routes: []v1alpha1.Route{{Name: "nobody", Match: &v1alpha1.Match{Keywords: []v1alpha1.Keyword{"said by nobody"}}, Slack: &v1alpha1.SlackSink{
			Channel: "negative-feedback", APIURL: c.simulator, CredentialsSecretRef: v1alpha1.SlackBotReference{Name: "slack"},
		}}},
		PodTemplate: v1alpha1.PodTemplate{Components: []v1alpha1.ComponentTemplate{{Name: "scorer", Resources: v1alpha1.Resources{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")},
		}}}},
	}}))
}

// says waits for what a condition of the pipeline says.
func (c *cluster) says(kind, status, reason string) {
	c.Helper()
	c.Until(fmt.Sprintf("%s is %s, %s", kind, status, reason), clustertest.Patience, func(ctx context.Context) (string, bool) {
		is, err := c.Condition(ctx, c.Namespace, pipeline, kind)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s %s: %s", is.Status, is.Reason, is.Message), string(is.Status) == status && is.Reason == reason
	})
}

// replicas waits until so many scorers run, and no more are asked for.
func (c *cluster) replicas(n int32) {
	c.Helper()
	c.Until(fmt.Sprintf("%d scorers run", n), clustertest.Patience, func(ctx context.Context) (string, bool) {
		d := &appsv1.Deployment{}
		if err := c.Get(ctx, c.Key(scorer), d); err != nil {
			return err.Error(), false
		}
		is := fmt.Sprintf("%d asked for, %d available of %d", *d.Spec.Replicas, d.Status.AvailableReplicas, d.Status.Replicas)
		return is, *d.Spec.Replicas == n && d.Status.AvailableReplicas == n && d.Status.Replicas == n
	})
}

// follow notes all numbers of replicas that are asked for from now on, until what it returns is called.
func (c *cluster) follow() func() []int32 {
	c.Helper()
	w, err := c.Watch(c.Context(), &appsv1.DeploymentList{}, client.InNamespace(c.Namespace), client.MatchingFields{"metadata.name": scorer})
	clustertest.Must(c.T, err)
	done := make(chan []int32)
	go func() {
		var all []int32
		for event := range w.ResultChan() {
			if d, ok := event.Object.(*appsv1.Deployment); ok {
				all = append(all, *d.Spec.Replicas)
			}
		}
		done <- slices.Compact(all)
	}()
	return func() []int32 {
		w.Stop()
		return <-done
	}
}

// backlog produces until three scorers run.
func (c *cluster) backlog(k *kafka) {
	c.Helper()
	most := int64(0)
	c.Until("a backlog makes three scorers of one", 2*clustertest.Patience, func(ctx context.Context) (string, bool) {
		lag, err := k.lag(ctx)
		if err == nil && lag < backlog {
			err = k.produce(ctx, backlog/4)
		}
		if err != nil {
			return err.Error(), false
		}
		most = max(most, lag)
		d := &appsv1.Deployment{}
		if err := c.Get(ctx, c.Key(scorer), d); err != nil {
			return err.Error(), false
		}
		is := fmt.Sprintf("%d of %d available, %d events produced, a lag of up to %d", d.Status.AvailableReplicas, *d.Spec.Replicas, len(k.sent), most)
		return is, d.Status.AvailableReplicas == 3
	})
	for name, kind := range map[string]string{scorer: "ScaledObject", "keda-hpa-" + scorer: "HorizontalPodAutoscaler"} {
		version := map[string]string{"ScaledObject": "keda.sh/v1alpha1", "HorizontalPodAutoscaler": "autoscaling/v2"}[kind]
		clustertest.Must(c.T, c.Get(c.Context(), c.Key(name), c.object(version, kind, "", "")))
	}
}

// consumed waits until all that was produced is scored, and nothing is missing.
func (c *cluster) consumed(k *kafka) {
	c.Helper()
	c.Until("the backlog is consumed", 2*clustertest.Patience, func(ctx context.Context) (string, bool) {
		lag, err := k.lag(ctx)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("a lag of %d", lag), lag == 0
	})
	counts, err := k.scored(c.Context())
	clustertest.Must(c.T, err)
	lost, twice := 0, 0
	for id := range k.sent {
		if counts[id] == 0 {
			lost++
		}
		twice += max(0, counts[id]-1)
	}
	dead, err := k.deadLetters(c.Context())
	clustertest.Must(c.T, err)
	c.Step("of %d events %d are scored, lost %d, scored more than once %d, dead letters %d", len(k.sent), len(counts), lost, twice, dead)
	if lost > 0 || dead > 0 || len(counts) != len(k.sent) {
		c.Errorf("lost %d, dead letters %d, %d scored of %d; want none lost", lost, dead, len(counts), len(k.sent))
	}
}

// scaled holds what was seen to 1, up to 3, and back to 1.
func (c *cluster) scaled(seen []int32) {
	c.Helper()
	c.Step("replicas that were asked for, one after the other: %v", seen)
	if len(seen) < 3 || seen[0] != 1 || slices.Max(seen) != 3 || slices.Min(seen) != 1 || seen[len(seen)-1] != 1 {
		c.Errorf("replicas = %v, want from 1 to 3 and back to 1", seen)
	}
	c.says(v1alpha1.ConditionReady, "True", "Flowing")
}

// held: while nobody answers at the scorer's backend a backlog adds no replicas; once it is scored again, it does.
func (c *cluster) held(k *kafka) {
	c.Helper()
	c.Edit(pipeline, "a server scores that is not there", func(spec *v1alpha1.FeedbackPipelineSpec) {
		spec.Scorer.Backend = v1alpha1.Backend{GRPC: &v1alpha1.GRPCScorer{Address: "127.0.0.1:1"}}
	})
	c.Until("the scorer waits for it, and no replicas are added", clustertest.Patience, func(ctx context.Context) (string, bool) {
		if err := k.produce(ctx, 1); err != nil { // the scorer that was there before may score the first of them
			return err.Error(), false
		}
		is, err := c.Condition(ctx, c.Namespace, pipeline, v1alpha1.ConditionAutoscaling)
		return fmt.Sprintf("%s: %s, %v", is.Reason, is.Message, err), err == nil && is.Reason == "ReplicasHeld"
	})
	c.replicas(1)
	seen := c.follow()
	clustertest.Must(c.T, k.produce(c.Context(), backlog))
	c.Until("the HorizontalPodAutoscaler would have more", clustertest.Patience, func(ctx context.Context) (string, bool) {
		hpa := &autoscalingv2.HorizontalPodAutoscaler{}
		if err := c.Get(ctx, c.Key("keda-hpa-"+scorer), hpa); err != nil {
			return err.Error(), false
		}
		said := ""
		for _, condition := range hpa.Status.Conditions {
			if condition.Type == autoscalingv2.ScalingLimited {
				said = condition.Reason + ": " + condition.Message
			}
		}
		return said, strings.HasPrefix(said, "ScaleUpLimit:")
	})
	c.says(v1alpha1.ConditionAutoscaling, "True", "ReplicasHeld")
	if got := seen(); !slices.Equal(got, []int32{1}) {
		c.Errorf("replicas = %v while the backend is away, want 1 alone", got)
	}
	c.Edit(pipeline, "the scorer scores by itself again", func(spec *v1alpha1.FeedbackPipelineSpec) {
		spec.Scorer.Backend = v1alpha1.Backend{Vader: &v1alpha1.VaderScorer{}}
	})
	c.says(v1alpha1.ConditionAutoscaling, "True", "Autoscaled")
	c.backlog(k)
	c.consumed(k)
	c.replicas(1)
	c.says(v1alpha1.ConditionReady, "True", "Flowing")
}

// suspend stops and resumes the pipeline; KEDA leaves it alone meanwhile.
func (c *cluster) suspend() {
	c.Helper()
	c.Edit(pipeline, "it is suspended", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Suspend = true })
	c.replicas(0)
	c.Until("KEDA is paused", clustertest.Patience, func(ctx context.Context) (string, bool) {
		s := c.object("keda.sh/v1alpha1", "ScaledObject", "", "")
		if err := c.Get(ctx, c.Key(scorer), s); err != nil {
			return err.Error(), false
		}
		is, why := condition(s, "Paused")
		return why, is == "True" && s.GetAnnotations()[desired.AnnotationPaused] == "0"
	})
	seen := c.follow()
	c.says(v1alpha1.ConditionAutoscaling, "True", "Suspended")
	c.Edit(pipeline, "it is resumed", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Suspend = false })
	c.replicas(1)
	c.says(v1alpha1.ConditionAutoscaling, "True", "Autoscaled")
	if got := seen(); !slices.Equal(got, []int32{0, 1}) {
		c.Errorf("replicas = %v while suspended and resumed, want 0 and 1", got)
	}
}

// remove takes autoscaling out of the spec: KEDA lets go, and the scorer has the replicas of the spec.
func (c *cluster) remove() {
	c.Helper()
	c.Edit(pipeline, "autoscaling is removed", func(spec *v1alpha1.FeedbackPipelineSpec) {
		spec.Scorer.Autoscaling, spec.Scorer.Replicas = nil, new(int32(2))
	})
	c.Until("nothing of KEDA is left", clustertest.Patience, func(ctx context.Context) (string, bool) {
		var left []string
		for _, o := range [][2]string{{"keda.sh/v1alpha1", "ScaledObject"}, {"keda.sh/v1alpha1", "TriggerAuthentication"}, {"autoscaling/v2", "HorizontalPodAutoscaler"}} {
			name := map[bool]string{true: "keda-hpa-" + scorer, false: scorer}[o[1] == "HorizontalPodAutoscaler"]
			if err := c.Get(ctx, c.Key(name), c.object(o[0], o[1], "", "")); !apierrors.IsNotFound(err) {
				left = append(left, o[1])
			}
		}
		return fmt.Sprintf("left: %v", left), len(left) == 0
	})
	c.replicas(2)
	c.says(v1alpha1.ConditionReady, "True", "Flowing")
}
