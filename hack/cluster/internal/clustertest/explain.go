package clustertest

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// Explain writes, once and only if the test has failed, what helps to understand it: pods, the last of what they said, and
// pipelines of the test's namespace and of others, with the newest events.
func (c *Cluster) Explain(others ...string) {
	if !c.Failed() || c.explained {
		return
	}
	c.explained = true
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, namespace := range append([]string{c.Namespace}, others...) {
		c.explainPods(ctx, namespace)
		c.explainPipelines(ctx, namespace)
		var events corev1.EventList
		_ = c.List(ctx, &events, client.InNamespace(namespace))
		for _, e := range events.Items[max(0, len(events.Items)-30):] {
			c.Logf("event: %s %s %s: %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
}

func (c *Cluster) explainPods(ctx context.Context, namespace string) {
	var pods corev1.PodList
	_ = c.List(ctx, &pods, client.InNamespace(namespace))
	for _, p := range pods.Items {
		c.Logf("pod %s/%s is %s", namespace, p.Name, p.Status.Phase)
		for _, s := range p.Status.ContainerStatuses {
			if !s.Ready {
				state, _ := json.Marshal([]corev1.ContainerState{s.State, s.LastTerminationState})
				c.Logf("  %s is not ready, is and was: %s", s.Image, state)
			}
		}
		log, _ := c.API.CoreV1().Pods(namespace).GetLogs(p.Name, &corev1.PodLogOptions{TailLines: new(int64(15))}).DoRaw(ctx)
		c.Logf("%s", log)
	}
}

func (c *Cluster) explainPipelines(ctx context.Context, namespace string) {
	var all v1alpha1.FeedbackPipelineList
	_ = c.List(ctx, &all, client.InNamespace(namespace))
	for _, p := range all.Items {
		status, _ := json.MarshalIndent(p.Status, "", " ")
		c.Logf("FeedbackPipeline %s/%s: %s", namespace, p.Name, status)
	}
}
