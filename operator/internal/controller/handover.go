package controller

import (
	"context"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// replicasOwner owns a Deployment's replicas from when the operator leaves them to an autoscaler until that first
// changes them.
const replicasOwner = FieldOwner + "-replicas"

// handOver gives a Deployment's replicas to an autoscaler, or takes them back, before want is applied. An applier that
// leaves out a field that it alone owns removes it, and the API server would put 1 there.
func (p *pass) handOver(ctx context.Context, want, live *unstructured.Unstructured) error {
	if _, kept, _ := unstructured.NestedFieldNoCopy(want.Object, "spec", "replicas"); kept || want.GetKind() != "Deployment" {
		return nil
	}
	least, autoscaled := want.GetAnnotations()[desired.AnnotationAutoscaled]
	replicas, err := strconv.ParseInt(least, 10, 32)
	switch {
	case autoscaled && err != nil:
		return fmt.Errorf("annotation %s of Deployment %s: %w", desired.AnnotationAutoscaled, want.GetName(), err)
	case autoscaled && live == nil:
		return unstructured.SetNestedField(want.Object, replicas, "spec", "replicas") // to begin with
	case autoscaled:
		return p.giveReplicas(ctx, want, replicas)
	case live != nil && live.GetAnnotations()[desired.AnnotationAutoscaled] != "":
		back := want.DeepCopy()
		if err := unstructured.SetNestedField(back.Object, int64(1), "spec", "replicas"); err != nil {
			return err
		}
		return p.send(ctx, back, FieldOwner)
	}
	return nil
}

// giveReplicas gives the replicas that a Deployment has, and least at least, to replicasOwner.
func (p *pass) giveReplicas(ctx context.Context, want *unstructured.Unstructured, least int64) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live := &appsv1.Deployment{}
		if err := p.Live.Get(ctx, types.NamespacedName{Namespace: want.GetNamespace(), Name: want.GetName()}, live); err != nil {
			return err
		}
		replicas := least
		if live.Spec.Replicas != nil {
			replicas = max(least, int64(*live.Spec.Replicas))
		}
		given := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"replicas": replicas}}}
		given.SetGroupVersionKind(want.GroupVersionKind())
		given.SetNamespace(live.Namespace)
		given.SetName(live.Name)
		given.SetResourceVersion(live.ResourceVersion) // or it would undo what an autoscaler does meanwhile
		return p.send(ctx, given, replicasOwner)
	})
}

// elastic makes w, of which an autoscaler sets the replicas, done while that goes on: with its least replicas, all of
// them of the newest spec. That the Deployment controller has not yet seen a number of replicas is no rollout.
func (p *pass) elastic(w *status.Workload, live *appsv1.Deployment) {
	if live == nil || live.Annotations[desired.AnnotationAutoscaled] == "" {
		return
	}
	w.Asked = w.Wanted
	applied := live.Annotations[annotationApplied]
	if w.Observed {
		p.memory.rolledOut = applied
	}
	w.Observed = p.memory.rolledOut == applied
	if least, err := strconv.ParseInt(live.Annotations[desired.AnnotationAutoscaled], 10, 32); err == nil {
		w.Wanted = min(w.Wanted, int32(least))
	}
	w.Elastic = true
}
