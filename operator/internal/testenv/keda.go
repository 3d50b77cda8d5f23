package testenv

import (
	"context"
	_ "embed"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

//go:embed testdata/keda.yaml
var kedaDefinitions string

// InstallKEDA gives the API server KEDA's kinds, without anything that acts on them, and returns when they are served. It
// returns what takes them, and all objects of these kinds, away again; called or not, that is done at the test's end.
func InstallKEDA(t testing.TB, config *rest.Config) (remove func()) {
	t.Helper()
	api, err := client.New(Need(t, config), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var definitions []*unstructured.Unstructured
	for document := range strings.SplitSeq(kedaDefinitions, "\n---\n") {
		d := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &d.Object); err != nil {
			t.Fatal(err)
		}
		if err := api.Create(context.Background(), d.DeepCopy()); err != nil {
			t.Fatalf("create %s: %v", d.GetName(), err)
		}
		definitions = append(definitions, d)
	}
	for _, d := range definitions {
		until(t, d.GetName()+" is served", func(ctx context.Context) bool {
			group, _, _ := unstructured.NestedString(d.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(d.Object, "spec", "names", "listKind")
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion(group + "/v1alpha1")
			list.SetKind(kind)
			return api.List(ctx, list) == nil
		})
	}
	remove = func() {
		for _, d := range definitions {
			if err := client.IgnoreNotFound(api.Delete(context.Background(), d.DeepCopy())); err != nil {
				t.Errorf("delete %s: %v", d.GetName(), err)
			}
		}
		for _, d := range definitions {
			until(t, d.GetName()+" has gone", func(ctx context.Context) bool {
				return apierrors.IsNotFound(api.Get(ctx, client.ObjectKeyFromObject(d), d.DeepCopy()))
			})
		}
	}
	t.Cleanup(remove)
	return remove
}

func until(t testing.TB, what string, done func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) { return done(ctx), nil })
	if err != nil {
		t.Fatalf("waited a minute until %s", what)
	}
}
