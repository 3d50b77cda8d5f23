package desired_test

import (
	"context"
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

var apiServer *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(c *rest.Config) { apiServer = c }))
}

// TestServerTakesWhatIsRendered applies what Render gives to a real API server, twice: the second time nothing
// changes. The pods are admitted to a namespace that enforces the restricted Pod Security Standard.
func TestServerTakesWhatIsRendered(t *testing.T) {
	api, err := client.New(testenv.Need(t, apiServer), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"smallest", "full", "platform", "shadow"} {
		p := sample(t, name)
		p.Namespace = "feedback-" + name
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
		if err := api.Create(context.Background(), ns); err != nil {
			t.Fatal(err)
		}
		for _, object := range render(t, p).Objects {
			t.Run(name+"/"+object.GetObjectKind().GroupVersionKind().Kind+"/"+object.GetName(), func(t *testing.T) { serverTakes(t, api, object) })
		}
	}
}

func serverTakes(t *testing.T, api client.Client, object client.Object) {
	ctx := context.Background()
	first, second := apply(t, api, object), apply(t, api, object)
	if first != second {
		t.Errorf("resourceVersion = %s after the second apply, want %s as after the first", second, first)
	}
	d, ok := object.(*appsv1.Deployment)
	if !ok {
		return
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: d.Name, Namespace: d.Namespace, Labels: d.Spec.Template.Labels},
		Spec:       d.Spec.Template.Spec,
	}
	if err := api.Create(ctx, pod, client.DryRunAll); err != nil {
		t.Errorf("create its pod: %v", err)
	}
}

// apply applies object as its one owner would and returns its resourceVersion.
func apply(t *testing.T, api client.Client, object client.Object) string {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	delete(fields, "status")
	u := &unstructured.Unstructured{Object: fields}
	if err := api.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("feedback-pipeline-operator")); err != nil {
		t.Fatalf("apply: %v", err)
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GetObjectKind().GroupVersionKind())
	if err := api.Get(context.Background(), client.ObjectKeyFromObject(object), live); err != nil {
		t.Fatal(err)
	}
	return live.GetResourceVersion()
}
