package validate

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/config/crd"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// TestDefinitionIsAccepted judges the definition as an API server does when it is applied, the budget of its
// rules included.
func TestDefinitionIsAccepted(t *testing.T) {
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(crd.YAML, &v1); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&v1)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&v1.Spec)
	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &internal, nil); err != nil {
		t.Fatal(err)
	}
	internal.Status.StoredVersions = []string{"v1alpha1"}
	for _, err := range crdvalidation.ValidateCustomResourceDefinition(context.Background(), &internal) {
		t.Errorf("ValidateCustomResourceDefinition: %v", err)
	}
}

func TestRules(t *testing.T) {
	r, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			obj := manifest(t, c.changes)
			if unknown := r.prune(obj); len(unknown) > 0 {
				t.Fatalf("unknown fields %v", unknown)
			}
			r.fill(obj)
			expect(t, c.want, r.check(context.Background(), obj, nil).ToAggregate())
		})
	}
}

// TestAcceptedCanBeRendered: what the schema takes, Render takes.
func TestAcceptedCanBeRendered(t *testing.T) {
	for _, c := range rules {
		if c.want != "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			text, err := yaml.Marshal(manifest(t, c.changes))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Load(text)
			if err != nil {
				t.Fatalf("Load: %v", err)
			}
			if _, err := desired.Render(p, desired.Options{}); err != nil {
				t.Errorf("Render: %v", err)
			}
		})
	}
}

func TestRulesOfChanges(t *testing.T) {
	r, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			old, now := manifest(t, c.old), manifest(t, c.now)
			r.fill(old)
			r.fill(now)
			expect(t, c.want, r.check(context.Background(), now, old).ToAggregate())
		})
	}
}

// expect fails unless err says want, or is nil if want is empty.
func expect(t *testing.T, want string, err error) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v, want accepted", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("refused: %v\nwant %q", err, want)
	}
}
