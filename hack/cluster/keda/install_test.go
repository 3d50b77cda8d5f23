//go:build e2e

package keda

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
)

const (
	kedaVersion   = "v2.18.1" // that of ./images
	kedaNamespace = "keda"
	apiService    = "v1beta1.external.metrics.k8s.io"
)

// kedaManifests are KEDA's own, in the folder config of its module, but for its admission webhooks.
var (
	kedaDefinitions = []string{"crd/bases/*.yaml"}
	kedaOperator    = []string{
		"general/namespace.yaml", "service_account/service_account.yaml", "rbac/role.yaml", "rbac/role_binding.yaml",
		"metrics-server/role.yaml", "metrics-server/role_binding.yaml", "metrics-server/service.yaml", "metrics-server/api_service.yaml",
		"manager/service.yaml", "manager/manager.yaml",
	}
	kedaMetrics = []string{"metrics-server/deployment.yaml"}
)

// installKEDA installs KEDA and waits until it serves metrics. It is taken away at the end.
func (c *cluster) installKEDA() {
	c.Helper()
	c.Cleanup(c.removeKEDA)
	c.apply(kedaDefinitions)
	c.apply(kedaOperator)
	c.Until("KEDA's operator has made its certificates", clustertest.Patience, func(ctx context.Context) (string, bool) {
		secret := &corev1.Secret{}
		err := c.Get(ctx, types.NamespacedName{Namespace: kedaNamespace, Name: "kedaorg-certs"}, secret)
		return "kedaorg-certs", err == nil && len(secret.Data["tls.crt"]) > 0
	})
	c.apply(kedaMetrics) // it would have to wait for the certificates to be mounted otherwise
	for _, name := range []string{"keda-operator", "keda-metrics-apiserver"} {
		c.Until(name+" is available", clustertest.Patience, func(ctx context.Context) (string, bool) {
			d := &appsv1.Deployment{}
			err := c.Get(ctx, types.NamespacedName{Namespace: kedaNamespace, Name: name}, d)
			return "1 replica", err == nil && d.Status.AvailableReplicas > 0
		})
	}
	c.Until("the API server serves KEDA's metrics", clustertest.Patience, func(ctx context.Context) (string, bool) {
		s := c.object("apiregistration.k8s.io/v1", "APIService", "", apiService)
		if err := c.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
			return err.Error(), false
		}
		is, why := condition(s, "Available")
		return why, is == "True"
	})
}

// source is the folder of KEDA's manifests.
func (c *cluster) source() string {
	c.Helper()
	cache := os.Getenv("XDG_CACHE_HOME")
	if home, err := os.UserHomeDir(); cache == "" && err == nil {
		cache = filepath.Join(home, ".cache")
	}
	folder := filepath.Join(cache, "feedback-pipelines", "keda", kedaVersion, "src", "config")
	if _, err := os.Stat(folder); err != nil {
		c.Fatalf("no %s: run hack/cluster/keda/images first, which builds KEDA's images", folder)
	}
	return folder
}

// objects are those of KEDA's manifests.
func (c *cluster) objects(patterns []string) []*unstructured.Unstructured {
	c.Helper()
	var all []*unstructured.Unstructured
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(c.source(), pattern))
		clustertest.Must(c.T, err)
		if len(paths) == 0 {
			c.Fatalf("KEDA has no manifest %s", pattern)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			clustertest.Must(c.T, err)
			for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
				o := &unstructured.Unstructured{}
				clustertest.Must(c.T, yaml.Unmarshal(bytes.TrimPrefix(document, []byte("---\n")), &o.Object))
				if len(o.Object) > 0 {
					all = append(all, o)
				}
			}
		}
	}
	return all
}

// apply applies KEDA's manifests, as they are but for images.
func (c *cluster) apply(patterns []string) {
	c.Helper()
	for _, o := range c.objects(patterns) {
		if o.GetKind() == "Deployment" {
			o = c.withImage(o)
		}
		clustertest.Must(c.T, c.Apply(c.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("keda-e2e"), client.ForceOwnership))
	}
}

// withImage is a Deployment of KEDA with the image that ./images has built: ko names programs by their folders, and the
// user has to be a number.
func (c *cluster) withImage(o *unstructured.Unstructured) *unstructured.Unstructured {
	c.Helper()
	registry, tag := c.Images("E2E_KEDA_IMAGES", "registry.local/feedback/keda:"+kedaVersion)
	d := &appsv1.Deployment{}
	clustertest.Must(c.T, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, d))
	program := map[string]string{"/keda": "operator", "/keda-adapter": "adapter"}
	pod := &d.Spec.Template.Spec
	container := &pod.Containers[0]
	name := program[container.Command[0]]
	if name == "operator" {
		container.Args = append(container.Args, "--enable-webhook-patching=false")
	}
	container.Image, container.ImagePullPolicy, container.Command = registry+"/"+name+":"+tag, corev1.PullIfNotPresent, []string{"/ko-app/" + name}
	pod.SecurityContext.RunAsUser = new(int64(65532))
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d)
	clustertest.Must(c.T, err)
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}
}

// removeKEDA deletes KEDA, once it has let go of its objects.
func (c *cluster) removeKEDA() {
	c.Explain(kedaNamespace)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, kind := range []string{"ScaledObject", "TriggerAuthentication"} {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("keda.sh/v1alpha1")
		list.SetKind(kind + "List")
		_ = c.List(ctx, list, client.InNamespace(c.Namespace))
		for _, o := range list.Items { // what a failed run leaves
			_ = c.Delete(ctx, &o)
			_ = c.Patch(ctx, &o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		}
	}
	all := append(c.objects(kedaMetrics), append(c.objects(kedaOperator), c.objects(kedaDefinitions)...)...)
	for _, o := range all {
		if err := c.Delete(ctx, o); err != nil && !apierrors.IsNotFound(err) {
			c.Errorf("delete %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

func (c *cluster) object(version, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// condition is the status and the message of one of o's conditions.
func condition(o *unstructured.Unstructured, kind string) (is, why string) {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if fields, ok := c.(map[string]any); ok && fields["type"] == kind {
			is, _ = fields["status"].(string)
			why, _ = fields["message"].(string)
		}
	}
	return is, why
}
