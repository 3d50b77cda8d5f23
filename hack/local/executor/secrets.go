package executor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// secrets are the values that keys of Secrets and ConfigMaps refer to.
type secrets struct {
	file   string                       // where they come from, for errors; empty: the manifest names no file
	values map[string]map[string]string // by "Secret/name" or "ConfigMap/name", then by key
}

// readSecrets reads a YAML file of v1 Secrets and ConfigMaps of the namespace. An empty path gives none.
func readSecrets(path, namespace string) (secrets, error) {
	s := secrets{file: path, values: map[string]map[string]string{}}
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("read the Secrets file that annotation %s names: %w", SecretsFileAnnotation, err)
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for i := 1; ; i++ {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err == nil {
			err = s.add(text, namespace)
		}
		if err != nil {
			return s, fmt.Errorf("%s, document %d: %w", path, i, err)
		}
	}
}

// add takes one document. Its errors never quote a value.
func (s secrets) add(text []byte, namespace string) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return errors.New("not YAML of a Kubernetes object")
	}
	values := map[string]string{}
	var meta metav1.ObjectMeta
	switch {
	case kind.Kind == "" && len(bytes.TrimSpace(text)) == 0, kind == (metav1.TypeMeta{}) && onlyComments(text):
		return nil
	case kind.APIVersion == "v1" && kind.Kind == "Secret":
		var o corev1.Secret
		if err := yaml.UnmarshalStrict(text, &o); err != nil {
			return errors.New("not a v1 Secret: check the fields' names, and that values under data are base64 (plain ones go under stringData)")
		}
		meta = o.ObjectMeta
		for k, v := range o.Data {
			values[k] = string(v)
		}
		maps.Copy(values, o.StringData)
	case kind.APIVersion == "v1" && kind.Kind == "ConfigMap":
		var o corev1.ConfigMap
		if err := yaml.UnmarshalStrict(text, &o); err != nil {
			return fmt.Errorf("not a v1 ConfigMap: %w", err)
		}
		meta = o.ObjectMeta
		maps.Copy(values, o.Data)
	default:
		return fmt.Errorf("apiVersion %q, kind %q; want v1 Secrets and ConfigMaps", kind.APIVersion, kind.Kind)
	}
	if meta.Name == "" {
		return fmt.Errorf("%s: metadata.name is missing", kind.Kind)
	}
	if meta.Namespace == "" || meta.Namespace == namespace {
		s.values[kind.Kind+"/"+meta.Name] = values
	}
	return nil
}

func onlyComments(text []byte) bool {
	var v any
	return yaml.Unmarshal(text, &v) == nil && v == nil
}

// reference is a key of a Secret or ConfigMap that an environment variable's value comes from.
type reference struct {
	kind, name, key string
	optional        bool
}

// unresolved is a reference to a value that isn't there.
type unresolved struct{ error }

func unresolvedf(format string, args ...any) error { return unresolved{fmt.Errorf(format, args...)} }

// resolve returns the value. found is false where an optional one is missing; a missing one otherwise is an error that
// names the manifest's field, the object, the key and the file.
func (s secrets) resolve(p *v1alpha1.FeedbackPipeline, r reference) (value string, found bool, err error) {
	object, ok := s.values[r.kind+"/"+r.name]
	value, found = object[r.key]
	if found && value != "" || r.optional {
		return value, found, nil
	}
	field := strings.Join(referrers(p, r), ", ")
	if field == "" {
		field = "spec"
	}
	what := fmt.Sprintf("%s: %s %q, key %q", field, r.kind, r.name, r.key)
	switch {
	case s.file == "":
		return "", false, unresolvedf("%s: the manifest names no Secrets file; set annotation %s to one beside it", what, SecretsFileAnnotation)
	case !ok:
		return "", false, unresolvedf("%s: %s has no such %s; add it", what, s.file, r.kind)
	case found:
		return "", false, unresolvedf("%s: it is empty in %s; fill it in", what, s.file)
	default:
		return "", false, unresolvedf("%s: the %s in %s has no such key (it has %s); add it, or name another in the reference",
			what, r.kind, s.file, strings.Join(slices.Sorted(maps.Keys(object)), ", "))
	}
}

// referrers is the paths of the manifest's fields that refer to r's key of its object, or, where none names the key, to
// the object.
func referrers(p *v1alpha1.FeedbackPipeline, r reference) []string {
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&p.Spec)
	if err != nil {
		return nil
	}
	var toKey, toObject []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["name"] == r.name && strings.HasSuffix(path, "Ref") {
				toObject = append(toObject, path)
				if namesKey(v, r.key) {
					toKey = append(toKey, path)
				}
			}
			for k, child := range v {
				walk(path+"."+k, child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), child)
			}
		}
	}
	walk("spec", spec)
	paths := toKey
	if len(paths) == 0 {
		paths = toObject
	}
	slices.Sort(paths)
	return paths
}

// namesKey reports whether one of the keys that a reference's fields name (key, botTokenKey, ...) is key.
func namesKey(ref map[string]any, key string) bool {
	for field, value := range ref {
		if value == key && (field == "key" || strings.HasSuffix(field, "Key")) {
			return true
		}
	}
	return false
}
