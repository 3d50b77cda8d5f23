package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
)

// observe notes how the live Deployments are; those that are wanted, in the order of the spec, or else those that
// there are. Its error is why they, or the pods of those that are not as they should be, cannot be looked at.
func (p *pass) observe(ctx context.Context, want *desired.Result) error {
	err := p.observeWorkloads(ctx, want)
	if err == nil {
		p.memory.unlisted = time.Time{}
		return nil
	}
	if p.memory.unlisted.IsZero() {
		p.memory.unlisted = p.Now()
	}
	p.saw.Unlisted, p.saw.UnlistedSince = err, p.memory.unlisted
	return err
}

func (p *pass) observeWorkloads(ctx context.Context, want *desired.Result) error {
	own, err := p.owned(ctx, p.pipeline, &appsv1.DeploymentList{})
	if err != nil {
		return fmt.Errorf("list the Deployments: %w", err)
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
		short := w.Elastic && w.Available < w.Asked
		if !w.Done() && !w.Missing || short {
			if pods == nil && err == nil {
				pods, err = p.pods(ctx)
			}
			if problem := trouble(live[d.Name], pods); w.Done() {
				w.Short = problem
			} else {
				w.Problem = problem
			}
		}
		p.saw.Workloads = append(p.saw.Workloads, w)
	}
	return err
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
	w := status.Workload{Name: want.Name, Source: want.Labels[desired.LabelSource], Shadow: desired.IsShadow(want), Missing: live == nil, Wanted: 1}
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
			return &status.Problem{Reason: status.ReasonQuota, Message: c.Message + "; raise the namespace's ResourceQuota, or ask for less in spec.podTemplate.resources"}
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return &status.Problem{Reason: status.ReasonRejected, Message: c.Message}
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse:
			return &status.Problem{Reason: status.ReasonDeadline, Message: c.Message + "; see kubectl describe deployment " + d.Name}
		}
	}
	return nil
}

// loops is how many restarts make a container that was not ready in between one that crashes again and again.
const loops = 3

func podTrouble(pod corev1.Pod) *status.Problem {
	for _, c := range pod.Status.ContainerStatuses {
		if problem := containerTrouble(pod.Name, c); problem != nil {
			return problem
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return &status.Problem{Reason: status.ReasonUnschedulable, Message: fmt.Sprintf(
				"pod %s: %s; add nodes, or change resources, nodeSelector, tolerations or affinity in spec.podTemplate", pod.Name, c.Message)}
		}
	}
	return nil
}

func containerTrouble(pod string, c corev1.ContainerStatus) *status.Problem {
	reason, said := "", ""
	if w := c.State.Waiting; w != nil {
		reason, said = w.Reason, strings.TrimSpace(w.Reason+" "+w.Message)
	}
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
		return &status.Problem{Reason: status.ReasonImagePull, Message: fmt.Sprintf("pod %s: %s; check the image's name, and spec.podTemplate.imagePullSecrets", pod, said)}
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return &status.Problem{Reason: status.ReasonRejected, Message: fmt.Sprintf("pod %s: %s", pod, said)}
	case "CrashLoopBackOff":
		return crashes(pod, c)
	}
	if !c.Ready && c.RestartCount >= loops && c.LastTerminationState.Terminated != nil {
		return crashes(pod, c)
	}
	return nil
}

func crashes(pod string, c corev1.ContainerStatus) *status.Problem {
	ended := ""
	if t := c.LastTerminationState.Terminated; t != nil {
		ended = fmt.Sprintf(" and ended with %d", t.ExitCode)
		if t.Reason != "" {
			ended += " (" + t.Reason + ")"
		}
		if said := strings.TrimSpace(t.Message); said != "" {
			ended += ": " + said
		}
	}
	return &status.Problem{Reason: status.ReasonCrashLoop, Message: fmt.Sprintf("pod %s was started again %d times%s; see kubectl logs --previous %s", pod, c.RestartCount, ended, pod)}
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}
