//go:build e2e

package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// denied is what the operator, or client-go in it, says of what it may not do.
var denied = regexp.MustCompile(`(?i)forbidden|\b403\b|unauthorized|\b401\b`)

// TestRoleOnly installs without any right for the whole cluster: the pipeline is Ready, and nothing was forbidden.
func TestRoleOnly(t *testing.T) {
	s := newStage(t)
	s.helm(append([]string{"install", release, chart, "--take-ownership", "--wait", "--timeout", "5m",
		"--set", "watchNamespaces={" + s.namespace + "},rbac.clusterRoles=false,metrics.mode=Insecure"}, present()...)...)
	for _, what := range []string{"manifest", "hooks"} {
		if out := s.helm("get", what, release); strings.Contains(out, "kind: ClusterRole") {
			t.Errorf("the %s of the release hold a ClusterRole or a binding to one:\n%s", what, out)
		}
	}
	s.step("it is installed without a ClusterRole")
	s.apply("live")
	s.ready("live", patience)
	log := s.log("app.kubernetes.io/component=operator")
	if line := denied.FindString(log); line != "" || !strings.Contains(log, `"version"`) {
		t.Errorf("the operator's log has %q, want nothing forbidden, and the version:\n%s", line, log)
	}
	s.step("nothing was forbidden: %d lines of log", strings.Count(log, "\n"))
	out := s.helm("test", release, "--logs", "--timeout", "4m")
	if !strings.Contains(out, "ok  metrics are served") {
		t.Errorf("helm test:\n%s", out)
	}
	s.step("helm test is well")
	s.leave("live")
}

// log is that of all pods with a label, from all that they have said.
func (s *stage) log(selector string) string {
	s.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	must(s.T, err)
	api, err := kubernetes.NewForConfig(config)
	must(s.T, err)
	var all strings.Builder
	var pods corev1.PodList
	must(s.T, s.List(s.Context(), &pods, client.InNamespace(s.namespace)))
	key, value, _ := strings.Cut(selector, "=")
	for _, p := range pods.Items {
		if p.Labels[key] != value {
			continue
		}
		text, err := api.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{}).DoRaw(s.Context())
		must(s.T, err)
		all.Write(text)
	}
	return all.String()
}

// TestSignedEvents has Slack's events come over HTTP to the Service that the chart's Ingress leads to.
func TestSignedEvents(t *testing.T) {
	s := newStage(t)
	s.helm(append([]string{"install", release, chart, "--take-ownership", "--wait", "--timeout", "5m",
		"--set-json", `slackEvents=[{"pipeline":"live","source":"community","host":"events.example.com"}]`}, present()...)...)
	s.apply("live")
	p, err := s.pipeline(t.Context(), "live")
	must(t, err)
	p.Spec.Sources[0].Slack.Mode = "HTTP"
	must(t, s.Update(t.Context(), p))
	var ingresses networkingv1.IngressList
	must(t, s.List(t.Context(), &ingresses, client.InNamespace(s.namespace)))
	if len(ingresses.Items) != 1 {
		t.Fatalf("%d Ingresses, want 1", len(ingresses.Items))
	}
	path := ingresses.Items[0].Spec.Rules[0].HTTP.Paths[0]
	backend := path.Backend.Service
	service := &corev1.Service{}
	s.until("the Ingress's Service is there", time.Minute, func(ctx context.Context) (string, bool) {
		err := s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: backend.Name}, service)
		return fmt.Sprint(err), err == nil
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
	events, err := json.Marshal([]map[string]string{{"name": "SLACK_EVENTS_URL", "value": fmt.Sprintf("http://%s.%s.svc:%d%s", service.Name, s.namespace, port, path.Path)}})
	must(t, err)
	s.helm("upgrade", world, chart, "--reuse-values", "--wait", "--timeout", "5m", "--set-json", "simulator.extraEnv="+string(events))
	s.step("Slack's events are sent to the Service %s", service.Name)
	s.ready("live", patience)
	s.until("what people say in Slack came over HTTP", 2*time.Minute, func(context.Context) (string, bool) {
		for line := range strings.Lines(s.metrics("community")) {
			if strings.HasPrefix(line, `feedback_slack_events_published_total{via="live"}`) {
				return line, !strings.HasSuffix(strings.TrimSpace(line), " 0")
			}
		}
		return "nothing was published live", false
	})
	if text := s.metrics("community"); strings.Contains(text, "\nfeedback_slack_connected ") {
		t.Error("feedback_slack_connected is served, want it absent where there is no socket")
	}
}

// metrics are those of a source's pod.
func (s *stage) metrics(source string) string {
	s.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	must(s.T, err)
	api, err := kubernetes.NewForConfig(config)
	must(s.T, err)
	var pods corev1.PodList
	must(s.T, s.List(s.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{"feedbackpipeline.dev/source": source}))
	var all strings.Builder
	for _, p := range pods.Items {
		text, _ := api.CoreV1().RESTClient().Get().Namespace(p.Namespace).Resource("pods").Name(p.Name + ":8080").SubResource("proxy").Suffix("metrics").DoRaw(s.Context())
		all.Write(text) // a pod that ends has none
	}
	return all.String()
}
