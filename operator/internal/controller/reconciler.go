// Package controller makes a cluster and a Kafka what a FeedbackPipeline says, and says in its status what they are.
//
// It guarantees: what is as desired is not written again; on an error the last good state keeps running; nothing that
// it does not own is adopted, altered or deleted.
package controller

import (
	"context"
	"errors"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

const (
	// FieldOwner is who owns what the operator applies.
	FieldOwner = "feedback-pipeline-operator"
	// Finalizer stands on pipelines with deletionPolicy Delete.
	Finalizer = "feedbackpipeline.dev/topics"

	// period is how often a pipeline is looked at without a reason.
	period = 10 * time.Second
	// kafkaTimeout bounds what one pass asks of Kafka.
	kafkaTimeout = 15 * time.Second
	// workers is how many pipelines are looked at at the same time.
	workers = 8
)

// Reconciler reconciles FeedbackPipelines.
type Reconciler struct {
	// Client reads its own kinds from a cache and writes. Live reads from the API server.
	client.Client
	Live client.Reader
	// Options are the images and what else Render needs.
	Options desired.Options
	// HashKey makes the hashes of Secrets on pods worthless to those who don't know it.
	HashKey []byte
	Events  events.EventRecorder
	Now     func() time.Time

	clients  clients
	secrets  references
	memories memories
	keda     keda
}

// Register adds r to a manager.
func (r *Reconciler) Register(mgr ctrl.Manager) error {
	changed := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.FeedbackPipeline{}, builder.WithPredicates(changed)).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Owns(&networkingv1.NetworkPolicy{}).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, time.Minute),
		}).
		Complete(r)
}

// Reconcile looks at one pipeline: deleted? -> finalizer -> suspended? -> topics -> workloads -> status.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	p := &v1alpha1.FeedbackPipeline{}
	if err := r.Get(ctx, req.NamespacedName, p); err != nil {
		return reconcile.Result{}, r.forget(ctx, req.NamespacedName, err)
	}
	if !p.DeletionTimestamp.IsZero() {
		return r.finish(ctx, p)
	}
	if err := r.holdFinalizer(ctx, p); err != nil {
		return reconcile.Result{}, err
	}

	pass := r.begin(p)
	want := pass.desire(ctx)
	if want != nil && !p.Spec.Suspend {
		pass.topics(ctx, want)
	}
	var err error
	if want != nil && pass.safe() {
		err = errors.Join(pass.workloads(ctx, want.Objects), pass.autoscale(ctx))
	}
	err = errors.Join(err, pass.observe(ctx, want))
	pass.flow(ctx)
	return pass.result(), errors.Join(err, pass.report(ctx))
}

// forget drops what is known of a pipeline that has gone.
func (r *Reconciler) forget(ctx context.Context, name types.NamespacedName, err error) error {
	if !apierrors.IsNotFound(err) {
		return err
	}
	r.release(ctx, name)
	return nil
}

// pass is one look at a pipeline.
type pass struct {
	*Reconciler
	pipeline *v1alpha1.FeedbackPipeline
	memory   *memory
	saw      status.Observation
	scalers  *scalers // nil where they were not read in this pass
}

func (r *Reconciler) begin(p *v1alpha1.FeedbackPipeline) *pass {
	return &pass{Reconciler: r, pipeline: p, memory: r.memories.of(client.ObjectKeyFromObject(p), r.Now()), saw: status.Observation{Now: r.Now()}}
}

// desire returns what the pipeline asks for, nil where it cannot be had.
func (p *pass) desire(ctx context.Context) *desired.Result {
	options := p.Options
	options.Autoscaled = p.autoscaled(ctx)
	want, err := desired.Render(p.pipeline, options)
	if err != nil {
		p.saw.Refused = &status.Problem{Reason: status.ReasonInvalid, Message: err.Error()}
		return nil
	}
	if err := p.stamp(ctx, want.Objects); err != nil {
		p.saw.Refused = problemOf(err)
		return nil
	}
	want.Objects = append(want.Objects, desired.Guards(p.pipeline, deployments(nil, &want))...)
	return &want
}

// safe tells whether workloads may be applied: suspended ones always, others when the topics are theirs and there. A
// shrink that is refused does not hold them back, a Kafka that does not answer does.
func (p *pass) safe() bool {
	t := p.saw.Topics
	return p.pipeline.Spec.Suspend || (t != nil && !t.Unreachable && (t.Problem == nil || p.memory.usable))
}

// result says when to look again.
func (p *pass) result() reconcile.Result {
	return reconcile.Result{RequeueAfter: max(time.Second, min(period, p.memory.retryIn(p.Now())))}
}
