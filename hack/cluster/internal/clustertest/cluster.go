// Package clustertest is what tests on a Kubernetes cluster share: the cluster itself with a namespace of the test's own,
// helm, waiting for a condition, and what to show when a test fails.
package clustertest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// Cluster is a cluster with a namespace of one test's own.
type Cluster struct {
	*testing.T
	client.WithWatch
	Config *rest.Config
	// API reaches what the client does not: logs, and a pod's or Service's HTTP by the API server.
	API kubernetes.Interface
	// Namespace enforces the restricted Pod Security Standard. It is deleted at the test's end.
	Namespace string

	began     time.Time
	explained bool
}

// Connect opens the cluster that KUBECONFIG gives, or skips the test and says so. The namespace's name begins with prefix.
func Connect(t *testing.T, prefix string) *Cluster {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Skip("SKIPPED: KUBECONFIG names no cluster")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	Must(t, err)
	return Open(t, config, prefix)
}

// Open makes the test's namespace on a cluster.
func Open(t *testing.T, config *rest.Config, prefix string) *Cluster {
	t.Helper()
	log.SetLogger(logr.Discard())
	scheme := runtime.NewScheme()
	Must(t, clientgoscheme.AddToScheme(scheme))
	Must(t, v1alpha1.AddToScheme(scheme))
	config.QPS, config.Burst = 50, 100
	c := &Cluster{T: t, Config: config, began: time.Now()}
	var err error
	c.WithWatch, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	Must(t, err)
	c.API, err = kubernetes.NewForConfig(config)
	Must(t, err)
	c.Namespace = c.Restricted(prefix)
	return c
}

// Must ends the test if there is an error.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Restricted makes a namespace that takes only what meets the restricted Pod Security Standard, and returns its name, which
// begins with prefix. It is deleted at the test's end, with what a failed test left in it, which is shown before.
func (c *Cluster) Restricted(prefix string) string {
	c.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
	}}}
	Must(c.T, c.Create(c.Context(), ns))
	c.Cleanup(func() {
		c.Explain()
		c.letGo(ns.Name)
		_ = c.Delete(context.Background(), ns)
	})
	return ns.Name
}

// letGo deletes the pipelines that a failed test left, and takes off the finalizers for which there is no operator any
// more, so that the namespace goes.
func (c *Cluster) letGo(namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var left v1alpha1.FeedbackPipelineList
	_ = c.List(ctx, &left, client.InNamespace(namespace))
	for _, p := range left.Items {
		_ = c.Delete(ctx, &p)
		_ = c.Patch(ctx, &p, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
	}
}

// Meta names an object of the test's namespace.
func (c *Cluster) Meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: c.Namespace, Name: name}
}

// Key is Meta as one asks for an object.
func (c *Cluster) Key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: c.Namespace, Name: name}
}
