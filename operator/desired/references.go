package desired

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// The kinds of objects that a Reference names.
const (
	KindSecret    = "Secret"
	KindConfigMap = "ConfigMap"
)

// Reference is a key of a Secret or ConfigMap in the pipeline's namespace.
type Reference struct {
	Kind, Name, Key string
}

// String is as people write it: Secret slack/bot-token.
func (r Reference) String() string { return r.Kind + " " + r.Name + "/" + r.Key }

// AnnotationReferences stands on pods: a hash of all that they take from Secrets and ConfigMaps, so that a change
// rolls them out.
const AnnotationReferences = "feedbackpipeline.dev/references"

// References are what d's pods take from Secrets and ConfigMaps as variables and files, sorted, each once.
func References(d *appsv1.Deployment) []Reference {
	var all []Reference
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, v := range c.Env {
			if r, ok := reference(v.ValueFrom); ok {
				all = append(all, r)
			}
		}
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		if v.Secret != nil {
			all = append(all, files(KindSecret, v.Secret.SecretName, v.Secret.Items)...)
		}
		if v.ConfigMap != nil {
			all = append(all, files(KindConfigMap, v.ConfigMap.Name, v.ConfigMap.Items)...)
		}
	}
	slices.SortFunc(all, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
	return slices.Compact(all)
}

func reference(from *corev1.EnvVarSource) (Reference, bool) {
	switch {
	case from == nil:
		return Reference{}, false
	case from.SecretKeyRef != nil:
		return Reference{Kind: KindSecret, Name: from.SecretKeyRef.Name, Key: from.SecretKeyRef.Key}, true
	case from.ConfigMapKeyRef != nil:
		return Reference{Kind: KindConfigMap, Name: from.ConfigMapKeyRef.Name, Key: from.ConfigMapKeyRef.Key}, true
	}
	return Reference{}, false
}

func files(kind, name string, items []corev1.KeyToPath) []Reference {
	var all []Reference
	for _, item := range items {
		all = append(all, Reference{Kind: kind, Name: name, Key: item.Key})
	}
	return all
}
