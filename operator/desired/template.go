package desired

import (
	"cmp"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	// caVolume holds the certificate authorities of podTemplate.caBundleRef, at caFolder.
	caVolume = "ca-bundle"
	caFolder = "/etc/feedback-pipelines/ca"
)

// plain is m with values of type string, nil where m is empty.
func plain[V ~string](m map[string]V) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := map[string]string{}
	for key, value := range m {
		out[key] = string(value)
	}
	return out
}

// podLabels are podTemplate's, and the operator's own, which win.
func (w workload) podLabels() map[string]string {
	labels := w.labels()
	for key, value := range w.pipeline.Spec.PodTemplate.Labels {
		if _, ours := labels[key]; !ours {
			labels[key] = string(value)
		}
	}
	return labels
}

// resources are the component's of podTemplate, before those of all, before the operator's own.
func (w workload) resources() corev1.ResourceRequirements {
	template := w.pipeline.Spec.PodTemplate
	all := corev1.ResourceRequirements{
		Requests: maps.Clone(w.requests),
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(cmp.Or(w.limit, "256Mi"))},
	}
	overlay := func(r v1alpha1.Resources) {
		maps.Copy(all.Requests, r.Requests)
		maps.Copy(all.Limits, r.Limits)
	}
	overlay(template.Resources)
	for _, c := range template.Components {
		if c.Name == w.component {
			overlay(c.Resources)
		}
	}
	return all
}

func (w workload) pullSecrets() []corev1.LocalObjectReference {
	var all []corev1.LocalObjectReference
	for _, s := range w.pipeline.Spec.PodTemplate.ImagePullSecrets {
		all = append(all, corev1.LocalObjectReference{Name: s.Name})
	}
	return all
}

// variables are w's own, then those of podTemplate.
func (w workload) variables() []corev1.EnvVar {
	template := w.pipeline.Spec.PodTemplate
	e := append(environment(nil), w.env...)
	if proxy := template.Proxy; proxy != nil {
		e.set("HTTP_PROXY", proxy.HTTP)
		e.set("HTTPS_PROXY", proxy.HTTPS)
		e.set("NO_PROXY", strings.Join(proxy.NoProxy, ","))
	}
	if template.CABundleRef != nil {
		e.set("SSL_CERT_DIR", caFolder) // which Go reads beside the system's bundle file
	}
	for _, v := range template.Env {
		if ref := v.SecretKeyRef; ref != nil {
			e.secret(v.Name, ref.Name, ref.Key)
		} else {
			e = append(e, corev1.EnvVar{Name: v.Name, Value: v.Value})
		}
	}
	return e
}

func (w workload) volumes() []corev1.Volume {
	ca := w.pipeline.Spec.PodTemplate.CABundleRef
	if ca == nil {
		return nil
	}
	items := []corev1.KeyToPath{{Key: ca.Key, Path: "ca.crt"}}
	v := corev1.Volume{Name: caVolume}
	if ca.Kind == KindConfigMap {
		v.ConfigMap = &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: ca.Name}, Items: items}
	} else {
		v.Secret = &corev1.SecretVolumeSource{SecretName: ca.Name, Items: items}
	}
	return []corev1.Volume{v}
}

func (w workload) mounts() []corev1.VolumeMount {
	if w.pipeline.Spec.PodTemplate.CABundleRef == nil {
		return nil
	}
	return []corev1.VolumeMount{{Name: caVolume, MountPath: caFolder, ReadOnly: true}}
}
