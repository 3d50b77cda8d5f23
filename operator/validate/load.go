package validate

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// DefaultNamespace is the namespace of a manifest that names none.
const DefaultNamespace = "default"

// Load reads the one FeedbackPipeline in manifest (YAML or JSON), sets the defaults of the
// CustomResourceDefinition and checks all that the API server would check, plus unknown fields, plus
// desired.Validate. A manifest without a namespace gets DefaultNamespace, as kubectl would do.
//
// A manifest that is refused gives Problems: all that is wrong with it, by field.
func Load(manifest []byte) (*v1alpha1.FeedbackPipeline, error) {
	r, err := embedded()
	if err != nil {
		return nil, err
	}
	obj, err := document(manifest)
	if err != nil {
		return nil, err
	}
	var problems Problems
	for _, path := range r.prune(obj) {
		problems = append(problems, unknown(r.structural, path))
	}
	r.fill(obj)
	errs := r.check(context.Background(), obj, nil)

	p, unread, err := typed(obj)
	problems = append(problems, unread...)
	switch {
	case err == nil:
		errs = append(errs, desired.Check(p)...)
	case len(errs) == 0:
		return nil, fmt.Errorf("manifest: %w", err)
	}
	problems = append(problems, explain(errs)...)
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return p, nil
}

// typed returns obj as a pipeline, with the problems of its metadata, of which the schema does not speak. An error
// is a value of the wrong type, which the schema refuses too.
func typed(obj map[string]any) (*v1alpha1.FeedbackPipeline, Problems, error) {
	var problems Problems
	p := &v1alpha1.FeedbackPipeline{}
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(obj, p, true)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		for _, e := range strict.Errors() {
			path := strings.Trim(strings.TrimPrefix(e.Error(), "unknown field "), `"`)
			problems = append(problems, Problem{Field: path, Detail: "unknown field; remove it"})
		}
		err = nil
	}
	p.Namespace = cmp.Or(p.Namespace, DefaultNamespace)
	for _, reason := range validation.IsDNS1123Label(p.Namespace) {
		problems = append(problems, Problem{Field: "metadata.namespace", Detail: fmt.Sprintf("%q: %s", p.Namespace, reason)})
	}
	return p, problems, err
}

// document returns the only document of manifest that is not empty. It must be a FeedbackPipeline.
func document(manifest []byte) (map[string]any, error) {
	var found map[string]any
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
		obj, err := parse(text)
		if err != nil {
			return nil, err
		}
		if obj == nil {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("manifest: more than one document (%v, %v); put each into a file of its own", found["kind"], obj["kind"])
		}
		found = obj
	}
	if found == nil {
		return nil, errors.New("manifest: empty; write a FeedbackPipeline")
	}
	want := v1alpha1.GroupVersion.String()
	if found["apiVersion"] != want || found["kind"] != v1alpha1.Kind {
		return nil, fmt.Errorf("manifest: apiVersion %v, kind %v; want apiVersion %s, kind %s", found["apiVersion"], found["kind"], want, v1alpha1.Kind)
	}
	if name, _, _ := unstructured.NestedString(found, "metadata", "name"); name == "" {
		return nil, errors.New("manifest: metadata.name: is missing; name the pipeline")
	}
	return found, nil
}

// parse returns one document, nil if it is empty. A key that stands twice in a mapping is an error.
func parse(text []byte) (map[string]any, error) {
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		if problems := infinite(text); len(problems) > 0 {
			return nil, problems
		}
		return nil, fmt.Errorf("manifest: not YAML: %s", strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "))
	}
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil, nil
	}
	var obj map[string]any
	if err := utiljson.Unmarshal(raw, &obj); err != nil {
		return nil, errors.New("manifest: not a mapping; begin with apiVersion and kind")
	}
	return obj, nil
}
