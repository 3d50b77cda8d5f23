package desired_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func deployments(r desired.Result) []*appsv1.Deployment {
	var all []*appsv1.Deployment
	for _, object := range r.Objects {
		if d, ok := object.(*appsv1.Deployment); ok {
			all = append(all, d)
		}
	}
	return all
}

func containers(r desired.Result) []corev1.Container {
	var all []corev1.Container
	for _, d := range deployments(r) {
		all = append(all, d.Spec.Template.Spec.Containers...)
	}
	return all
}

// TestExecutorsCanRun holds Render to what hack/local can run as a process.
func TestExecutorsCanRun(t *testing.T) {
	for _, p := range everything(t) {
		for _, d := range deployments(render(t, p)) {
			pod := d.Spec.Template.Spec
			if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 || len(pod.Volumes) != 0 {
				t.Fatalf("%s: %d containers, %d init containers, %d volumes; want 1, 0, 0", d.Name, len(pod.Containers), len(pod.InitContainers), len(pod.Volumes))
			}
			c := pod.Containers[0]
			if len(c.Command) != 1 || !strings.HasSuffix(c.Command[0], "/"+c.Name) || len(c.Args) != 0 || len(c.EnvFrom) != 0 || c.Lifecycle != nil {
				t.Errorf("%s: command %v, args %v, envFrom %v, lifecycle %v; want the program's path alone", d.Name, c.Command, c.Args, c.EnvFrom, c.Lifecycle)
			}
			for _, v := range c.Env {
				if from := v.ValueFrom; from != nil && from.SecretKeyRef == nil && from.ConfigMapKeyRef == nil {
					t.Errorf("%s: %s is from %v, want a key of a Secret or ConfigMap", d.Name, v.Name, from)
				}
			}
			listens := value(c, "LISTEN_ADDRESS")
			for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
				if got := ":" + probe.HTTPGet.Port.String(); got != listens {
					t.Errorf("%s: %s is probed at %s, LISTEN_ADDRESS is %s", d.Name, probe.HTTPGet.Path, got, listens)
				}
			}
		}
	}
}

func TestPodsAreRestricted(t *testing.T) {
	for _, d := range deployments(render(t, sample(t, "full"))) {
		pod := d.Spec.Template.Spec
		c := pod.Containers[0]
		for what, ok := range map[string]bool{
			"no service account token": !*pod.AutomountServiceAccountToken,
			"non-root":                 *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser > 0,
			"RuntimeDefault":           pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
			"no escalation":            !*c.SecurityContext.AllowPrivilegeEscalation,
			"read-only root":           *c.SecurityContext.ReadOnlyRootFilesystem,
			"no capabilities":          len(c.SecurityContext.Capabilities.Drop) == 1 && c.SecurityContext.Capabilities.Drop[0] == "ALL",
			"requests":                 !c.Resources.Requests.Cpu().IsZero() && !c.Resources.Requests.Memory().IsZero(),
			"memory limit":             !c.Resources.Limits.Memory().IsZero(),
		} {
			if !ok {
				t.Errorf("%s: want %s", d.Name, what)
			}
		}
	}
}

func TestReplicasAndStrategy(t *testing.T) {
	three := int32(3)
	tests := []struct {
		name   string
		change func(*v1alpha1.FeedbackPipeline)
		want   map[string]int32 // component or source -> replicas; -1: left to others
	}{
		{"full", func(*v1alpha1.FeedbackPipeline) {}, map[string]int32{"community": 1, "partners": 0, "mentions": 1, "scorer": 2, "notifier": 1}},
		{"scorer left to others", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Replicas = nil }, map[string]int32{"community": 1, "partners": 0, "mentions": 1, "scorer": -1, "notifier": 1}},
		{"three scorers", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer.Replicas = &three }, map[string]int32{"community": 1, "partners": 0, "mentions": 1, "scorer": 3, "notifier": 1}},
		{"suspended", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true; p.Spec.Scorer.Replicas = nil }, map[string]int32{"community": 0, "partners": 0, "mentions": 0, "scorer": 0, "notifier": 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, d := range deployments(render(t, sample(t, "full", tt.change))) {
				name := d.Labels[desired.LabelSource]
				wantStrategy := appsv1.RecreateDeploymentStrategyType
				if name == "" {
					name = d.Labels["app.kubernetes.io/component"]
					wantStrategy = appsv1.RollingUpdateDeploymentStrategyType
				}
				got := int32(-1)
				if d.Spec.Replicas != nil {
					got = *d.Spec.Replicas
				}
				if got != tt.want[name] {
					t.Errorf("%s: replicas = %d, want %d", name, got, tt.want[name])
				}
				if got := d.Spec.Strategy.Type; got != wantStrategy {
					t.Errorf("%s: strategy = %s, want %s", name, got, wantStrategy)
				}
				spread := len(d.Spec.Template.Spec.TopologySpreadConstraints) > 0
				if want := name == "scorer" && tt.name != "suspended" && tt.name != "scorer left to others"; spread != want {
					t.Errorf("%s: spread = %v, want %v", name, spread, want)
				}
			}
		})
	}
}

func TestServices(t *testing.T) {
	got := map[string]int32{}
	for _, object := range render(t, sample(t, "full")).Objects {
		if s, ok := object.(*corev1.Service); ok {
			got[s.Labels["app.kubernetes.io/component"]+"/"+s.Labels[desired.LabelSource]] = s.Spec.Ports[0].Port
		}
	}
	want := map[string]int32{"source/partners": 3000, "scorer/": 9090, "metrics/": 8080}
	if len(got) != len(want) {
		t.Fatalf("Services = %v, want %v", got, want)
	}
	for name, port := range want {
		if got[name] != port {
			t.Errorf("Service %s has port %d, want %d", name, got[name], port)
		}
	}
}

func TestSelectorsTellPodsApart(t *testing.T) {
	all := deployments(render(t, sample(t, "full")))
	for _, d := range all {
		for _, other := range all {
			selected := true
			for key, value := range d.Spec.Selector.MatchLabels {
				selected = selected && other.Spec.Template.Labels[key] == value
			}
			if want := d == other; selected != want {
				t.Errorf("%s selects the pods of %s: %v, want %v", d.Name, other.Name, selected, want)
			}
		}
	}
}

func TestImages(t *testing.T) {
	tests := []struct {
		options desired.Options
		want    string
	}{
		{desired.Options{}, "notifier"},
		{desired.Options{Registry: "ghcr.io/feedback/", Tag: "v1"}, "ghcr.io/feedback/notifier:v1"},
		{desired.Options{Registry: "x/", Images: map[string]string{desired.Notifier: "y@sha256:0"}}, "y@sha256:0"},
	}
	for _, tt := range tests {
		r, err := desired.Render(sample(t, "smallest"), tt.options)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range containers(r) {
			if c.Name == desired.Notifier && c.Image != tt.want {
				t.Errorf("image with %+v = %q, want %q", tt.options, c.Image, tt.want)
			}
		}
	}
}
