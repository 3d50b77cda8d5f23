//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
)

// comparison is what the test reads of feedbackctl compare -o json.
type comparison struct {
	Compared, Fallback int
	Scorer, Shadow     struct {
		Models  []string
		Missing int
	}
	Routes []struct{ Route, Channel string }
}

// compared runs feedbackctl compare and looks whether the language model and Azure have scored the same events, and
// whether the fallback has some.
func (s *scene) compared(fallback bool) {
	s.Helper()
	out := s.feedbackctl("compare", "--manifest", "/manifest/pipeline.yaml", "--kafka", strings.Join(s.kafka.Bootstrap(), ","), "-o", "json")
	var c comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		s.Fatalf("feedbackctl compare: %v in %s", err, out)
	}
	s.note = fmt.Sprintf(" (%d events, %d by the fallback; the scorer: %s; the shadow: %s)",
		c.Compared, c.Fallback, strings.Join(c.Scorer.Models, " "), strings.Join(c.Shadow.Models, " "))
	scorer, shadow := strings.Join(c.Scorer.Models, " "), strings.Join(c.Shadow.Models, " ")
	if c.Compared < 10 || len(c.Routes) != 2 || c.Scorer.Missing+c.Shadow.Missing > 0 ||
		!strings.Contains(scorer, "llm/") || !strings.Contains(shadow, "azure-language/") || strings.Contains(shadow, "builtin/") ||
		fallback != (c.Fallback > 0) || fallback != strings.Contains(scorer, "builtin/") {
		s.Errorf("fallback %v: compare says %s", fallback, out)
	}
}

// feedbackctl runs the program in a pod that has the pipeline's manifest in /manifest, and returns what it writes.
func (s *scene) feedbackctl(args ...string) string {
	s.Helper()
	registry, tag := s.Present()
	manifest := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, GenerateName: "manifest-"},
		Data: map[string]string{"pipeline.yaml": string(s.manifests[len(s.manifests)-1])}}
	clustertest.Must(s.T, s.Create(s.Context(), manifest))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, GenerateName: "feedbackctl-"}, Spec: corev1.PodSpec{
		RestartPolicy:   corev1.RestartPolicyNever,
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(65532)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		Volumes: []corev1.Volume{{Name: "manifest", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: manifest.Name}},
		}}},
		Containers: []corev1.Container{{
			Name: "feedbackctl", Image: registry + "/feedbackctl:" + tag, ImagePullPolicy: corev1.PullIfNotPresent, Args: args,
			VolumeMounts:    []corev1.VolumeMount{{Name: "manifest", MountPath: "/manifest", ReadOnly: true}},
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		}},
	}}
	clustertest.Must(s.T, s.Create(s.Context(), pod))
	s.Until("feedbackctl "+args[0]+" has ended", clustertest.Patience, func(ctx context.Context) (string, bool) {
		if err := s.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return err.Error(), false
		}
		return string(pod.Status.Phase), pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	out, err := s.API.CoreV1().Pods(s.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(s.Context())
	clustertest.Must(s.T, err)
	if pod.Status.Phase != corev1.PodSucceeded {
		s.Fatalf("feedbackctl %s: %s", strings.Join(args, " "), out)
	}
	clustertest.Must(s.T, s.Delete(s.Context(), pod, client.GracePeriodSeconds(0)))
	return string(out)
}

// names are those of a list's objects, each with its kind.
func names(list client.ObjectList) []string {
	var all []string
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		all = append(all, fmt.Sprintf("%T %s", o, o.(client.Object).GetName()))
		return nil
	})
	return all
}
