package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// observe notes how the live Deployments are; those that are wanted, in the order of the spec, or else those that
// there are.
func (p *pass) observe(ctx context.Context, want *desired.Result) error {
	own, err := p.owned(ctx, p.pipeline, &appsv1.DeploymentList{})
	if err != nil {
		return err
	}
	live := map[string]*appsv1.Deployment{}
	for _, o := range own {
		if d, ok := o.(*appsv1.Deployment); ok {
			live[d.Name] = d
		}
	}
	var pods []corev1.Pod
	for _, d := range deployments(own, want) {
		w := workload(d, live[d.Name])
		p.elastic(&w, live[d.Name])
		if !w.Done() && pods == nil && !w.Missing {
			if pods, err = p.pods(ctx); err != nil {
				return err
			}
		}
		if !w.Done() && !w.Missing {
			w.Problem = trouble(live[d.Name], pods)
		}
		p.saw.Workloads = append(p.saw.Workloads, w)
	}
	return nil
}

// deployments are those that are wanted, or else those of own, by name.
func deployments(own []client.Object, want *desired.Result) []*appsv1.Deployment {
	objects := own
	if want != nil {
		objects = want.Objects
	}
	var all []*appsv1.Deployment
	for _, o := range objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			all = append(all, d)
		}
	}
	if want == nil {
		slices.SortFunc(all, func(a, b *appsv1.Deployment) int { return cmp.Compare(a.Name, b.Name) })
	}
	return all
}

func workload(want, live *appsv1.Deployment) status.Workload {
	w := status.Workload{Name: want.Name, Source: want.Labels[desired.LabelSource], Missing: live == nil, Wanted: 1}
	if live == nil {
		return w
	}
	if live.Spec.Replicas != nil {
		w.Wanted = *live.Spec.Replicas
	}
	w.Observed = live.Status.ObservedGeneration >= live.Generation
	w.Updated, w.Available, w.Total = live.Status.UpdatedReplicas, live.Status.AvailableReplicas, live.Status.Replicas
	return w
}

// pods are those of the pipeline, from the API server: only a pipeline that is not as it should be is looked at so.
func (p *pass) pods(ctx context.Context) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	err := p.Live.List(ctx, list, client.InNamespace(p.pipeline.Namespace), client.MatchingLabels{
		desired.LabelInstance: p.pipeline.Name, desired.LabelPartOf: "feedback-pipeline",
	})
	if err != nil {
		return nil, fmt.Errorf("list the pods: %w", err)
	}
	return append([]corev1.Pod{}, list.Items...), nil // never nil: they are listed once in a pass, even if there are none
}

// trouble is why d's pods don't come up; nil if nothing is known.
func trouble(d *appsv1.Deployment, pods []corev1.Pod) *status.Problem {
	for _, pod := range pods {
		if !selects(d.Spec.Selector.MatchLabels, pod.Labels) {
			continue
		}
		if problem := podTrouble(pod); problem != nil {
			return problem
		}
	}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue && strings.Contains(c.Message, "exceeded quota"):
			return &status.Problem{Reason: status.ReasonQuota, Message: c.Message}
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return &status.Problem{Reason: status.ReasonRejected, Message: c.Message}
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse:
			return &status.Problem{Reason: status.ReasonDeadline, Message: c.Message, Stalled: true}
		}
	}
	return nil
}

func podTrouble(pod corev1.Pod) *status.Problem {
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Waiting == nil {
			continue
		}
		message := fmt.Sprintf("pod %s: %s %s", pod.Name, c.State.Waiting.Reason, c.State.Waiting.Message)
		switch c.State.Waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
			return &status.Problem{Reason: status.ReasonImagePull, Message: message}
		case "CrashLoopBackOff":
			if t := c.LastTerminationState.Terminated; t != nil {
				message += fmt.Sprintf("; it ended with %d: %s", t.ExitCode, strings.TrimSpace(t.Message))
			}
			return &status.Problem{Reason: status.ReasonCrashLoop, Message: message}
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return &status.Problem{Reason: status.ReasonRejected, Message: message}
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return &status.Problem{Reason: status.ReasonUnschedulable, Message: fmt.Sprintf("pod %s: %s", pod.Name, c.Message)}
		}
	}
	return nil
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}
