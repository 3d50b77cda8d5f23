package desired

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// Guards returns what protects the workloads of p on a cluster, and what a machine alone has no use for: a
// NetworkPolicy, and a PodDisruptionBudget for each of deployments that has several replicas or may come to have.
func Guards(p *v1alpha1.FeedbackPipeline, deployments []*appsv1.Deployment) []client.Object {
	guards := []client.Object{networkPolicy(p)}
	for _, d := range deployments {
		if several(p, d.Labels[labelComponent], d.Spec.Replicas) {
			guards = append(guards, budget(d))
		}
	}
	return guards
}

// budget lets a drain take one of d's pods at a time.
func budget(d *appsv1.Deployment) client.Object {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: metav1.ObjectMeta{Name: d.Name, Namespace: d.Namespace, Labels: d.Labels},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable:             new(intstr.FromInt32(1)),
			Selector:                   d.Spec.Selector,
			UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
		},
	}
}

// networkPolicy lets in only what the pods serve: probes and metrics, and gRPC and Slack's events where a container
// has a port of that name. What goes out is not restricted: to Kafka, Slack and X it goes anywhere.
func networkPolicy(p *v1alpha1.FeedbackPipeline) client.Object {
	labels := pipelineLabels(p)
	labels[labelComponent] = "guard"
	var ports []networkingv1.NetworkPolicyPort
	for _, name := range []string{"metrics", "grpc", "events"} {
		ports = append(ports, networkingv1.NetworkPolicyPort{Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromString(name))})
	}
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: ComponentName(p.Name, "ingress"), Namespace: p.Namespace, Labels: labels},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{LabelInstance: p.Name, LabelPartOf: labels[LabelPartOf]}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: ports}},
		},
	}
}
