package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

const (
	// patience is how long a pipeline that is deleted waits for its topics to be deleted.
	patience = time.Minute
	// lastTries is how long it waits at least, however long ago its namespace was deleted.
	lastTries = 10 * time.Second
	// finishPeriod is how often that is tried.
	finishPeriod = 2 * time.Second
	// finishTimeout bounds one try: the next pipeline that is deleted while Kafka answers nothing has its turn in time.
	finishTimeout = 5 * time.Second
	// withdrawTimeout bounds the last word to Kafka of a pipeline that has gone.
	withdrawTimeout = 5 * time.Second
)

// holdFinalizer puts the finalizer on pipelines whose topics are to be deleted with them, and takes it off others.
func (r *Reconciler) holdFinalizer(ctx context.Context, p *v1alpha1.FeedbackPipeline) error {
	old := p.DeepCopy()
	changed := false
	if deletes(p) {
		changed = controllerutil.AddFinalizer(p, Finalizer)
	} else {
		changed = controllerutil.RemoveFinalizer(p, Finalizer)
	}
	if !changed {
		return nil
	}
	return r.Patch(ctx, p, client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{}))
}

func deletes(p *v1alpha1.FeedbackPipeline) bool {
	return p.Spec.Topics.DeletionPolicy == v1alpha1.DeletionDelete && p.Spec.Topics.Management != v1alpha1.TopicsUnmanaged
}

// finish deletes the topics and groups of a pipeline that is being deleted, once its workloads have stopped. After a
// minute at most the pipeline goes, whatever is left.
func (r *Reconciler) finish(ctx context.Context, p *v1alpha1.FeedbackPipeline) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(p, Finalizer) {
		return reconcile.Result{}, nil
	}
	if deletes(p) {
		left := deadline(p.DeletionTimestamp.Time, r.namespaceDeleted(ctx, p.Namespace)).Sub(r.Now())
		kept, err := r.begin(p).cleanUp(ctx, left)
		switch {
		case err != nil && left > 0:
			log.FromContext(ctx).Info("waits to delete the topics", "reason", err.Error(), "left", left.Round(time.Second).String())
			return reconcile.Result{RequeueAfter: min(finishPeriod, left)}, nil
		case err != nil:
			log.FromContext(ctx).Error(err, "topics are left behind; delete them by hand", "prefix", desired.Prefix(p))
			leftBehind.Inc()
			r.event(p, corev1.EventTypeWarning, "TopicsLeftBehind", fmt.Sprintf("topics and groups of %s could not be deleted within %s, delete them by hand: %v", desired.Prefix(p), patience, err))
		case kept != "":
			r.event(p, corev1.EventTypeNormal, "TopicsKept", "topics and groups of "+desired.Prefix(p)+" stay: "+kept)
		default:
			r.event(p, corev1.EventTypeNormal, "TopicsDeleted", "topics and groups of "+desired.Prefix(p)+" are deleted")
		}
	}
	r.memories.of(client.ObjectKeyFromObject(p), r.Now()).finished = true
	old := p.DeepCopy()
	controllerutil.RemoveFinalizer(p, Finalizer)
	return reconcile.Result{}, client.IgnoreNotFound(r.Patch(ctx, p, client.MergeFrom(old)))
}

// namespaceDeleted is when the namespace was deleted; zero if it was not, or that cannot be seen.
func (r *Reconciler) namespaceDeleted(ctx context.Context, name string) time.Time {
	ns := &corev1.Namespace{}
	if err := r.Live.Get(ctx, types.NamespacedName{Name: name}, ns); err != nil || ns.DeletionTimestamp == nil {
		return time.Time{}
	}
	return ns.DeletionTimestamp.Time
}

// deadline is when a pipeline goes, whatever is left. Kubernetes ends all pods of a namespace that is deleted before it
// deletes anything else there, and they may take half a minute to drain: that counts as waiting.
func deadline(deleted, namespace time.Time) time.Time {
	end := deleted.Add(patience)
	if namespace.IsZero() {
		return end
	}
	sooner := namespace.Add(patience)
	if least := deleted.Add(lastTries); sooner.Before(least) {
		sooner = least
	}
	if sooner.Before(end) {
		return sooner
	}
	return end
}

// cleanUp: workloads stopped -> topics and groups deleted, the state topic last, since it holds the claim. Its error
// is what is still to be waited for; kept is why there is nothing to delete, empty where all is deleted. It takes no
// longer than left, and a moment at least.
func (p *pass) cleanUp(ctx context.Context, left time.Duration) (kept string, err error) {
	if err := p.stop(ctx); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, max(time.Second, min(left, finishTimeout)))
	defer cancel()
	m := p.memory
	if err := p.connect(ctx); err != nil && m.client == nil { // credentials that we still have may outlive their Secret
		return "", err
	}
	all, _ := apart(desired.Topics(p.pipeline))
	state := all[len(all)-1]
	live, err := m.client.Describe(ctx, names(all)...)
	if err != nil {
		return "", err
	}
	switch _, exists := live[state.Name]; {
	case len(live) == 0:
		return "", nil
	case !exists:
		return fmt.Sprintf("without topic %s nothing says whose they are", state.Name), nil
	}
	_, other, err := p.claim(ctx, all, live)
	switch {
	case err != nil:
		return "", err
	case other != nil:
		return "they are another pipeline's", m.client.Append(ctx, m.books.topic, m.owner.Key(), nil)
	}
	return "", p.deleteAll(ctx, all[:len(all)-1], state)
}

func (p *pass) deleteAll(ctx context.Context, data []desired.Topic, state desired.Topic) error {
	errs := []error{p.deleteShadow(ctx)}
	for _, g := range desired.Groups(p.pipeline) {
		if !g.Shadow {
			errs = append(errs, p.memory.client.DeleteGroup(ctx, g.ID))
		}
	}
	for _, t := range data {
		if t.Managed {
			errs = append(errs, p.memory.client.DeleteTopic(ctx, t.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if state.Managed {
		return p.memory.client.DeleteTopic(ctx, state.Name)
	}
	return p.withdraw(ctx)
}

// withdraw takes the claim and what was set out of the state topic.
func (p *pass) withdraw(ctx context.Context) error {
	m := p.memory
	return errors.Join(
		m.client.Append(ctx, m.books.topic, topics.AppliedKey, nil),
		m.client.Append(ctx, m.books.topic, m.owner.Key(), nil),
	)
}

// stop deletes the Deployments, and waits until none of their pods is left: it would write to the topics again.
func (p *pass) stop(ctx context.Context) error {
	own, err := p.owned(ctx, p.pipeline, &appsv1.DeploymentList{})
	if err != nil {
		return err
	}
	for _, d := range own {
		if !d.GetDeletionTimestamp().IsZero() {
			continue
		}
		if err := client.IgnoreNotFound(p.Delete(ctx, d, client.PropagationPolicy(metav1.DeletePropagationBackground))); err != nil {
			return fmt.Errorf("stop %s: %w", d.GetName(), err)
		}
	}
	pods, err := p.pods(ctx)
	if err != nil {
		return err
	}
	if len(pods) > 0 {
		return fmt.Errorf("%d pods still run, %s among them", len(pods), pods[0].Name)
	}
	return nil
}

// release withdraws the claim of a pipeline that has gone and left its topics, and forgets the pipeline. It is done
// as well as may be: a claim that stays is the same pipeline's when it is made anew.
func (r *Reconciler) release(ctx context.Context, name types.NamespacedName) {
	m := r.memories.drop(name)
	if m == nil || m.client == nil {
		return
	}
	defer r.clients.release(m.settings)
	if _, claimed := m.books.claims[m.owner.Key()]; !claimed || m.finished {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, withdrawTimeout)
	defer cancel()
	if err := m.client.Append(ctx, m.books.topic, m.owner.Key(), nil); err != nil {
		log.FromContext(ctx).Info("the claim on the topics stays; it is void for the same pipeline made anew", "topic", m.books.topic, "reason", err.Error())
	}
}
