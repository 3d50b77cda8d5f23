package chart

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/config/crd"
	"github.com/feedback-pipelines/feedback-pipelines/operator/config/rbac"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

var update = flag.Bool("update", false, "write the goldens anew")

const folder = "../../../charts/feedback-pipeline"

// kubernetes is the version that is rendered for; helm without a cluster would take its own.
const kubernetes = "1.34.0"

var findHelm = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("../../tools/tool", "helm").Output()
	return strings.TrimSpace(string(out)), err
})

// helm runs helm and returns what it wrote, and as an error what it complained of.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := findHelm()
	if err != nil {
		t.Skip("SKIPPED: no helm, and it cannot be installed:", err)
	}
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, complaint.String())
	}
	return out.String(), nil
}

// template renders the chart with values, as --set takes them.
func template(t *testing.T, values ...string) (string, error) {
	t.Helper()
	args := []string{"template", "release", folder, "--namespace", "feedback", "--kube-version", kubernetes}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	return helm(t, args...)
}

// render is template of values that are right.
func render(t *testing.T, values ...string) string {
	t.Helper()
	out, err := template(t, values...)
	if err != nil {
		t.Fatalf("helm template %q: %v", values, err)
	}
	return out
}

// objects are those of a rendering, by kind and name; hooks are among them.
func objects(t *testing.T, rendered string) map[string]*unstructured.Unstructured {
	t.Helper()
	all, seen := map[string]*unstructured.Unstructured{}, map[string]bool{}
	for document := range strings.SplitSeq(rendered, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if o.Object == nil {
			continue
		}
		key := o.GetKind() + "/" + o.GetName()
		id := key + "/" + o.GetNamespace() + o.GetAnnotations()["helm.sh/hook"]
		if seen[id] {
			t.Errorf("%s is rendered twice", key)
		}
		all[key], seen[id] = o, true
	}
	return all
}

// renderings are the goldens, and what a cluster's API server is shown in the test of hack/cluster/e2e. A hash key of
// one's own keeps chance out.
var renderings = map[string][]string{
	"default":     {},
	"development": {`devKafka.enabled=true`, `simulator.enabled=true`, `demo.enabled=true`},
	"role-only":   {`watchNamespaces=["one","two"]`, `rbac.clusterRoles=false`, `metrics.mode="Insecure"`},
	"everything": {
		`operator={"replicas":2,"logLevel":"debug","imageUser":true,"podLabels":{"team":"feedback"},"nodeSelector":{"disk":"ssd"},` +
			`"tolerations":[{"key":"infra","operator":"Exists"}],"priorityClassName":"system-cluster-critical","extraEnv":[{"name":"HTTPS_PROXY","value":"http://proxy:3128"}]}`,
		`image={"registry":"registry.example/feedback","tag":"1.2.3","pullPolicy":"Always","pullSecrets":[{"name":"pull"}]}`,
		`images.notifier={"registry":"other.example","digest":"sha256:` + digest + `"}`,
		`metrics={"service":{"ipFamilyPolicy":"PreferDualStack","ipFamilies":["IPv6","IPv4"]},"serviceMonitor":{"enabled":true,"labels":{"release":"prometheus"}},"prometheusRule":{"enabled":true}}`,
		`slackEvents=[{"namespace":"apps","pipeline":"azure","source":"partners","host":"events.example.com","className":"nginx","tlsSecretName":"events-tls","annotations":{"cert-manager.io/cluster-issuer":"letsencrypt"}}]`,
		`commonLabels={"team":"feedback"}`, `serviceAccount.annotations={"example.com/role":"operator"}`,
		`devKafka={"enabled":true,"persistence":{"storageClass":"fast"}}`, `simulator={"enabled":true,"persistence":{"enabled":true}}`,
	},
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestGoldens(t *testing.T) {
	for name, values := range renderings {
		t.Run(name, func(t *testing.T) {
			got := render(t, append(slices.Clone(values), `crds.enabled=false`, `operator.hashKeySecret="hash-key"`)...)
			objects(t, got)
			path := filepath.Join("testdata", "golden", name+".yaml")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("rendered otherwise than %s; if that is meant, run this test with -update (-want +got):\n%s", path, diff)
			}
		})
	}
}

func TestLint(t *testing.T) {
	if out, err := helm(t, "lint", "--strict", folder); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDefinition finds in the chart the operator's CustomResourceDefinition and nothing else.
func TestDefinition(t *testing.T) {
	const name = "CustomResourceDefinition/feedbackpipelines.feedbackpipeline.dev"
	want := map[string]any{}
	if err := yaml.Unmarshal(crd.YAML, &want); err != nil {
		t.Fatal(err)
	}
	got := objects(t, render(t))[name]
	if got == nil {
		t.Fatalf("%s is not rendered", name)
	}
	if diff := cmp.Diff(want["spec"], got.Object["spec"]); diff != "" {
		t.Errorf("the chart's definition is not the operator's: run make generate (-operator +chart):\n%s", diff)
	}
	if got, want := got.GetAnnotations()["helm.sh/resource-policy"], "keep"; got != want {
		t.Errorf("helm.sh/resource-policy = %q, want %q", got, want)
	}
	if policy, ok := objects(t, render(t, "crds.keep=false"))[name].GetAnnotations()["helm.sh/resource-policy"]; ok {
		t.Errorf("with crds.keep=false helm.sh/resource-policy = %q, want none", policy)
	}
	if objects(t, render(t, "crds.enabled=false"))[name] != nil {
		t.Error("with crds.enabled=false it is rendered")
	}
}

// TestRights finds in the chart the rights of operator/config/rbac, by which the operator's own tests run it.
func TestRights(t *testing.T) {
	want, err := rbac.Load()
	if err != nil {
		t.Fatal(err)
	}
	whole := objects(t, render(t))
	roles := objects(t, render(t, renderings["role-only"]...))
	for _, tt := range []struct {
		in   map[string]*unstructured.Unstructured
		role string
		want []rbacv1.PolicyRule
	}{
		{whole, "ClusterRole/release-feedback-pipeline-pipelines", want.Pipelines},
		{whole, "ClusterRole/release-feedback-pipeline-metrics", want.Metrics},
		{whole, "Role/release-feedback-pipeline-leader", want.Leader},
		{roles, "Role/release-feedback-pipeline-pipelines", want.Pipelines},
		{roles, "Role/release-feedback-pipeline-leader", want.Leader},
	} {
		if tt.in[tt.role] == nil {
			t.Errorf("%s is not rendered", tt.role)
			continue
		}
		text, err := yaml.Marshal(tt.in[tt.role].Object)
		if err != nil {
			t.Fatal(err)
		}
		var got rbacv1.ClusterRole
		if err := yaml.UnmarshalStrict(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got.Rules); diff != "" {
			t.Errorf("%s is not what config/rbac says: run make generate (-operator +chart):\n%s", tt.role, diff)
		}
	}
	for key := range roles {
		if strings.HasPrefix(key, "ClusterRole") {
			t.Errorf("%s is rendered for a Role-only install", key)
		}
	}
}

// TestNames finds that the chart names a source's Service as the operator does.
func TestNames(t *testing.T) {
	for _, tt := range []struct{ pipeline, source string }{
		{"azure", "partners"},
		{"a", strings.Repeat("b", 63)},
		{strings.Repeat("a", 53), "b"}, // cut behind the hyphen
		{strings.Repeat("a", 52) + "-b", "c"},
	} {
		all := objects(t, render(t, fmt.Sprintf(`slackEvents=[{"pipeline":%q,"source":%q,"host":"example.com"}]`, tt.pipeline, tt.source)))
		if name := "Ingress/" + desired.SourceName(tt.pipeline, tt.source); all[name] == nil {
			t.Errorf("%s of pipeline %s and source %s is not rendered", name, tt.pipeline, tt.source)
		}
	}
}
