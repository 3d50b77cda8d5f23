package controller

import (
	"context"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// blindAfter is how long a HorizontalPodAutoscaler may be without the lag before that is told: one that was just made has
// none for a moment.
const blindAfter = time.Minute

// autoscaler reads the HorizontalPodAutoscaler that KEDA makes of the pipeline's ScaledObject; nil where there is none. It
// alone tells that KEDA has stopped: a ScaledObject keeps what KEDA said of it last.
func (p *pass) autoscaler(ctx context.Context) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	name := desired.AutoscalerName(p.pipeline)
	err := p.Live.Get(ctx, types.NamespacedName{Namespace: p.pipeline.Namespace, Name: name}, hpa)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read HorizontalPodAutoscaler %s: %w", name, err)
	}
	return hpa, nil
}

// inactive is why the autoscaler cannot scale; nil where it can, or could not for less than blindAfter.
func inactive(hpa *autoscalingv2.HorizontalPodAutoscaler, now time.Time) *status.Problem {
	for _, c := range hpa.Status.Conditions {
		able := c.Type == autoscalingv2.AbleToScale || c.Type == autoscalingv2.ScalingActive
		if !able || c.Status != corev1.ConditionFalse || c.Reason == "ScalingDisabled" || now.Sub(c.LastTransitionTime.Time) < blindAfter {
			continue // ScalingDisabled: at zero replicas
		}
		return &status.Problem{Reason: status.ReasonScalerInactive, Message: fmt.Sprintf(
			"HorizontalPodAutoscaler %s cannot scale (%s: %s), and the scorer keeps the replicas that it has; see whether KEDA's operator and metrics server run",
			hpa.Name, c.Reason, c.Message)}
	}
	return nil
}
