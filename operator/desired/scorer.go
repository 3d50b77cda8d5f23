package desired

import (
	"cmp"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// scorer returns the objects that run p's scorer: a Deployment, and a Service for those who score by gRPC.
func scorer(p *v1alpha1.FeedbackPipeline, o Options) []client.Object {
	w := workload{
		pipeline:  p,
		program:   SentimentScorer,
		name:      ComponentName(p.Name, scorerComponent),
		component: scorerComponent,
		env:       common(p),
		replicas:  p.Spec.Scorer.Replicas,
		strategy:  oneMore(),
		ports:     []corev1.ContainerPort{{Name: "grpc", ContainerPort: grpcPort}},
		requests:  requests("100m", "64Mi"),
	}
	w.env.backend(p.Spec.Scorer.Backend)
	w.env.fallback(p.Spec.Scorer.Fallback)
	w.env.set("GROUP_ID", scorerGroup(p))
	w.env.set("START_OFFSET", string(p.Spec.StartOffset))
	w.env.set("GRPC_LISTEN_ADDRESS", listen(grpcPort))
	switch {
	case o.Autoscaled:
		w.replicas, w.least = nil, leastReplicas(p)
	case p.Spec.Scorer.Autoscaling != nil:
		w.replicas = new(leastReplicas(p))
	}
	grpc := "grpc"
	return []client.Object{
		w.deployment(o),
		w.service(corev1.ServicePort{Name: grpc, Port: grpcPort, AppProtocol: &grpc}),
	}
}

// shadow returns the Deployment that scores the same events beside p's scorer, nothing where there is none. It serves
// nobody: it has no Service, and the program serves no gRPC as a shadow.
func shadow(p *v1alpha1.FeedbackPipeline, o Options) []client.Object {
	s := p.Spec.Scorer.Shadow
	if s == nil {
		return nil
	}
	w := workload{
		pipeline:  p,
		program:   SentimentScorer,
		alias:     ShadowScorer,
		name:      ComponentName(p.Name, shadowComponent),
		component: shadowComponent,
		env:       common(p),
		replicas:  new(max(1, s.Replicas)),
		strategy:  oneMore(),
		requests:  requests("100m", "64Mi"),
	}
	w.env.set("TOPIC_SHADOW", ShadowTopic(p).Name)
	w.env.backend(s.Backend)
	w.env.set("GROUP_ID", ShadowGroup(p).ID)
	w.env.set("START_OFFSET", string(cmp.Or(s.StartOffset, v1alpha1.StartLatest)))
	return []client.Object{w.deployment(o)}
}

// oneMore replaces pods one by one, each only when its successor is ready, so that a bad rollout leaves the last good
// ones running.
func oneMore() appsv1.DeploymentStrategy {
	return appsv1.DeploymentStrategy{
		Type: appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxUnavailable: new(intstr.FromInt32(0)),
			MaxSurge:       new(intstr.FromInt32(1)),
		},
	}
}
