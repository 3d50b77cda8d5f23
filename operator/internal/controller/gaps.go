package controller

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

const (
	checkpointPrefix = "checkpoint/"
	// standstill is the least time between two checkpoints of a source that is looked into. One that runs writes them
	// more often, but for a slow reading of a long history.
	standstill = time.Hour
	// xHistory is how far back X's recent search reaches. A source reads that far, whatever its backfill, once it has a
	// checkpoint.
	xHistory = 7 * 24 * time.Hour
)

// enterCheckpoint notes when a source said how far it has read, and when it had said so before, if that is long ago.
func (b *books) enterCheckpoint(r kafka.Record) error {
	if r.Value == nil {
		return nil
	}
	s := &feedbackv1.SourceState{}
	var err error
	if r.JSON {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(r.Value, s)
	} else {
		err = proto.Unmarshal(r.Value, s)
	}
	if err != nil {
		return err
	}
	at, before := s.GetObservedAt().AsTime(), b.checkpoints[s.GetSource()]
	if !before.IsZero() && at.Sub(before) >= standstill {
		b.jumps[s.GetSource()] = status.Gap{From: before, To: at}
	}
	b.checkpoints[s.GetSource()] = at
	return nil
}

// gaps are what sources could not read back: they stood still for longer than they reach back.
func (b *books) gaps(sources []v1alpha1.Source) map[string]status.Gap {
	all := map[string]status.Gap{}
	for _, s := range sources {
		jump, ok := b.jumps[s.Name]
		reach, pause := reach(s)
		if ok && jump.To.Sub(jump.From) > reach+pause {
			all[s.Name] = status.Gap{From: jump.From, To: jump.To.Add(-reach)}
		}
	}
	return all
}

// reach is how far back a source reads after a standstill, and the longest time between two checkpoints while it runs.
func reach(s v1alpha1.Source) (back, pause time.Duration) {
	if s.Twitter != nil {
		return xHistory, s.Twitter.Interval.Duration.Duration
	}
	return s.Slack.Backfill.Duration.Duration, s.Slack.SweepInterval.Duration.Duration
}

// announceGaps makes an Event of each gap that is new.
func (p *pass) announceGaps(before []v1alpha1.SourceStatus) {
	known := map[string]*v1alpha1.SourceGap{}
	for _, s := range before {
		known[s.Name] = s.Gap
	}
	for _, s := range p.pipeline.Status.Sources {
		was := known[s.Name]
		if s.Gap == nil || was != nil && was.From.Equal(&s.Gap.From) && was.To.Equal(&s.Gap.To) {
			continue
		}
		gapsFound.Inc()
		p.event(p.pipeline, corev1.EventTypeWarning, "GapNotReadBack", fmt.Sprintf(
			"source %s stood still for longer than it reaches back; what was said from %s to %s is not read", s.Name,
			s.Gap.From.UTC().Format(time.RFC3339), s.Gap.To.UTC().Format(time.RFC3339)))
	}
}

// announceOvertaken makes an Event of records that retention deleted before a group had read them, once until it has
// none any more.
func (p *pass) announceOvertaken(g desired.Group, lost int64) {
	was := p.memory.overtaken[g.ID]
	p.memory.overtaken[g.ID] = lost
	if lost > 0 && was == 0 {
		p.event(p.pipeline, corev1.EventTypeWarning, "RecordsOvertaken", fmt.Sprintf(
			"retention has deleted %d records of topic %s before consumer group %s had read them: it stood still for longer than topics.retention", lost, g.Topic, g.ID))
	}
}
