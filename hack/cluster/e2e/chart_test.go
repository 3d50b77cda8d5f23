//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	release   = clustertest.Release
	simulator = release + "-simulator"
	demo      = "azure"
)

// TestChart installs the chart with its development parts into a restricted namespace and sees feedback flow from the
// simulator to its channels: after the install, after the broker's pod is killed, after an upgrade. Uninstalled, it
// leaves the resource's definition and nothing that runs.
func TestChart(t *testing.T) {
	c := connect(t)
	values := append([]string{"--set", "devKafka.enabled=true,simulator.enabled=true,demo.enabled=true"}, c.images()...)
	values = append(values, c.volume()...)

	c.Helm(append([]string{"install", release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "5m"}, values...)...)
	c.Step("helm install is done")
	people := c.OpenSimulator(simulator)
	c.Ready(demo, clustertest.Patience)
	c.Told(people, "negative-feedback", 2*time.Minute)
	c.Told(people, "positive-feedback", 2*time.Minute)
	c.suite()
	c.scraped()

	clustertest.Must(t, c.Delete(t.Context(), &corev1.Pod{ObjectMeta: c.Meta(release + "-kafka-0")}, client.GracePeriodSeconds(0)))
	c.Step("the broker's pod is killed")
	c.Told(people, "negative-feedback", 3*time.Minute)

	c.Helm(append([]string{"upgrade", release, clustertest.Chart, "--wait", "--timeout", "5m", "--set", "operator.logLevel=debug"}, values...)...)
	c.Step("helm upgrade is done")
	c.Ready(demo, clustertest.Patience)
	c.Told(people, "negative-feedback", 2*time.Minute)
	c.uninstalled()
}

// volume is a claim where the cluster can fulfil it, or a folder of the pod's.
func (c *cluster) volume() []string {
	c.Helper()
	var classes storagev1.StorageClassList
	clustertest.Must(c.T, c.List(c.Context(), &classes))
	for _, class := range classes.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return nil
		}
	}
	c.Step("the cluster has no default StorageClass: devKafka's records are gone with its pod")
	return []string{"--set", "devKafka.persistence.enabled=false"}
}

// suite runs helm test, and shows what it saw.
func (c *cluster) suite() {
	c.Helper()
	out := c.Helm("test", release, "--logs", "--timeout", "4m")
	out = out[max(0, strings.LastIndex(out, "POD LOGS:")):] // helm shows them once for each object of the test
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "ok ") {
			c.Step("helm test: %s", strings.TrimSpace(line))
		}
	}
	if got, want := strings.Count(out, "\nok "), 4; got != want {
		c.Errorf("helm test saw %d things to be well, want %d:\n%s", got, want, out)
	}
}

// uninstalled removes the release and sees what is left.
func (c *cluster) uninstalled() {
	c.Helper()
	c.Helm("uninstall", release, "--wait", "--timeout", "3m")
	c.Until("nothing runs after helm uninstall", 2*time.Minute, func(ctx context.Context) (string, bool) {
		var deployments appsv1.DeploymentList
		var pods corev1.PodList
		if err := c.List(ctx, &deployments, client.InNamespace(c.Namespace)); err != nil {
			return err.Error(), false
		}
		if err := c.List(ctx, &pods, client.InNamespace(c.Namespace)); err != nil {
			return err.Error(), false
		}
		running := 0
		for _, p := range pods.Items {
			if p.Status.Phase != corev1.PodSucceeded { // helm test's pod keeps its log
				running++
			}
		}
		return fmt.Sprintf("%d Deployments, %d pods", len(deployments.Items), running), len(deployments.Items)+running == 0
	})
	err := c.Get(c.Context(), c.Key(demo), &v1alpha1.FeedbackPipeline{})
	if !apierrors.IsNotFound(err) {
		c.Errorf("the demo's pipeline after helm uninstall: %v, want that it is not found, by an API server that still knows the resource", err)
	}
	c.Step("the resource's definition is left, the demo's pipeline is not")
}
