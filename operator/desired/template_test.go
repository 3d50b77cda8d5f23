package desired_test

import (
	"strings"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/validate"
)

// TestVariablesOfTheOperatorAreRefused: no variable that is rendered can be set by podTemplate.env.
func TestVariablesOfTheOperatorAreRefused(t *testing.T) {
	head := `
apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {name: azure}
spec:
  kafka: {bootstrapServers: [kafka:9092]}
  sources: [{name: a, slack: {channels: [b], credentialsSecretRef: {name: slack}}}]
  routes: [{name: c, slack: {channel: d, credentialsSecretRef: {name: slack}}}]
  podTemplate: {env: [{name: `
	all := append(everything(t), sample(t, "platform"))
	for _, p := range all {
		var ours []string
		for _, v := range p.Spec.PodTemplate.Env {
			ours = append(ours, v.Name)
		}
		for _, c := range containers(render(t, p)) {
			for _, v := range c.Env {
				if strings.Contains(strings.Join(ours, " "), v.Name) {
					continue
				}
				if _, err := validate.Load([]byte(head + v.Name + "}]}")); err == nil || !strings.Contains(err.Error(), "the operator sets this variable") {
					t.Errorf("Load with podTemplate.env %s = %v, want it refused", v.Name, err)
				}
			}
		}
	}
}

// TestTemplateNeverWins: labels that select pods stay the operator's whatever a pipeline that no schema has seen says.
func TestTemplateNeverWins(t *testing.T) {
	p := sample(t, "platform")
	p.Spec.PodTemplate.Labels["app.kubernetes.io/name"] = "theirs"
	for _, d := range deployments(render(t, p)) {
		for key, want := range d.Spec.Selector.MatchLabels {
			if got := d.Spec.Template.Labels[key]; got != want {
				t.Errorf("%s: label %s = %s, want %s", d.Name, key, got, want)
			}
		}
		if d.Spec.Template.Labels["team"] != "community" {
			t.Errorf("%s: labels = %v, want team among them", d.Name, d.Spec.Template.Labels)
		}
	}
}

func TestReferencesOfTheTemplate(t *testing.T) {
	for _, d := range deployments(render(t, sample(t, "platform"))) {
		got := map[string]bool{}
		for _, r := range desired.References(d) {
			got[r.String()] = true
		}
		for _, want := range []string{"Secret otel/headers", "ConfigMap corp-ca/ca.crt"} {
			if !got[want] {
				t.Errorf("%s: references = %v, want %s among them", d.Name, got, want)
			}
		}
	}
}

// TestResources: the component's win over those of all, and those over the operator's.
func TestResources(t *testing.T) {
	want := map[string]string{
		desired.SlackIngest:     "20m 32Mi 0 512Mi",
		desired.SentimentScorer: "1 128Mi 2 512Mi",
		desired.Notifier:        "20m 48Mi 0 512Mi",
	}
	for _, c := range containers(render(t, sample(t, "platform"))) {
		r := c.Resources
		got := strings.Join([]string{r.Requests.Cpu().String(), r.Requests.Memory().String(), r.Limits.Cpu().String(), r.Limits.Memory().String()}, " ")
		if got != want[c.Name] {
			t.Errorf("%s: requests and limits = %s, want %s", c.Name, got, want[c.Name])
		}
	}
}
