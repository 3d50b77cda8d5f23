//go:build e2e

package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// denied is what the operator, or client-go in it, says of what it may not do.
var denied = regexp.MustCompile(`(?i)forbidden|\b403\b|unauthorized|\b401\b`)

// TestRoleOnly installs without any right for the whole cluster: the pipeline is Ready, and nothing was forbidden.
func TestRoleOnly(t *testing.T) {
	s := newStage(t)
	s.Helm(append([]string{"install", clustertest.Release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "5m",
		"--set", "watchNamespaces={" + s.Namespace + "},rbac.clusterRoles=false,metrics.mode=Insecure"}, s.present()...)...)
	for _, what := range []string{"manifest", "hooks"} {
		if out := s.Helm("get", what, clustertest.Release); strings.Contains(out, "kind: ClusterRole") {
			t.Errorf("the %s of the release hold a ClusterRole or a binding to one:\n%s", what, out)
		}
	}
	s.Step("it is installed without a ClusterRole")
	s.apply("live")
	s.flows("live")
	log := s.log(client.MatchingLabels{"app.kubernetes.io/component": "operator"})
	if line := denied.FindString(log); line != "" || !strings.Contains(log, `"version"`) {
		t.Errorf("the operator's log has %q, want nothing forbidden, and the version:\n%s", line, log)
	}
	s.Step("nothing was forbidden: %d lines of log", strings.Count(log, "\n"))
	out := s.Helm("test", clustertest.Release, "--logs", "--timeout", "4m")
	if !strings.Contains(out, "ok  metrics are served") {
		t.Errorf("helm test:\n%s", out)
	}
	s.Step("helm test is well")
	s.leave("live")
}

// log is what all pods with labels have said.
func (s *stage) log(labels client.MatchingLabels) string {
	s.Helper()
	var all strings.Builder
	var pods corev1.PodList
	clustertest.Must(s.T, s.List(s.Context(), &pods, client.InNamespace(s.Namespace), labels))
	for _, p := range pods.Items {
		text, err := s.API.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{}).DoRaw(s.Context())
		clustertest.Must(s.T, err)
		all.Write(text)
	}
	return all.String()
}

// TestSignedEvents has Slack's events come over HTTP to the Service that the chart's Ingress leads to.
func TestSignedEvents(t *testing.T) {
	s := newStage(t)
	s.Helm(append([]string{"install", clustertest.Release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "5m",
		"--set-json", `slackEvents=[{"pipeline":"live","source":"community","host":"events.example.com"}]`}, s.present()...)...)
	s.apply("live")
	s.Edit("live", "the source takes events by HTTP", func(spec *v1alpha1.FeedbackPipelineSpec) { spec.Sources[0].Slack.Mode = "HTTP" })
	var ingresses networkingv1.IngressList
	clustertest.Must(t, s.List(t.Context(), &ingresses, client.InNamespace(s.Namespace)))
	if len(ingresses.Items) != 1 {
		t.Fatalf("%d Ingresses, want 1", len(ingresses.Items))
	}
	path := ingresses.Items[0].Spec.Rules[0].HTTP.Paths[0]
	backend := path.Backend.Service
	service := &corev1.Service{}
	s.Until("the Ingress's Service is there", clustertest.Patience, func(ctx context.Context) (string, bool) {
		err := s.Get(ctx, s.Key(backend.Name), service)
		return clustertest.Well(err)
	})
	port := int32(0)
	for _, candidate := range service.Spec.Ports {
		if candidate.Name == backend.Port.Name {
			port = candidate.Port
		}
	}
	if port == 0 {
		t.Fatalf("Service %s has no port %q: %+v", service.Name, backend.Port.Name, service.Spec.Ports)
	}
	events, err := json.Marshal([]map[string]string{{"name": "SLACK_EVENTS_URL", "value": fmt.Sprintf("http://%s.%s.svc:%d%s", service.Name, s.Namespace, port, path.Path)}})
	clustertest.Must(t, err)
	s.Helm("upgrade", world, clustertest.Chart, "--reuse-values", "--wait", "--timeout", "5m", "--set-json", "simulator.extraEnv="+string(events))
	s.Step("Slack's events are sent to the Service %s", service.Name)
	s.flows("live")
	text := ""
	s.Until("what people say in Slack came over HTTP", clustertest.Patience, func(ctx context.Context) (string, bool) {
		var err error
		if text, err = s.Metrics(ctx, 8080, client.MatchingLabels{desired.LabelSource: "community"}); err != nil {
			return err.Error(), false // a pod that ends has none
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, `feedback_slack_events_published_total{via="live"}`) {
				return strings.TrimSpace(line), !strings.HasSuffix(strings.TrimSpace(line), " 0")
			}
		}
		return "nothing was published live", false
	})
	if strings.Contains(text, "\nfeedback_slack_connected ") {
		t.Error("feedback_slack_connected is served, want it absent where there is no socket")
	}
}
