package validate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/testenv"
)

var apiServer *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(c *rest.Config) { apiServer = c }))
}

// TestServer runs the tables of rules against a real API server that took the generated definition, so that what is
// said without a server is what a server says.
func TestServer(t *testing.T) {
	api, err := client.New(testenv.Need(t, apiServer), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			obj := &unstructured.Unstructured{Object: manifest(t, c.changes)}
			expect(t, c.want, api.Create(context.Background(), obj, client.DryRunAll))
		})
	}
	for _, name := range []string{"smallest", "full", "platform", "autoscaled", "fallback", "shadow", "llm"} {
		t.Run("sample: "+name, func(t *testing.T) {
			obj := &unstructured.Unstructured{}
			text, err := os.ReadFile(filepath.Join("..", "config", "samples", name+".yaml"))
			if err == nil {
				err = yaml.Unmarshal(text, &obj.Object)
			}
			if err != nil {
				t.Fatal(err)
			}
			obj.SetNamespace("default")
			strict := client.WithFieldValidation(api, metav1.FieldValidationStrict)
			expect(t, "", strict.Create(context.Background(), obj, client.DryRunAll))
		})
	}
	for i, c := range changes {
		t.Run("change: "+c.name, func(t *testing.T) { serverChange(t, api, fmt.Sprintf("c%d", i), c.old, c.now, c.want) })
	}
}

func serverChange(t *testing.T, api client.Client, name string, old, now edits, want string) {
	ctx := context.Background()
	obj := &unstructured.Unstructured{Object: manifest(t, old)}
	obj.SetName(name)
	if err := api.Create(ctx, obj); err != nil {
		t.Fatalf("create: %v", err)
	}
	next := &unstructured.Unstructured{Object: manifest(t, now)}
	next.SetName(name)
	next.SetResourceVersion(obj.GetResourceVersion())
	expect(t, want, api.Update(ctx, next, client.DryRunAll))
}
