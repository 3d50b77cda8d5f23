package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// StuckAfter is how long a group may have lag and commit nothing before it is taken for stuck.
const StuckAfter = 2 * time.Minute

// Derive returns p's status as o shows it. What o cannot see keeps, for HoldDown, what p's status says of it.
func Derive(p *v1alpha1.FeedbackPipeline, o Observation) v1alpha1.FeedbackPipelineStatus {
	d := derivation{p: p, o: o, next: *p.Status.DeepCopy()}
	d.next.ObservedGeneration = p.Generation
	topics := d.topics()
	workloads := d.workloads()
	d.flow()
	sources := d.sources()
	notifier := d.notifier()
	d.set(v1alpha1.ConditionTopicsReady, topics)
	d.set(v1alpha1.ConditionWorkloadsReady, workloads)
	d.set(v1alpha1.ConditionSourcesHealthy, sources)
	d.set(v1alpha1.ConditionNotifierHealthy, notifier)
	d.set(v1alpha1.ConditionReady, d.ready(topics, workloads, sources, notifier))
	d.abnormal(v1alpha1.ConditionShadowHealthy, d.shadow())
	d.abnormal(v1alpha1.ConditionAutoscaling, d.autoscaling())
	d.abnormal(v1alpha1.ConditionReconciling, d.reconciling(topics, workloads, sources, notifier))
	d.abnormal(v1alpha1.ConditionStalled, d.stalled())
	return d.next
}

type derivation struct {
	p    *v1alpha1.FeedbackPipeline
	o    Observation
	next v1alpha1.FeedbackPipelineStatus
}

// verdict is what a condition says.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
	// degraded is true where feedback flows, but late or in part: such a verdict leaves Ready True.
	degraded bool
	// unready is true where nothing but pods that say that they are not ready stands against the workloads. What they
	// say of themselves is the reason then, if they say it.
	unready bool
}

func good(reason, message string) verdict {
	return verdict{status: metav1.ConditionTrue, reason: reason, message: message}
}

func bad(reason, message string) verdict {
	return verdict{status: metav1.ConditionFalse, reason: reason, message: message}
}

func unknown(reason, message string) verdict {
	return verdict{status: metav1.ConditionUnknown, reason: reason, message: message}
}

func (p Problem) verdict() verdict { return bad(p.Reason, p.Message) }

// was is what the condition said last; not ok where it never spoke or did not know.
func (d *derivation) was(condition string) (verdict, bool) {
	c := meta.FindStatusCondition(d.p.Status.Conditions, condition)
	if c == nil || c.Status == metav1.ConditionUnknown {
		return verdict{}, false
	}
	return verdict{status: c.Status, reason: c.Reason, message: c.Message}, true
}

func (d *derivation) set(condition string, v verdict) {
	meta.SetStatusCondition(&d.next.Conditions, metav1.Condition{
		Type: condition, Status: v.status, Reason: v.reason, Message: clip(v.message, 1024),
		ObservedGeneration: d.p.Generation, LastTransitionTime: metav1.NewTime(d.o.Now),
	})
}

// abnormal sets a condition that stands there only while there is something to be said.
func (d *derivation) abnormal(condition string, v *verdict) {
	if v == nil {
		meta.RemoveStatusCondition(&d.next.Conditions, condition)
		return
	}
	d.set(condition, *v)
}

// held tells whether what could last be seen at since still holds.
func (d *derivation) held(since time.Time) bool { return d.o.Now.Sub(since) < HoldDown }

func (d *derivation) topics() verdict {
	t := d.o.Topics
	last, before := d.was(v1alpha1.ConditionTopicsReady)
	switch {
	case t == nil && before:
		return last
	case t == nil:
		return unknown(ReasonNotChecked, "the topics were not looked at yet")
	case t.Unreachable && before && d.held(t.Since):
		return last
	case t.Unreachable:
		return unknown(t.Problem.Reason, t.Problem.Message)
	case t.Problem != nil:
		return t.Problem.verdict()
	case len(t.Drift) > 0:
		return good(ReasonDrifted, strings.Join(t.Drift, "; "))
	}
	return good(ReasonAsDesired, fmt.Sprintf("%d topics are as desired", t.Count))
}

func (d *derivation) workloads() verdict {
	last, before := d.was(v1alpha1.ConditionWorkloadsReady)
	var waiting []string
	var problem *Problem
	unready, available := true, 0
	for _, w := range d.o.Workloads {
		if w.Shadow {
			continue
		}
		available++
		if w.Done() {
			continue
		}
		waiting = append(waiting, fmt.Sprintf("%s has %d of %d replicas", w.Name, min(w.Updated, w.Available), w.Wanted))
		unready = unready && w.unready()
		if problem == nil && w.Problem != nil {
			problem = &Problem{Reason: w.Problem.Reason, Message: w.Name + ": " + w.Problem.Message}
		}
	}
	switch {
	case d.o.Refused != nil:
		return d.o.Refused.verdict()
	case d.o.Unlisted != nil && before && d.held(d.o.UnlistedSince):
		return last
	case d.o.Unlisted != nil && len(d.o.Workloads) == 0:
		return unknown(ReasonNotChecked, "the workloads cannot be looked at: "+d.o.Unlisted.Error())
	case problem != nil:
		return problem.verdict()
	case len(waiting) > 0:
		v := bad(ReasonRollingOut, strings.Join(waiting, "; "))
		v.unready = unready
		return v
	case d.p.Spec.Suspend:
		return good(ReasonSuspended, "all workloads are at zero replicas")
	}
	return good(ReasonAvailable, fmt.Sprintf("%d Deployments are available", available))
}

// Done tells whether w runs as it should, with nothing of an earlier spec left.
func (w Workload) Done() bool {
	return !w.Missing && w.Observed && w.Updated >= w.Wanted && w.Available >= w.Wanted && w.old() <= 0
}

// old is how many of w's pods are more than there shall be, or of an earlier spec.
func (w Workload) old() int32 {
	if w.Elastic {
		return w.Total - w.Updated
	}
	return w.Total - w.Wanted
}

// unready tells whether all of w's pods are there, and are those of its newest spec, and only not ready.
func (w Workload) unready() bool {
	return !w.Missing && w.Observed && w.Problem == nil && w.Updated >= w.Wanted && w.old() <= 0
}

// ready is True where feedback flows.
func (d *derivation) ready(topics, workloads, sources, notifier verdict) verdict {
	if d.p.Spec.Suspend && d.o.Refused == nil {
		return bad(ReasonSuspended, "the pipeline is suspended (spec.suspend)")
	}
	if d.waits(topics) {
		return topics
	}
	all := []verdict{workloads, topics, sources, d.scorer(), notifier, d.stuck()}
	if workloads.unready {
		all = append(all[1:], workloads)
	}
	if scaling := d.autoscaling(); scaling != nil && scaling.degraded {
		all = append(all, *scaling)
	}
	for _, status := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown} {
		for _, v := range all {
			if v.status == status && !v.degraded {
				return v
			}
		}
	}
	for _, v := range all {
		if v.degraded {
			return good(ReasonDegraded, "feedback flows, but "+v.reason+": "+v.message)
		}
	}
	return good(ReasonFlowing, "feedback flows")
}

// waits tells whether there are workloads that are not made before the topics are there.
func (d *derivation) waits(topics verdict) bool {
	return d.o.Refused == nil && topics.status != metav1.ConditionTrue && slices.ContainsFunc(d.o.Workloads, func(w Workload) bool { return w.Missing && !w.Shadow })
}

func (d *derivation) stuck() verdict {
	if d.o.Flow == nil {
		return good("", "")
	}
	if b := d.o.Flow.Blind; b != nil {
		if d.held(d.o.Flow.BlindSince) && d.known() {
			return good("", "")
		}
		return unknown(b.Reason, "how far the consumer groups are cannot be seen: "+b.Message)
	}
	for _, g := range d.o.Flow.Groups {
		if !g.Shadow && !g.Stuck.IsZero() && d.o.Now.Sub(g.Stuck) >= StuckAfter {
			return bad(ReasonStuck, fmt.Sprintf("consumer group %s has %d records before it and has committed nothing since %s; see its workload's log", g.ID, g.Lag, g.Stuck.UTC().Format(time.RFC3339)))
		}
	}
	return good("", "")
}

// reconciling is what the operator works on; runtime health is no part of it.
func (d *derivation) reconciling(topics, workloads, sources, notifier verdict) *verdict {
	ill := func(v verdict) bool { return v.status == metav1.ConditionFalse && !v.degraded }
	switch {
	case workloads.unready && (ill(sources) || ill(notifier)):
		return nil
	case d.stalled() != nil:
		return nil
	case d.waits(topics):
		return new(good(topics.reason, topics.message))
	case workloads.status != metav1.ConditionTrue:
		return new(good(workloads.reason, workloads.message))
	case topics.status != metav1.ConditionTrue && !d.p.Spec.Suspend:
		return new(good(topics.reason, topics.message))
	}
	return nil
}

// stalled is what only a person can mend.
func (d *derivation) stalled() *verdict {
	var problems []*Problem
	problems = append(problems, d.o.Refused)
	if d.o.Topics != nil {
		problems = append(problems, d.o.Topics.Problem)
	}
	for _, w := range d.o.Workloads {
		if !w.Done() && !w.Shadow {
			problems = append(problems, w.Problem)
		}
	}
	i := slices.IndexFunc(problems, func(p *Problem) bool { return p != nil && stalls[p.Reason] })
	if i < 0 {
		return nil
	}
	return new(good(problems[i].Reason, problems[i].Message))
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
