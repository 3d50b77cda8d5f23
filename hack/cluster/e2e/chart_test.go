//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	release   = "feedback-pipeline"
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

	c.helm(append([]string{"install", release, "charts/feedback-pipeline", "--take-ownership", "--wait", "--timeout", "5m"}, values...)...)
	c.step("helm install is done")
	c.ready(demo, 3*time.Minute)
	c.flows(simulator, "negative-feedback", 2*time.Minute)
	c.flows(simulator, "positive-feedback", 2*time.Minute)
	c.suite()
	c.scraped()

	must(t, c.Delete(t.Context(), &corev1.Pod{ObjectMeta: meta(c.namespace, release+"-kafka-0")}, client.GracePeriodSeconds(0)))
	c.step("the broker's pod is killed")
	c.flows(simulator, "negative-feedback", 3*time.Minute)

	c.helm(append([]string{"upgrade", release, "charts/feedback-pipeline", "--wait", "--timeout", "5m", "--set", "operator.logLevel=debug"}, values...)...)
	c.step("helm upgrade is done")
	c.ready(demo, 3*time.Minute)
	c.flows(simulator, "negative-feedback", 2*time.Minute)
	c.uninstalled()
}

// images names registry and tag of the images that the cluster has or can pull: E2E_IMAGES, such as
// registry.example/feedback:dev.
func images() string { return cmp.Or(os.Getenv("E2E_IMAGES"), "registry.local/feedback:dev") }

// cutLast cuts at the colon before the tag.
func cutLast(images string) (registry, tag string, ok bool) {
	at := strings.LastIndex(images, ":")
	if at < 0 || strings.Contains(images[at:], "/") {
		return images, "", false
	}
	return images[:at], images[at+1:], true
}

// images are the chart's values for them.
func (c *cluster) images() []string {
	c.Helper()
	registry, tag, ok := cutLast(images())
	if !ok {
		c.Fatalf("E2E_IMAGES=%q: write registry and tag, such as registry.example/feedback:dev", images())
	}
	return []string{"--set-string", "image.registry=" + registry + ",image.tag=" + tag}
}

// volume is a claim where the cluster can fulfil it, or a folder of the pod's.
func (c *cluster) volume() []string {
	c.Helper()
	var classes storagev1.StorageClassList
	must(c.T, c.List(c.Context(), &classes))
	for _, class := range classes.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return nil
		}
	}
	c.step("the cluster has no default StorageClass: devKafka's records are gone with its pod")
	return []string{"--set", "devKafka.persistence.enabled=false"}
}

// suite runs helm test, and shows what it saw.
func (c *cluster) suite() {
	c.Helper()
	out := c.helm("test", release, "--logs", "--timeout", "4m")
	out = out[max(0, strings.LastIndex(out, "POD LOGS:")):] // helm shows them once for each object of the test
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "ok ") {
			c.step("helm test: %s", strings.TrimSpace(line))
		}
	}
	if got, want := strings.Count(out, "\nok "), 4; got != want {
		c.Errorf("helm test saw %d things to be well, want %d:\n%s", got, want, out)
	}
}

// uninstalled removes the release and sees what is left.
func (c *cluster) uninstalled() {
	c.Helper()
	c.helm("uninstall", release, "--wait", "--timeout", "3m")
	c.until("nothing runs after helm uninstall", 2*time.Minute, func(ctx context.Context) (string, bool) {
		var deployments appsv1.DeploymentList
		var pods corev1.PodList
		if err := c.List(ctx, &deployments, client.InNamespace(c.namespace)); err != nil {
			return err.Error(), false
		}
		if err := c.List(ctx, &pods, client.InNamespace(c.namespace)); err != nil {
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
	err := c.Get(c.Context(), client.ObjectKey{Namespace: c.namespace, Name: demo}, &v1alpha1.FeedbackPipeline{})
	if !apierrors.IsNotFound(err) {
		c.Errorf("the demo's pipeline after helm uninstall: %v, want that it is not found, by an API server that still knows the resource", err)
	}
	c.step("the resource's definition is left, the demo's pipeline is not")
}
