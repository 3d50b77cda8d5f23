package controller

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// kinds are the kinds of objects that a pipeline may have.
func kinds() []client.ObjectList {
	return []client.ObjectList{&appsv1.DeploymentList{}, &corev1.ServiceList{}, &policyv1.PodDisruptionBudgetList{}, &networkingv1.NetworkPolicyList{}}
}

// owned returns all objects of p in the cache, of the kind of list.
func (r *Reconciler) owned(ctx context.Context, p *v1alpha1.FeedbackPipeline, list client.ObjectList) ([]client.Object, error) {
	err := r.List(ctx, list, client.InNamespace(p.Namespace), client.MatchingLabels{desired.LabelInstance: p.Name})
	if err != nil {
		return nil, err
	}
	var own []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		if o, ok := item.(client.Object); ok && metav1.IsControlledBy(o, p) {
			own = append(own, o)
		}
		return nil
	})
	return own, err
}

// prune deletes what the pipeline has and no longer wants.
func (p *pass) prune(ctx context.Context, wanted []client.Object) error {
	keep := map[string]bool{}
	for _, o := range wanted {
		keep[fmt.Sprintf("%T/%s", o, o.GetName())] = true
	}
	for _, list := range kinds() {
		own, err := p.owned(ctx, p.pipeline, list)
		if err != nil {
			return fmt.Errorf("list what to prune: %w", err)
		}
		for _, o := range own {
			if keep[fmt.Sprintf("%T/%s", o, o.GetName())] || !o.GetDeletionTimestamp().IsZero() {
				continue
			}
			uid := o.GetUID()
			err := p.Delete(ctx, o, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("delete %T %s, which is no longer in the spec: %w", o, o.GetName(), err)
			}
		}
	}
	return nil
}
