package validate

import (
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"sigs.k8s.io/yaml"
)

// TestEveryRequiredFieldHasAnExample: whoever leaves out a field of the spec is told what to write.
func TestEveryRequiredFieldHasAnExample(t *testing.T) {
	r, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	check := func(path string) {
		seen++
		var got map[string]any
		name := path[strings.LastIndex(path, ".")+1:]
		if err := yaml.Unmarshal([]byte(exampleOf(path)), &got); err != nil || len(got) != 1 || got[name] == nil {
			t.Errorf("example of %s = %q (%v), want one that sets %s", path, exampleOf(path), err, name)
		}
	}
	var walk func(path string, s *schema.Structural)
	walk = func(path string, s *schema.Structural) {
		if v := s.ValueValidation; v != nil {
			for _, name := range v.Required {
				check(path + "." + name)
			}
			if v.MinItems != nil {
				check(path)
			}
		}
		for name, child := range s.Properties {
			walk(path+"."+name, &child)
		}
		if s.Items != nil {
			walk(path, s.Items)
		}
	}
	spec := r.structural.Properties["spec"]
	check("spec")
	walk("spec", &spec)
	if seen < len(examples) {
		t.Errorf("%d fields are required, %d have an example, want none for others", seen, len(examples))
	}
}

// TestExampleIsAccepted: the example of the whole spec is a pipeline.
func TestExampleIsAccepted(t *testing.T) {
	head, _, _ := strings.Cut(base, "spec:")
	if _, err := Load([]byte(head + examples["spec"])); err != nil {
		t.Errorf("Load = %v, want the example accepted", err)
	}
}
