package controller

import (
	"context"
	"errors"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// The scorer's shadow is apart from the pipeline in all that can go wrong: what it needs and does not have, what is wrong
// with its topic and what the API server does not take of it stand in the condition ShadowHealthy, and hold back nothing
// else. What runs of it goes on meanwhile.

// holdShadow notes why the shadow is not applied, if err is not nil; the first reason stays.
func (p *pass) holdShadow(err error) {
	if err != nil && p.saw.Shadow == nil {
		p.saw.Shadow = problemOf(err)
	}
}

// applyShadow applies an object of the shadow, unless something stands against it.
func (p *pass) applyShadow(ctx context.Context, o client.Object) {
	if t := p.saw.Topics; p.saw.Shadow == nil && (t == nil || t.Shadow == nil) {
		p.holdShadow(p.apply(ctx, o))
	}
}

// apart returns the topics without the shadow's, and that, nil if there is none.
func apart(all []desired.Topic) (main []desired.Topic, shadow *desired.Topic) {
	for _, t := range all {
		if t.Role == desired.RoleShadow {
			shadow = &t
		} else {
			main = append(main, t)
		}
	}
	return main, shadow
}

// settleShadow makes the shadow's topic as desired and adds to saw what it saw. before is what is set of the others.
func (p *pass) settleShadow(ctx context.Context, shadow desired.Topic, before topics.Applied, saw *status.Topics) {
	m := p.memory
	live, err := m.client.Describe(ctx, shadow.Name)
	if err != nil {
		saw.Shadow = kafkaProblem(err)
		return
	}
	want := []desired.Topic{shadow}
	plan := topics.Diff(want, live, m.books.applied)
	if !plan.Blocks() && p.pipeline.Spec.Topics.Management != v1alpha1.TopicsUnmanaged {
		after := topics.Remember(want)
		maps.Copy(after, before)
		if err := p.carryOut(ctx, plan, after); err != nil {
			saw.Shadow = kafkaProblem(err)
			return
		}
	}
	saw.Count++
	saw.Drift = append(saw.Drift, plan.Drift...)
	if len(plan.Refused) > 0 {
		saw.Shadow = refused(plan.Refused)
	}
}

// shadowKept is after with what was set of the topic of a shadow, now or earlier: so it is still known to be the
// pipeline's when the shadow has left the spec, and is deleted with the pipeline.
func (p *pass) shadowKept(after topics.Applied) topics.Applied {
	name := p.shadowTopic().Name
	if set, ok := p.memory.books.applied[name]; ok {
		after[name] = maps.Clone(set)
	}
	return after
}

// shadowTopic is the topic that the operator makes for a shadow.
func (p *pass) shadowTopic() desired.Topic {
	unnamed := p.pipeline.DeepCopy()
	unnamed.Spec.Topics.Names.Shadow = ""
	return desired.ShadowTopic(unnamed)
}

// deleteShadow deletes the topic and the group of the shadow that p has or had; of what the operator did not make, nothing.
func (p *pass) deleteShadow(ctx context.Context) error {
	m := p.memory
	var errs []error
	_, made := m.books.applied[p.shadowTopic().Name]
	if made {
		errs = append(errs, m.client.DeleteTopic(ctx, p.shadowTopic().Name))
	}
	if made || p.pipeline.Spec.Scorer.Shadow != nil {
		errs = append(errs, m.client.DeleteGroup(ctx, desired.ShadowGroup(p.pipeline).ID))
	}
	return errors.Join(errs...)
}

// shadowProgress notes how far the shadow's group is, or why that cannot be seen.
func (p *pass) shadowProgress(ctx context.Context, g desired.Group) {
	progress, err := p.memory.client.Progress(ctx, g)
	if err != nil {
		log.FromContext(ctx).V(1).Info("cannot read how far the shadow is", "error", err.Error())
		p.saw.Flow.ShadowBlind = kafkaProblem(err)
		return
	}
	p.saw.Flow.Groups = append(p.saw.Flow.Groups, p.group(g, progress[g.ID]))
}
