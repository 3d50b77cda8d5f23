package desired

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// The kinds of KEDA that Autoscaling returns.
var (
	ScaledObject          = schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"}
	TriggerAuthentication = schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "TriggerAuthentication"}
)

const (
	scorerComponent = "scorer"
	shadowComponent = "shadow"

	// AnnotationAutoscaled stands on the scorer's Deployment while its replicas are an autoscaler's. Its value is the least
	// number of them.
	AnnotationAutoscaled = "feedbackpipeline.dev/autoscaled"
	// AnnotationPaused is KEDA's: it sets the replicas to the annotation's value and leaves them there.
	AnnotationPaused = "autoscaling.keda.sh/paused-replicas"
)

// AutoscalingName is the name of p's ScaledObject, TriggerAuthentication and scorer.
func AutoscalingName(p *v1alpha1.FeedbackPipeline) string {
	return ComponentName(p.Name, scorerComponent)
}

// AutoscalerName is the name of the HorizontalPodAutoscaler that KEDA makes of p's ScaledObject.
func AutoscalerName(p *v1alpha1.FeedbackPipeline) string { return "keda-hpa-" + AutoscalingName(p) }

// Autoscaling returns what sets the replicas of p's scorer on a cluster with KEDA: a TriggerAuthentication, if Kafka
// asks for credentials or certificates, and a ScaledObject. Without spec.scorer.autoscaling it returns nothing. With held
// no replicas are added, whatever the lag: those that there are wait for what more of them would wait for as well.
func Autoscaling(p *v1alpha1.FeedbackPipeline, held bool) []*unstructured.Unstructured {
	if p.Spec.Scorer.Autoscaling == nil {
		return nil
	}
	parameters := credentials(p.Spec.Kafka)
	if len(parameters) == 0 {
		return []*unstructured.Unstructured{scaledObject(p, false, held)}
	}
	auth := kedaObject(p, TriggerAuthentication, parameters)
	return []*unstructured.Unstructured{auth, scaledObject(p, true, held)}
}

// leastReplicas is what the scorer runs with where nothing sets its replicas by its lag.
func leastReplicas(p *v1alpha1.FeedbackPipeline) int32 {
	if a := p.Spec.Scorer.Autoscaling; a != nil {
		return max(1, a.MinReplicas)
	}
	return 1
}

// mostReplicas is what the scorer may come to by autoscaling; 0 without.
func mostReplicas(p *v1alpha1.FeedbackPipeline) int32 {
	a := p.Spec.Scorer.Autoscaling
	switch {
	case a == nil:
		return 0
	case a.MaxReplicas != nil:
		return *a.MaxReplicas
	}
	return max(p.Spec.Topics.Partitions, leastReplicas(p))
}

func kedaObject(p *v1alpha1.FeedbackPipeline, kind schema.GroupVersionKind, spec map[string]any) *unstructured.Unstructured {
	labels := pipelineLabels(p)
	labels[labelName] = SentimentScorer
	labels[labelComponent] = scorerComponent
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetGroupVersionKind(kind)
	u.SetName(AutoscalingName(p))
	u.SetNamespace(p.Namespace)
	u.SetLabels(labels)
	return u
}

// scaledObject asks for as many replicas as the lag asks for. KEDA's kafka trigger is used, not apache-kafka, which is
// experimental and takes the offset of a partition that it may not read for the lag.
func scaledObject(p *v1alpha1.FeedbackPipeline, authenticated, held bool) *unstructured.Unstructured {
	trigger := map[string]any{"type": "kafka", "name": "lag", "metadata": lagTrigger(p)}
	if authenticated {
		trigger["authenticationRef"] = map[string]any{"kind": TriggerAuthentication.Kind, "name": AutoscalingName(p)}
	}
	behavior := map[string]any{
		"scaleDown": map[string]any{"stabilizationWindowSeconds": int64(p.Spec.Scorer.Autoscaling.ScaleDownAfter.Seconds())},
	}
	if held {
		behavior["scaleUp"] = map[string]any{"selectPolicy": "Disabled"}
	}
	u := kedaObject(p, ScaledObject, map[string]any{
		"scaleTargetRef":  map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": AutoscalingName(p)},
		"minReplicaCount": int64(leastReplicas(p)),
		"maxReplicaCount": int64(mostReplicas(p)),
		"advanced":        map[string]any{"horizontalPodAutoscalerConfig": map[string]any{"behavior": behavior}},
		"triggers":        []any{trigger},
	})
	if p.Spec.Suspend {
		u.SetAnnotations(map[string]string{AnnotationPaused: "0"})
	}
	return u
}

// Held tells whether a live ScaledObject adds no replicas.
func Held(live *unstructured.Unstructured) bool {
	policy, _, _ := unstructured.NestedString(live.Object, "spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp", "selectPolicy")
	return policy == "Disabled"
}

// lagTrigger is the metadata of KEDA's kafka trigger. limitToPartitionsWithLag keeps replicas from standing idle where
// few partitions have lag, and more than the topic's partitions KEDA never asks for.
func lagTrigger(p *v1alpha1.FeedbackPipeline) map[string]any {
	kafka := p.Spec.Kafka
	trigger := map[string]any{
		"bootstrapServers":         strings.Join(kafka.BootstrapServers, ","),
		"consumerGroup":            scorerGroup(p),
		"topic":                    names(Topics(p))[RoleFeedback],
		"lagThreshold":             strconv.FormatInt(p.Spec.Scorer.Autoscaling.LagThreshold, 10),
		"offsetResetPolicy":        strings.ToLower(string(p.Spec.StartOffset)),
		"limitToPartitionsWithLag": "true",
	}
	if kafka.TLS != nil {
		trigger["tls"] = "enable"
	}
	if kafka.SASL != nil {
		trigger["sasl"] = saslTypes[kafka.SASL.Mechanism]
	}
	return trigger
}

// saslTypes are KEDA's words for mechanisms.
var saslTypes = map[string]string{"PLAIN": "plaintext", "SCRAM-SHA-256": "scram_sha256", "SCRAM-SHA-512": "scram_sha512"}

// credentials is the spec of a TriggerAuthentication: the parameters of the kafka trigger that stand in Secrets and
// ConfigMaps. They are the ones that the programs take as variables.
func credentials(k v1alpha1.Kafka) map[string]any {
	var e environment
	e.kafka(k)
	spec := map[string]any{}
	for _, v := range e {
		parameter, known := parameters[v.Name]
		if ref, ok := reference(v.ValueFrom); ok && known {
			list := map[string]string{KindSecret: "secretTargetRef", KindConfigMap: "configMapTargetRef"}[ref.Kind]
			all, _ := spec[list].([]any)
			spec[list] = append(all, map[string]any{"parameter": parameter, "name": ref.Name, "key": ref.Key})
		}
	}
	return spec
}

// parameters are the kafka trigger's, by the variables of the programs.
var parameters = map[string]string{
	"KAFKA_SASL_USERNAME": "username", "KAFKA_SASL_PASSWORD": "password",
	"KAFKA_TLS_CA": "ca", "KAFKA_TLS_CERTIFICATE": "cert", "KAFKA_TLS_KEY": "key",
}

// several tells whether a component of p with so many replicas, nil where they are left out, has more than one or may
// come to have by autoscaling. One that is suspended has not.
func several(p *v1alpha1.FeedbackPipeline, component string, replicas *int32) bool {
	if component == scorerComponent && mostReplicas(p) > 1 {
		return replicas == nil || *replicas > 0
	}
	return replicas != nil && *replicas > 1
}
