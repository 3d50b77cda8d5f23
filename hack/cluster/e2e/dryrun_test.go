//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
)

// TestDryRun offers all that the chart's goldens hold to the API server, which makes none of it and would refuse, or
// warn of, an unknown field or a pod that is not restricted.
func TestDryRun(t *testing.T) {
	c := connect(t)
	paths, err := filepath.Glob(filepath.Join(clustertest.Root(), "hack", "cluster", "chart", "testdata", "golden", "*.yaml"))
	clustertest.Must(t, err)
	strict := client.WithFieldValidation(c.WithWatch, "Strict")
	offered, unknown := 0, map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		clustertest.Must(t, err)
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			o := &unstructured.Unstructured{}
			clustertest.Must(t, yaml.Unmarshal([]byte(document), &o.Object))
			if o.Object == nil {
				continue
			}
			if group := o.GroupVersionKind().Group; group == "monitoring.coreos.com" || group == "feedbackpipeline.dev" {
				unknown[o.GetKind()] = true // another's resource; and our own has tests of its own
				continue
			}
			if o.GetNamespace() != "" {
				o.SetNamespace(c.Namespace)
			}
			if o.GetKind() == "Pod" { // its own service account is not there: nothing is made
				clustertest.Must(t, unstructured.SetNestedField(o.Object, "default", "spec", "serviceAccountName"))
			}
			err := strict.Create(t.Context(), o, client.DryRunAll)
			if err != nil && strings.Contains(err.Error(), "not configured on this cluster") {
				unknown["IPv6"] = true
				continue
			}
			if err != nil && !apierrors.IsAlreadyExists(err) {
				t.Errorf("%s: %s %s: %v", filepath.Base(path), o.GetKind(), o.GetName(), err)
			}
			offered++
		}
	}
	if offered == 0 {
		t.Error("nothing was offered")
	}
	c.Step("%d objects of %d renderings are taken; not offered: %v", offered, len(paths), unknown)
	c.refusesRoot()
}

// refusesRoot finds that the test's namespace enforces what it says.
func (c *cluster) refusesRoot() {
	c.Helper()
	pod := &corev1.Pod{ObjectMeta: c.Meta("root"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "root", Image: "root"}}}}
	if err := c.Create(c.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) {
		c.Errorf("a pod that may run as root: %v, want it to be forbidden", err)
	}
}
