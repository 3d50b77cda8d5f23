package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// kedaPoll is how old what was read of KEDA's objects, or that there is no KEDA, may be. Nothing is watched: a watch of
// a kind that is not installed would fail for ever, and one begun once outlives KEDA's removal.
const kedaPoll = 30 * time.Second

var errNoKEDA = errors.New("KEDA is not installed")

// keda is when KEDA was last found missing. All pipelines share it, so that a cluster without it is asked every 30 s
// for all of them. The zero value is ready for use.
type keda struct {
	mu      sync.Mutex
	missing time.Time
}

func (k *keda) isMissing(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.missing.IsZero() && now.Sub(k.missing) < kedaPoll
}

func (k *keda) lost(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.missing = now
}

// scaling is what the operator keeps of a pipeline's autoscaling between two passes.
type scaling struct {
	looked     time.Time
	generation int64
	// settled is true where KEDA's objects were as desired, and KEDA had said what it makes of them; none where there
	// are none and none are wanted.
	settled, none bool
	// held is true where the scorer's replicas are KEDA's.
	held bool
	// waits is true where more replicas would not score more, see holds; taken once what an operator that ran before left
	// in the ScaledObject was taken over. scoring is since when the scorer says, without a break, that it does not wait.
	waits, taken bool
	scoring      time.Time
	saw          *status.Autoscaling
}

// scalers are a pipeline's objects of KEDA as they were read in this pass.
type scalers struct {
	live map[schema.GroupVersionKind]*unstructured.Unstructured
	hpa  *autoscalingv2.HorizontalPodAutoscaler // KEDA's; nil where there is none
	err  error
}

// kedaKinds are in the order in which they are applied.
func kedaKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{desired.TriggerAuthentication, desired.ScaledObject}
}

// autoscaled tells whether the scorer's replicas are KEDA's: where KEDA is there and they shall be, and until a
// ScaledObject that is no longer wanted has gone. Where that cannot be seen, they are left alone.
func (p *pass) autoscaled(ctx context.Context) bool {
	m, wanted := &p.memory.scaling, p.pipeline.Spec.Scorer.Autoscaling != nil
	p.saw.Autoscaling = m.saw
	if m.none && !wanted {
		return false
	}
	waits := p.holds()
	if m.settled && waits == m.waits && m.generation == p.pipeline.Generation && p.Now().Sub(m.looked) < kedaPoll {
		return m.held
	}
	p.scalers, m.settled = p.look(ctx), false
	if object := p.scalers.live[desired.ScaledObject]; !m.taken && (object != nil || p.scalers.err == nil) {
		m.taken = true
		waits = waits || object != nil && desired.Held(object) && !p.scores()
	}
	m.waits = waits
	m.looked, m.generation = p.Now(), p.pipeline.Generation
	switch object := p.scalers.live[desired.ScaledObject]; {
	case errors.Is(p.scalers.err, errNoKEDA):
		m.held = false
	case wanted:
		m.held = true
	case p.scalers.err == nil:
		m.held = object != nil && metav1.IsControlledBy(object, p.pipeline)
	}
	return m.held
}

// releaseAfter is for how long the scorer has to say that it does not wait before KEDA may add replicas again: a replica that
// has just started, or a backend that answers now and then, says so for a moment.
const releaseAfter = time.Minute

// holds tells whether KEDA shall add no replicas: at once where the scorer waits, and no longer where it has scored for
// releaseAfter. Until then, and while the scorer says nothing, it is as it was.
func (p *pass) holds() bool {
	m := &p.memory.scaling
	waits, known := p.scorerWaits()
	switch {
	case waits || !known:
		m.scoring = time.Time{}
	case m.scoring.IsZero():
		m.scoring = p.Now()
	}
	return waits || m.waits && !p.scores()
}

// scores tells whether the scorer has said for releaseAfter that it does not wait.
func (p *pass) scores() bool {
	since := p.memory.scaling.scoring
	return !since.IsZero() && p.Now().Sub(since) >= releaseAfter
}

// scorerWaits tells whether the scorer says that it scores nothing for a reason that more replicas would meet as well: its
// backend fails, throttles or does not answer, or a budget that all replicas share is spent. Not known is what the scorer
// has not said lately, or while such a failure may pass.
func (p *pass) scorerWaits() (waits, known bool) {
	c, said := p.memory.books.components(p.Now())[desired.SentimentScorer]
	if !said || c.Gone || p.Now().Sub(c.Seen) > status.Stale {
		return false, false
	}
	if !slices.Contains([]string{"BudgetSpent", "BackendFailed", "BackendThrottles", "BackendNotAnswering"}, c.Reason) {
		return false, true
	}
	return c.State == v1alpha1.SourceFailed, c.State == v1alpha1.SourceFailed
}

// look reads the pipeline's objects of KEDA.
func (p *pass) look(ctx context.Context) *scalers {
	s := &scalers{live: map[schema.GroupVersionKind]*unstructured.Unstructured{}}
	if p.keda.isMissing(p.Now()) {
		s.err = errNoKEDA
		return s
	}
	for _, kind := range kedaKinds() {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(kind)
		err := p.Live.Get(ctx, types.NamespacedName{Namespace: p.pipeline.Namespace, Name: desired.AutoscalingName(p.pipeline)}, live)
		switch {
		case notInstalled(err):
			p.keda.lost(p.Now())
			s.err = errNoKEDA
			return s
		case apierrors.IsNotFound(err):
		case err != nil:
			s.err = fmt.Errorf("read %s %s: %w", kind.Kind, desired.AutoscalingName(p.pipeline), err)
			return s
		default:
			s.live[kind] = live
		}
	}
	if p.pipeline.Spec.Scorer.Autoscaling != nil && s.live[desired.ScaledObject] != nil {
		s.hpa, s.err = p.autoscaler(ctx)
	}
	return s
}

// notInstalled tells whether err is that the API server knows no such kind, rather than no such object.
func notInstalled(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// autoscale makes KEDA's objects what the spec asks for, if they were read in this pass, and notes how autoscaling is.
func (p *pass) autoscale(ctx context.Context) error {
	m, s := &p.memory.scaling, p.scalers
	if s == nil {
		return nil
	}
	wanted := map[schema.GroupVersionKind]*unstructured.Unstructured{}
	for _, o := range desired.Autoscaling(p.pipeline, m.waits) {
		wanted[o.GroupVersionKind()] = o
	}
	asked, changed := len(wanted) > 0, false
	err := s.err
	for _, kind := range kedaKinds() {
		if err != nil {
			break
		}
		var did bool
		did, err = p.scaler(ctx, wanted[kind], s.live[kind])
		changed = changed || did
	}
	m.saw = p.scalingSeen(asked, s, err)
	m.settled = err == nil && !changed && m.saw != nil && !m.saw.Pending
	m.none = !asked && m.saw == nil && (err == nil && !changed || errors.Is(err, errNoKEDA) || apierrors.IsForbidden(err))
	p.saw.Autoscaling = m.saw
	if errors.Is(err, errNoKEDA) || !asked && apierrors.IsForbidden(err) {
		return nil
	}
	return retriable(err)
}

// scaler makes one live object what is wanted, either of them perhaps nil, and tells whether it had to write.
func (p *pass) scaler(ctx context.Context, wanted, live *unstructured.Unstructured) (bool, error) {
	ours := live != nil && metav1.IsControlledBy(live, p.pipeline)
	switch {
	case wanted == nil && (!ours || live.GetDeletionTimestamp() != nil):
		return ours, nil // KEDA has a finalizer on it: it is looked at again until it has gone
	case wanted == nil:
		uid := live.GetUID()
		err := p.Delete(ctx, live, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground), client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return true, fmt.Errorf("delete %s %s, which is no longer in the spec: %w", live.GetKind(), live.GetName(), err)
		}
		return true, nil
	case live != nil && !ours:
		return false, conflictOf(live.GetKind(), live)
	}
	want, err := p.applied(wanted)
	if err != nil || live != nil && converged(want, live) {
		return false, err
	}
	if err := p.send(ctx, want, FieldOwner); err != nil {
		return true, fmt.Errorf("apply %s %s: %w", wanted.GetKind(), wanted.GetName(), err)
	}
	return true, nil
}

// scalingSeen is how autoscaling is; nil where it is not asked for and nothing of it is left.
func (p *pass) scalingSeen(asked bool, s *scalers, err error) *status.Autoscaling {
	object, name := s.live[desired.ScaledObject], desired.AutoscalingName(p.pipeline)
	switch {
	case !asked && (object == nil || !metav1.IsControlledBy(object, p.pipeline)):
		return nil
	case !asked:
		return &status.Autoscaling{Problem: &status.Problem{Reason: status.ReasonScalerStays,
			Message: fmt.Sprintf("ScaledObject %s is being deleted and waits for KEDA, whose finalizer is on it; see whether KEDA runs. Until then the scorer's replicas stay", name)}}
	case errors.Is(err, errNoKEDA):
		return &status.Autoscaling{Problem: &status.Problem{Reason: status.ReasonNoKEDA,
			Message: fmt.Sprintf("KEDA is not installed, so the scorer runs with %d replicas (minReplicas); install it, and the pipeline goes on by itself", max(1, p.pipeline.Spec.Scorer.Autoscaling.MinReplicas))}}
	case err != nil:
		return &status.Autoscaling{Problem: problemOf(err)}
	}
	seen := &status.Autoscaling{Pending: true, Name: name, Held: p.memory.scaling.waits}
	if object == nil {
		return seen
	}
	switch ready, message := kedaCondition(object, "Ready"); ready {
	case string(metav1.ConditionTrue):
		seen.Pending = s.hpa == nil && !p.pipeline.Spec.Suspend // KEDA makes it, and takes it away while it is paused
		if s.hpa != nil {
			seen.Problem = inactive(s.hpa, p.Now())
		}
	case string(metav1.ConditionFalse):
		seen.Pending = false
		seen.Problem = &status.Problem{Reason: status.ReasonScalerFails, Message: fmt.Sprintf("KEDA says: %s; see kubectl describe scaledobject %s", message, name)}
	}
	return seen
}

// kedaCondition is the status and the message of one condition of a ScaledObject, both empty where it is not there.
func kedaCondition(object *unstructured.Unstructured, kind string) (is, message string) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if fields, ok := c.(map[string]any); ok && fields["type"] == kind {
			is, _ = fields["status"].(string)
			message, _ = fields["message"].(string)
		}
	}
	return is, message
}
