//go:build e2e

package upgrade

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// definition is the resource's CustomResourceDefinition.
const definition = "feedbackpipelines.feedbackpipeline.dev"

// TestUpgrade installs the oldest archive with the images of its time, and while people talk upgrades to the present
// chart and images, rolls back, and upgrades again: the pipeline is the same one and stays Ready, its workloads roll,
// the definition follows, and nothing is lost or told twice. Then it uninstalls around the pipeline.
func TestUpgrade(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(clustertest.Root(), "charts", "feedback-pipeline-*.tgz"))
	clustertest.Must(t, err)
	if len(archives) == 0 {
		t.Fatal("charts/ holds no archive to upgrade from")
	}
	slices.Sort(archives)
	archive := "charts/" + filepath.Base(archives[0])
	s := newStage(t)

	s.Helm(append([]string{"install", clustertest.Release, archive, "--take-ownership", "--wait", "--timeout", "5m"}, s.older()...)...)
	s.Step("%s is installed", archive)
	s.apply("live")
	s.flows("live")
	before, err := s.pipeline(t.Context(), "live")
	clustertest.Must(t, err)
	if s.takesPodTemplate() {
		t.Errorf("the definition of %s takes spec.podTemplate, which came later: nothing is there to be upgraded", archive)
	}

	s.Helm(append([]string{"upgrade", clustertest.Release, clustertest.Chart, "--wait", "--timeout", "5m"}, s.present()...)...)
	s.Step("helm upgrade is done")
	s.rolled("live", s.present())
	s.flows("live")
	s.same(before)
	if !s.takesPodTemplate() {
		t.Error("the definition does not take spec.podTemplate after the upgrade")
	}

	s.Helm("rollback", clustertest.Release, "1", "--wait", "--timeout", "5m")
	s.Step("helm rollback is done")
	s.rolled("live", s.older())
	s.flows("live")
	s.same(before)

	s.Helm(append([]string{"upgrade", clustertest.Release, clustertest.Chart, "--wait", "--timeout", "5m"}, s.present()...)...)
	s.Step("helm upgrade is done again")
	s.rolled("live", s.present())
	s.flows("live")
	s.same(before)
	s.ledger("live")
	s.leave("live")
}

// same finds the pipeline to be the one that it was, with the spec that it had.
func (s *stage) same(before *v1alpha1.FeedbackPipeline) {
	s.Helper()
	p, err := s.pipeline(s.Context(), before.Name)
	clustertest.Must(s.T, err)
	if p.UID != before.UID || p.Generation != before.Generation || !equality.Semantic.DeepEqual(p.Spec, before.Spec) {
		s.Errorf("the pipeline has UID %s and generation %d, want %s and %d and the spec that it had", p.UID, p.Generation, before.UID, before.Generation)
	}
}

// takesPodTemplate asks the API server whether it knows a field that the archive's definition has not.
func (s *stage) takesPodTemplate() bool {
	s.Helper()
	p := &unstructured.Unstructured{}
	p.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("FeedbackPipeline"))
	p.SetNamespace(s.Namespace)
	p.SetName("live")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"podTemplate":{"labels":{"team":"feedback"}}}}`))
	err := client.WithFieldValidation(s.WithWatch, "Strict").Patch(s.Context(), p, patch, client.DryRunAll)
	if err != nil && !strings.Contains(err.Error(), "podTemplate") {
		s.Fatal(err)
	}
	return err == nil
}

// rolled waits until each Deployment of the pipeline runs the image of these values, and no other pod is left.
func (s *stage) rolled(name string, values []string) {
	s.Helper()
	_, tag, _ := strings.Cut(values[1], "image.tag=")
	s.Until("its workloads run the images "+tag, clustertest.Patience, func(ctx context.Context) (string, bool) {
		var all appsv1.DeploymentList
		if err := s.List(ctx, &all, client.InNamespace(s.Namespace), client.MatchingLabels{"app.kubernetes.io/managed-by": "feedback-pipeline-operator", "app.kubernetes.io/instance": name}); err != nil {
			return err.Error(), false
		}
		for _, d := range all.Items {
			image := d.Spec.Template.Spec.Containers[0].Image
			if !strings.HasSuffix(image, ":"+tag) || d.Status.ObservedGeneration != d.Generation || d.Status.UpdatedReplicas != *d.Spec.Replicas ||
				d.Status.Replicas != *d.Spec.Replicas || d.Status.ReadyReplicas != *d.Spec.Replicas {
				return fmt.Sprintf("%s has %s, %d of %d updated, %d ready of %d", d.Name, image, d.Status.UpdatedReplicas, *d.Spec.Replicas, d.Status.ReadyReplicas, d.Status.Replicas), false
			}
		}
		return fmt.Sprintf("%d Deployments", len(all.Items)), len(all.Items) == 4
	})
}

// leave uninstalls the operator around a pipeline with deletionPolicy Delete: the pipeline runs on, and can be deleted,
// and its namespace too, with nobody there to take a finalizer off.
func (s *stage) leave(name string) {
	s.Helper()
	s.Helm("uninstall", clustertest.Release, "--wait", "--timeout", "4m")
	s.Step("helm uninstall is done")
	p, err := s.pipeline(s.Context(), name)
	clustertest.Must(s.T, err)
	if len(p.Finalizers) > 0 || !p.DeletionTimestamp.IsZero() {
		s.Errorf("the pipeline has the finalizers %q and the deletion time %v after helm uninstall, want neither", p.Finalizers, p.DeletionTimestamp)
	}
	s.talk(true)
	s.Told(s.simulator, told, clustertest.Patience)
	clustertest.Must(s.T, s.Delete(s.Context(), p))
	s.Until("the pipeline and its workloads are gone", clustertest.Patience, func(ctx context.Context) (string, bool) {
		_, err := s.pipeline(ctx, name)
		var all appsv1.DeploymentList
		if err := s.List(ctx, &all, client.InNamespace(s.Namespace), client.MatchingLabels{"app.kubernetes.io/instance": name}); err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("the pipeline: %v; %d Deployments", err, len(all.Items)), apierrors.IsNotFound(err) && len(all.Items) == 0
	})
}

// TestUninstallAll uninstalls a release that takes its definition along, with a pipeline that runs and whose topics go
// with it: neither hangs, and the topics go.
func TestUninstallAll(t *testing.T) {
	s := newStage(t)
	s.Helm(append([]string{"install", clustertest.Release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "5m", "--set", "crds.keep=false"}, s.present()...)...)
	s.apply("live")
	s.flows("live")
	if topics := s.topics(); len(topics) == 0 {
		t.Error("the pipeline has no topics, want some to be deleted")
	}
	s.Helm("uninstall", clustertest.Release, "--wait", "--timeout", "4m")
	s.Step("helm uninstall is done")
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	s.Until("the definition is gone", clustertest.Patience, func(ctx context.Context) (string, bool) {
		err := s.Get(ctx, client.ObjectKey{Name: definition}, crd)
		return fmt.Sprint(err), apierrors.IsNotFound(err)
	})
	if topics := s.topics(); len(topics) > 0 {
		t.Errorf("topics %q are left, want none", topics)
	}
}

// TestNamespaceGoes deletes the namespace in which both the operator and a pipeline with deletionPolicy Delete run.
func TestNamespaceGoes(t *testing.T) {
	s := newStage(t)
	s.Helm(append([]string{"install", clustertest.Release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "5m"}, s.present()...)...)
	s.apply("live")
	s.flows("live")
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	ns.SetName(s.Namespace)
	clustertest.Must(t, s.Delete(t.Context(), ns))
	s.Until("the namespace is gone", clustertest.Patience, func(ctx context.Context) (string, bool) {
		err := s.Get(ctx, client.ObjectKey{Name: s.Namespace}, ns)
		p, perr := s.pipeline(ctx, "live")
		return fmt.Sprintf("%v; the pipeline: %v %v", err, p.Finalizers, perr), apierrors.IsNotFound(err)
	})
}
