package executor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

func TestPlanRunsADeploymentEnvForEnv(t *testing.T) {
	t.Setenv("SOMETHING_OF_OURS", "not theirs")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
	d := deployment("azure-helper", "serve")
	two := int32(2)
	d.Spec.Replicas = &two
	d.Spec.Template.Spec.Containers[0].Args = []string{"-price=$$5", "-unset=$(UNSET)"}
	p, err := plan(t, d)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(p.Programs), 2; got != want {
		t.Fatalf("programs = %d, want %d", got, want)
	}
	first, second := p.Programs[0], p.Programs[1]
	if got, want := first.Name+" "+second.Name, "azure-helper-0 azure-helper-1"; got != want {
		t.Errorf("names = %s, want %s", got, want)
	}
	if got, want := strings.Join(first.Args, " "), "-price=$5 -unset=$(UNSET)"; got != want {
		t.Errorf("args = %s, want %s, as a container would see them", got, want)
	}
	for _, want := range []string{"HELPER=serve", "TOKEN=xoxb-1", "INSTANCE=azure-helper-0", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"} {
		if !slices.Contains(first.Env, want) {
			t.Errorf("env has no %s", want)
		}
	}
	if slices.ContainsFunc(first.Env, func(v string) bool { return strings.HasPrefix(v, "SOMETHING_OF_OURS") }) {
		t.Error("the env of this process leaked into the program's")
	}
	if a, b := first.Listens["LISTEN_ADDRESS"], second.Listens["LISTEN_ADDRESS"]; a == b || !strings.HasPrefix(a, "127.0.0.1:") {
		t.Errorf("listen addresses = %s, %s; want two different ones on the loopback interface", a, b)
	}
	if got, want := first.Ready, "http://"+first.Listens["LISTEN_ADDRESS"]+"/readyz"; got != want {
		t.Errorf("ready = %s, want %s", got, want)
	}
	if got, want := p.Kafka["KAFKA_BOOTSTRAP_SERVERS"], "127.0.0.1:1"; got != want {
		t.Errorf("Kafka = %s, want %s", got, want)
	}
}

func TestPlanRefusesByField(t *testing.T) {
	container := func(f func(c *corev1.Container)) client.Object {
		d := deployment("azure-helper", "serve")
		f(&d.Spec.Template.Spec.Containers[0])
		return d
	}
	env := func(e corev1.EnvVar) client.Object {
		return container(func(c *corev1.Container) { c.Env = append(c.Env, e) })
	}
	pod := func(f func(p *corev1.PodSpec)) client.Object {
		d := deployment("azure-helper", "serve")
		f(&d.Spec.Template.Spec)
		return d
	}
	exec := &corev1.ExecAction{Command: []string{"true"}}
	for _, c := range []struct {
		name   string
		object client.Object
		want   string
	}{
		{"fieldRef", env(corev1.EnvVar{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}), "containers[0].env[4] (POD): fieldRef metadata.name"},
		{"resourceFieldRef", env(corev1.EnvVar{Name: "CPU", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}}), "env[4] (CPU): valueFrom"},
		{"$(VAR) in env", env(corev1.EnvVar{Name: "URL", Value: "http://$(HELPER)/"}), "env[4] (URL): refers to $(HELPER)"},
		{"$(VAR) in args", container(func(c *corev1.Container) { c.Args = []string{"$(HELPER)"} }), "containers[0].args: refers to $(HELPER)"},
		{"envFrom", container(func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{{Prefix: "X"}} }), "containers[0].envFrom"},
		{"subPath", container(func(c *corev1.Container) {
			c.VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp", SubPath: "a"}}
		}), "containers[0].volumeMounts[0]"},
		{"a mounted path", container(func(c *corev1.Container) {
			c.VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/etc/settings"}}
		}), "containers[0].volumeMounts[0]"},
		{"a Secret's volume", pod(func(p *corev1.PodSpec) {
			p.Volumes = []corev1.Volume{{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "slack"}}}}
		}), "volumes[0]"},
		{"init container", pod(func(p *corev1.PodSpec) { p.InitContainers = []corev1.Container{{Name: "init"}} }), "spec.template.spec.initContainers"},
		{"second container", pod(func(p *corev1.PodSpec) { p.Containers = append(p.Containers, corev1.Container{Name: "sidecar"}) }), "containers: 2 containers"},
		{"host network", pod(func(p *corev1.PodSpec) { p.HostNetwork = true }), "hostNetwork"},
		{"exec hook", container(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: exec}}
		}), "containers[0].lifecycle"},
		{"exec probe", container(func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: exec}}
		}), "containers[0].livenessProbe.exec"},
		{"fixed port", container(func(c *corev1.Container) { c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: 9999}) }), "containers[0].ports[1]: 9999 is fixed"},
		{"host port", container(func(c *corev1.Container) { c.Ports[0].HostPort = 8080 }), "containers[0].ports[0].hostPort"},
		{"working directory", container(func(c *corev1.Container) { c.WorkingDir = "/app" }), "containers[0].workingDir"},
		{"no command", container(func(c *corev1.Container) { c.Command = nil }), "containers[0].command"},
		{"another command", container(func(c *corev1.Container) { c.Command = []string{"sh", "-c", "helper"} }), "containers[0].command"},
		{"no binary", container(func(c *corev1.Container) { c.Image, c.Command = "nobody", []string{"/nobody"} }), "build it first"},
		{"a Job", &batchv1.Job{TypeMeta: metav1.TypeMeta{Kind: "Job"}, ObjectMeta: metav1.ObjectMeta{Name: "once"}}, "Job once"},
		{"an autoscaler", &autoscalingv2.HorizontalPodAutoscaler{TypeMeta: metav1.TypeMeta{Kind: "HorizontalPodAutoscaler"}}, "HorizontalPodAutoscaler"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := plan(t, c.object)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestPlanLetsThroughWhatDoesNotMatterHere(t *testing.T) {
	d := deployment("azure-helper", "serve")
	d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	c := &d.Spec.Template.Spec.Containers[0]
	c.VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}}
	c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}}
	service := &corev1.Service{TypeMeta: metav1.TypeMeta{Kind: "Service"}}
	if _, err := plan(t, d, service); err != nil {
		t.Error(err)
	}
}

func TestMissingValueNamesFieldObjectKeyAndFile(t *testing.T) {
	for _, c := range []struct {
		name string
		with secrets
		want string
	}{
		{"no such key", secrets{file: "secrets.yaml", values: map[string]map[string]string{"Secret/slack": {"app-token": "x"}}},
			`spec.sources[0].slack.credentialsSecretRef: Secret "slack", key "bot-token": the Secret in secrets.yaml has no such key (it has app-token)`},
		{"no such Secret", secrets{file: "secrets.yaml"},
			`spec.sources[0].slack.credentialsSecretRef: Secret "slack", key "bot-token": secrets.yaml has no such Secret`},
		{"empty", secrets{file: "secrets.yaml", values: map[string]map[string]string{"Secret/slack": {"bot-token": ""}}}, `it is empty in secrets.yaml`},
		{"no file", secrets{}, "set annotation feedbackpipeline.dev/secrets-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := manifest()
			m.secrets = c.with
			one, other := deployment("azure-a", "serve"), deployment("azure-b", "serve")
			pl := &planner{manifest: m, bin: binaries(t), taken: map[int]bool{}}
			for _, d := range []*appsv1.Deployment{one, other} {
				pl.object(t.Context(), d)
			}
			if got, want := len(pl.problems), 1; got != want {
				t.Fatalf("problems = %d (%v), want %d: the same one is told once", got, pl.problems, want)
			}
			if got := pl.problems[0].Error(); !strings.Contains(got, c.want) {
				t.Errorf("problem = %s\nwant one with %s", got, c.want)
			}
		})
	}
}

// TestMissingKeyBlamesOnlyWhoReadsIt: of several fields that refer to a Secret.
func TestMissingKeyBlamesOnlyWhoReadsIt(t *testing.T) {
	p := manifest().Pipeline
	source := &p.Spec.Sources[0].Slack.CredentialsSecretRef
	source.BotTokenKey, source.AppTokenKey = "bot-token", "app-token"
	p.Spec.Routes = []v1alpha1.Route{{Name: "negative", Slack: &v1alpha1.SlackSink{
		CredentialsSecretRef: v1alpha1.SlackBotReference{Name: "slack", BotTokenKey: "bot-token"},
	}}}
	s := secrets{file: "secrets.yaml", values: map[string]map[string]string{"Secret/slack": {"other": "x"}}}
	for key, want := range map[string]string{
		"app-token": "spec.sources[0].slack.credentialsSecretRef: Secret",
		"bot-token": "spec.routes[0].slack.credentialsSecretRef, spec.sources[0].slack.credentialsSecretRef: Secret",
		"nobody's":  "spec.routes[0].slack.credentialsSecretRef, spec.sources[0].slack.credentialsSecretRef: Secret",
	} {
		_, _, err := s.resolve(p, reference{kind: "Secret", name: "slack", key: key})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("resolve(%s) = %v, want it to begin with %s", key, err, want)
		}
	}
}

func TestReadSecrets(t *testing.T) {
	const good = "# a comment\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: slack}\ndata: {bot-token: eG94Yi0x}\nstringData: {app-token: xapp-1}\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata: {ca.crt: PEM}\n" +
		"---\napiVersion: v1\nkind: Secret\nmetadata: {name: slack, namespace: elsewhere}\nstringData: {bot-token: not ours}\n"
	for _, c := range []struct{ name, text, wantErr string }{
		{"good", good, ""},
		{"not base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: slack}\ndata: {bot-token: xoxb-hidden!}\n", "document 1: not a v1 Secret"},
		{"another kind", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", `kind "Pod"`},
		{"no name", "apiVersion: v1\nkind: Secret\nstringData: {a: b}\n", "metadata.name is missing"},
		{"a typo", "apiVersion: v1\nkind: Secret\nmetadata: {name: slack}\nstringDat: {bot-token: xoxb-hidden}\n", "not a v1 Secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secrets.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := readSecrets(path, "default")
			switch {
			case c.wantErr != "":
				if err == nil || !strings.Contains(err.Error(), c.wantErr) || strings.Contains(err.Error(), "hidden") {
					t.Errorf("err = %v, want one with %q and without the value", err, c.wantErr)
				}
			case err != nil:
				t.Error(err)
			default:
				slack := s.values["Secret/slack"]
				if got, want := slack["bot-token"]+" "+slack["app-token"]+" "+s.values["ConfigMap/ca"]["ca.crt"], "xoxb-1 xapp-1 PEM"; got != want {
					t.Errorf("values = %q, want %q", got, want)
				}
			}
		})
	}
}

func TestRealManifestsAreRendered(t *testing.T) {
	t.Run("pipeline.yaml", func(t *testing.T) { rendered(t, "pipeline.yaml") })
	t.Run("llm.yaml", func(t *testing.T) {
		rendered(t, "llm.yaml", "SCORER_LLM_ENDPOINT=http://127.0.0.1:1/v1\n", "SCORER_LLM_KEY=simulator\n")
	})
	t.Run("azure.yaml", func(t *testing.T) {
		rendered(t, "azure.yaml", "SCORER_AZURE_ENDPOINT=http://127.0.0.1:1\n", "SCORER_AZURE_KEY=simulator\n")
	})
}

// TestShadowTalksToTheSimulator: no backend of a demo asks the service that the manifest names.
func TestShadowTalksToTheSimulator(t *testing.T) {
	m, err := Read("../../demo/llm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scorer := &m.Pipeline.Spec.Scorer
	scorer.Shadow = &v1alpha1.ShadowScorer{Backend: *scorer.Backend.DeepCopy()}
	scorer.Backend = v1alpha1.Backend{Builtin: &v1alpha1.BuiltinScorer{}}
	m.UseSimulator("http://127.0.0.1:1")
	if got, want := scorer.Shadow.LLM.Endpoint, "http://127.0.0.1:1/v1"; got != want {
		t.Errorf("the shadow asks %s, want %s", got, want)
	}
}

// rendered checks what the demo's manifest is with the simulator.
func rendered(t *testing.T, name string, more ...string) {
	t.Helper()
	m, err := Read("../../demo/" + name)
	if err != nil {
		t.Fatal(err)
	}
	m.UseSimulator("http://127.0.0.1:1")
	m.UseKafka([]string{"127.0.0.1:2"}, true)
	bin := t.TempDir()
	for _, name := range []string{"slack-ingest", "twitter-ingest", "sentiment-scorer", "notifier"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewPlan(t.Context(), m, bin)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(p.Programs), 4; got != want {
		t.Errorf("programs = %d, want %d", got, want)
	}
	all := ""
	for _, program := range p.Programs {
		all += strings.Join(program.Env, "\n") + "\n"
		if program.Ready == "" {
			t.Errorf("%s has no readiness probe", program.Name)
		}
	}
	for _, want := range append(more, "SLACK_API_URL=http://127.0.0.1:1/api/\n", "X_API_URL=http://127.0.0.1:1\n", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:2\n", "SLACK_APP_TOKEN=xapp-simulator\n") {
		if !strings.Contains(all, want) {
			t.Errorf("no program has %s", want)
		}
	}
}
