package executor

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// TestMain makes the test binary a program that the executor can run, when it is started with HELPER.
func TestMain(m *testing.M) {
	if mode := os.Getenv("HELPER"); mode != "" {
		os.Exit(helper(mode))
	}
	os.Exit(m.Run())
}

// helper serves /readyz until SIGTERM. It prints its instance when it begins and "drained" when it ends; in mode
// stubborn it doesn't end, in mode broken it ends at once.
func helper(mode string) int {
	fmt.Println("begin", os.Getenv("INSTANCE"), os.Getenv("TOKEN"))
	if mode == "broken" {
		fmt.Println("no such broker")
		return 3
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		_ = http.ListenAndServe(os.Getenv("LISTEN_ADDRESS"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
		}))
	}()
	for {
		<-stop
		fmt.Println("told to stop")
		if mode != "stubborn" {
			fmt.Println("drained")
			return 0
		}
	}
}

// deployment is one that runs the helper.
func deployment(name, mode string) *appsv1.Deployment {
	grace := int64(5)
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			ServiceAccountName:            "none",
			SecurityContext:               &corev1.PodSecurityContext{},
			Containers: []corev1.Container{{
				Name: "main", Image: "registry.example/feedback/helper:v1", Command: []string{"/usr/local/bin/helper"},
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("http")},
				}},
				Env: []corev1.EnvVar{
					{Name: "HELPER", Value: mode},
					{Name: "LISTEN_ADDRESS", Value: ":8080"},
					{Name: "KAFKA_BOOTSTRAP_SERVERS", Value: "127.0.0.1:1"},
					{Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
						LocalObjectReference: corev1.LocalObjectReference{Name: "slack"}, Key: "bot-token",
					}}},
				},
			}},
		}}},
	}
}

// binaries is a folder with the helper in it.
func binaries(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "helper")); err != nil {
		t.Fatal(err)
	}
	return bin
}

// manifest is one whose Secret slack has a bot token.
func manifest() *Manifest {
	return &Manifest{
		Path: "pipeline.yaml",
		Pipeline: &v1alpha1.FeedbackPipeline{Spec: v1alpha1.FeedbackPipelineSpec{Sources: []v1alpha1.Source{{
			Name: "community", Slack: &v1alpha1.SlackSource{CredentialsSecretRef: v1alpha1.SlackAppReference{Name: "slack"}},
		}}}},
		secrets: secrets{file: "secrets.yaml", values: map[string]map[string]string{"Secret/slack": {"bot-token": "xoxb-1"}}},
	}
}

func plan(t *testing.T, objects ...client.Object) (Plan, error) {
	t.Helper()
	return planFor(t.Context(), manifest(), binaries(t), desired.Result{Objects: objects})
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
