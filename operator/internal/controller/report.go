package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// writeEvery is how often a status is written in which only figures have moved.
const writeEvery = 30 * time.Second

// report writes the status: a transition at once, figures at most every 30 s, and what is the same never.
func (p *pass) report(ctx context.Context) error {
	old := p.pipeline.DeepCopy()
	now := status.Derive(p.pipeline, p.saw)
	if !status.Worth(old.Status, now, p.Now().Sub(p.memory.wrote), writeEvery) {
		return nil
	}
	p.pipeline.Status = now
	if err := p.Status().Patch(ctx, p.pipeline, client.MergeFrom(old)); err != nil {
		return client.IgnoreNotFound(err)
	}
	p.memory.wrote = p.Now()
	p.announce(old.Status)
	return nil
}

// announce makes an Event of each transition: of Ready, of each source, and of the scorer's shadow.
func (p *pass) announce(before v1alpha1.FeedbackPipelineStatus) {
	was, is := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(p.pipeline.Status.Conditions, v1alpha1.ConditionReady)
	if was == nil || was.Status != is.Status || was.Reason != is.Reason {
		p.event(p.pipeline, eventType(was == nil || usual(*is)), is.Reason, is.Message)
	}
	p.announceGaps(before.Sources)
	p.announceShadow(before.Conditions)
	states := map[string]v1alpha1.SourceState{}
	for _, s := range before.Sources {
		states[s.Name] = s.State
	}
	for _, s := range p.pipeline.Status.Sources {
		if was, known := states[s.Name]; known && was != s.State {
			healthy := s.State == v1alpha1.SourceHealthy || s.State == v1alpha1.SourceSuspended
			p.event(p.pipeline, eventType(healthy), "Source"+string(s.State), fmt.Sprintf("source %s was %s and is %s %s", s.Name, was, s.State, s.Message))
		}
	}
}

// usual tells whether Ready says what is no trouble: feedback flows, or someone has suspended or changed the pipeline.
func usual(ready metav1.Condition) bool {
	switch ready.Reason {
	case status.ReasonSuspended, status.ReasonRollingOut:
		return true
	}
	return ready.Status == metav1.ConditionTrue && ready.Reason != status.ReasonDegraded
}

// announceShadow makes an Event where the shadow is ill for another reason than was last announced, by that reason with
// Shadow before it, and where it is well again after such a one. That it starts, is rolled out or rests is none.
func (p *pass) announceShadow(before []metav1.Condition) {
	was, is := meta.FindStatusCondition(before, v1alpha1.ConditionShadowHealthy), meta.FindStatusCondition(p.pipeline.Status.Conditions, v1alpha1.ConditionShadowHealthy)
	ill := &p.memory.shadowIll
	if *ill == nil {
		*ill = new("")
		if was != nil && was.Status == metav1.ConditionFalse && was.Reason != status.ReasonRollingOut {
			**ill = was.Reason // as the operator that ran before announced it
		}
	}
	ran := was != nil && was.Status == metav1.ConditionTrue && was.Reason != status.ReasonSuspended
	switch {
	case is == nil, is.Reason == status.ReasonSuspended:
		**ill = ""
	case is.Status == metav1.ConditionTrue && is.Reason != status.ReasonDegraded:
		if **ill != "" {
			p.event(p.pipeline, corev1.EventTypeNormal, "Shadow"+is.Reason, is.Message)
		}
		**ill = ""
	case is.Status == metav1.ConditionTrue, is.Reason == status.ReasonRollingOut, is.Reason == **ill:
	case is.Status == metav1.ConditionFalse, ran:
		p.event(p.pipeline, corev1.EventTypeWarning, "Shadow"+is.Reason, is.Message)
		**ill = is.Reason
	}
}

func eventType(normal bool) string {
	if normal {
		return corev1.EventTypeNormal
	}
	return corev1.EventTypeWarning
}

// maxNote is how many bytes the API server takes as an Event's note.
const maxNote = 1024

func (r *Reconciler) event(p *v1alpha1.FeedbackPipeline, kind, reason, note string) {
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote-3], "") + "..."
	}
	about := p.DeepCopy()
	about.ResourceVersion = "" // or no two Events would be the same, and each transition would be a new one
	r.Events.Eventf(about, nil, kind, reason, "Reconcile", "%s", note)
}
