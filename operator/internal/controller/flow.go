package controller

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// flow reads what the components say of themselves, and how far the groups are. A suspended pipeline is not read.
func (p *pass) flow(ctx context.Context) {
	m := p.memory
	if p.pipeline.Spec.Suspend || p.saw.Topics == nil || !m.usable || m.failures > 0 {
		p.lost()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	all := desired.Topics(p.pipeline)
	if err := p.read(ctx, all[len(all)-1].Name); err != nil {
		log.FromContext(ctx).V(1).Info("cannot read how the pipeline flows", "error", err.Error())
		p.saw.UnseenWhy = err.Error()
		p.lost()
		return
	}
	m.unseen, p.saw.Unseen = time.Time{}, time.Time{}
	p.saw.Flow = &status.Flow{Components: m.books.components(p.Now()), Gaps: m.books.gaps(p.pipeline.Spec.Sources)}
	p.progress(ctx)
}

// lost notes that the pipeline cannot be looked into.
func (p *pass) lost() {
	if p.memory.unseen.IsZero() {
		p.memory.unseen = p.Now()
	}
	p.saw.Unseen = p.memory.unseen
	if p.pipeline.Spec.Suspend || p.Now().Sub(p.memory.unseen) >= status.HoldDown {
		clear(p.memory.books.progress) // who was not looked at for long has not stood still since
	}
}

// progress notes how far the groups are, or why that cannot be seen.
func (p *pass) progress(ctx context.Context) {
	m, flow := p.memory, p.saw.Flow
	var groups []desired.Group
	for _, g := range desired.Groups(p.pipeline) {
		if g.Shadow {
			defer p.shadowProgress(ctx, g)
		} else {
			groups = append(groups, g)
		}
	}
	progress, err := m.client.Progress(ctx, groups...)
	if err != nil {
		log.FromContext(ctx).V(1).Info("cannot read how far the groups are", "error", err.Error())
		if m.blind.IsZero() {
			m.blind = p.Now()
		}
		flow.Blind, flow.BlindSince = kafkaProblem(err), m.blind
		return
	}
	m.blind = time.Time{}
	for _, g := range groups {
		flow.Groups = append(flow.Groups, p.group(g, progress[g.ID]))
		p.announceOvertaken(g, progress[g.ID].Overtaken)
	}
}

// group is how far g is. A route's offset stays behind what waits for its digest, so only the scorer's group and its
// shadow's can be stuck; what a route should have told already the notifier says itself.
func (p *pass) group(g desired.Group, progress kafka.Progress) status.Group {
	out := status.Group{ID: g.ID, Route: g.Route, Shadow: g.Shadow, Lag: progress.Lag}
	if since := p.memory.books.stuck(g.ID, progress, p.Now()); g.Route == "" {
		out.Stuck = since
	}
	return out
}
