package status

import (
	"fmt"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// shadow is what the condition ShadowHealthy says, nil where the scorer has no shadow. Nothing of it is part of Ready.
func (d *derivation) shadow() *verdict {
	switch {
	case d.p.Spec.Scorer.Shadow == nil:
		return nil
	case d.p.Spec.Suspend && d.o.Refused == nil:
		return new(good(ReasonSuspended, "the pipeline is suspended"))
	case d.o.Refused != nil:
		return new(unknown(d.o.Refused.Reason, "nothing of the spec is applied, see WorkloadsReady"))
	case d.o.Shadow != nil:
		return new(d.o.Shadow.verdict())
	case d.o.Topics != nil && d.o.Topics.Shadow != nil:
		return new(d.o.Topics.Shadow.verdict())
	}
	if v := d.shadowWorkload(); v != nil {
		return v
	}
	return new(d.shadowFlow())
}

// shadowWorkload is what stands against the shadow's Deployment, nil if nothing is known.
func (d *derivation) shadowWorkload() *verdict {
	i := slices.IndexFunc(d.o.Workloads, func(w Workload) bool { return w.Shadow })
	if i < 0 || d.o.Unlisted != nil {
		return nil
	}
	switch w := d.o.Workloads[i]; {
	case w.Done():
		return nil
	case w.Problem != nil:
		return new(w.Problem.verdict())
	default:
		return new(bad(ReasonRollingOut, fmt.Sprintf("%s has %d of %d replicas", w.Name, min(w.Updated, w.Available), w.Wanted)))
	}
}

// shadowFlow is what the shadow says of itself, and how far it is behind.
func (d *derivation) shadowFlow() verdict {
	c, current, held := d.look(desired.ShadowScorer)
	group, lag := d.shadowGroup(), ""
	if group.Lag > 0 {
		lag = fmt.Sprintf(", with %d events still to go", group.Lag)
	}
	last, before := d.was(v1alpha1.ConditionShadowHealthy)
	switch {
	case current && c.State == v1alpha1.SourceFailed:
		return bad(c.Reason, c.Message+lag)
	case !group.Stuck.IsZero() && d.o.Now.Sub(group.Stuck) >= StuckAfter:
		return bad(ReasonStuck, fmt.Sprintf("consumer group %s has %d records before it and has committed nothing since %s; see its workload's log", group.ID, group.Lag, group.Stuck.UTC().Format(time.RFC3339)))
	case d.o.Flow != nil && d.o.Flow.ShadowBlind != nil:
		return unknown(d.o.Flow.ShadowBlind.Reason, "how far the shadow is cannot be seen: "+d.o.Flow.ShadowBlind.Message)
	case current && c.State == v1alpha1.SourceDegraded: // one failure of its backend may pass
		return good(ReasonDegraded, "the shadow runs, but "+c.Reason+": "+c.Message+lag)
	case current:
		return good(ReasonHealthy, "the shadow scores what the scorer scores"+lag)
	case held && before:
		return last
	}
	return unknown(ReasonNoHealth, "shadow: "+d.silence())
}

// shadowGroup is the shadow's consumer group; the zero value where it was not seen.
func (d *derivation) shadowGroup() Group {
	if d.o.Flow != nil {
		for _, g := range d.o.Flow.Groups {
			if g.Shadow {
				return g
			}
		}
	}
	return Group{}
}
