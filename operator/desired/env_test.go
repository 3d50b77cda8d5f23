package desired_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// everything are pipelines that together render each variable that there is.
func everything(t *testing.T) []*v1alpha1.FeedbackPipeline {
	return []*v1alpha1.FeedbackPipeline{
		sample(t, "smallest"),
		sample(t, "full"),
		sample(t, "full", func(p *v1alpha1.FeedbackPipeline) {
			p.Spec.Kafka.TLS.CARef.Kind = "ConfigMap"
			p.Spec.Kafka.SASL = &v1alpha1.KafkaSASL{EventHubs: &v1alpha1.EventHubs{
				ConnectionStringSecretRef: v1alpha1.ConnectionStringReference{Name: "hubs", Key: "connection-string"},
			}}
		}),
		sample(t, "full", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer = byServer(p.Spec.Kafka.TLS) }),
		sample(t, "full", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer = byAzure() }),
		sample(t, "shadow"),
		sample(t, "full", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Scorer = byModel() }),
	}
}

// readable returns the variables that a service reads, from the file that the service keeps of them.
func readable(t *testing.T, service string) []*regexp.Regexp {
	t.Helper()
	path := filepath.Join("..", "..", "services", service, "testdata", "env.golden")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: each service keeps the list of its variables there; write it with that service's tests (-update)", err)
	}
	var names []*regexp.Regexp
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" && !strings.HasPrefix(name, "#") {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, "[A-Z0-9_]+")
			names = append(names, regexp.MustCompile("^"+pattern+"$"))
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s names no variable", path)
	}
	return names
}

// TestServicesReadWhatIsRendered compares the two sides of the seam between operator and services, which share no
// code: a variable that a service does not know would be a setting without effect.
func TestServicesReadWhatIsRendered(t *testing.T) {
	for _, service := range []string{desired.SlackIngest, desired.TwitterIngest, desired.SentimentScorer, desired.Notifier} {
		t.Run(service, func(t *testing.T) {
			names := readable(t, service)
			rendered := 0
			for _, p := range everything(t) {
				for _, c := range containers(render(t, p)) {
					if c.Name != service {
						continue
					}
					rendered++
					for _, v := range c.Env {
						if !matches(names, v.Name) {
							t.Errorf("%s is rendered for %s, which does not read it", v.Name, service)
						}
					}
				}
			}
			if rendered == 0 {
				t.Errorf("nothing is rendered for %s", service)
			}
		})
	}
}

func matches(names []*regexp.Regexp, name string) bool {
	for _, n := range names {
		if n.MatchString(name) {
			return true
		}
	}
	return false
}

func TestEnvironmentOfSecrets(t *testing.T) {
	for _, p := range everything(t) {
		for _, c := range containers(render(t, p)) {
			seen := map[string]bool{}
			for _, v := range c.Env {
				if seen[v.Name] {
					t.Errorf("%s: %s is set twice", c.Name, v.Name)
				}
				seen[v.Name] = true
				secret := strings.Contains(v.Name, "TOKEN") || strings.Contains(v.Name, "PASSWORD") ||
					strings.HasSuffix(v.Name, "_SECRET") || strings.HasSuffix(v.Name, "TLS_KEY") || strings.HasSuffix(v.Name, "CONNECTION_STRING")
				if secret && (v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil) {
					t.Errorf("%s: %s = %q, want a reference to a Secret", c.Name, v.Name, v.Value)
				}
				if strings.Contains(v.Value, "$(") || strings.Contains(v.Value, "$$") {
					t.Errorf("%s: %s = %q, which the kubelet would expand", c.Name, v.Name, v.Value)
				}
			}
		}
	}
}

func TestEnvironmentOfKafka(t *testing.T) {
	all := everything(t)
	tests := []struct {
		name     string
		pipeline *v1alpha1.FeedbackPipeline
		variable string
		want     string
	}{
		{"servers", all[1], "KAFKA_BOOTSTRAP_SERVERS", "kafka-0.kafka:9093,[2001:db8::1]:9093"},
		{"no TLS", all[0], "KAFKA_TLS_ENABLED", ""},
		{"TLS", all[1], "KAFKA_TLS_ENABLED", "true"},
		{"authorities in a Secret", all[1], "KAFKA_TLS_CA", "secret kafka-cluster-ca-cert/ca.crt"},
		{"authorities in a ConfigMap", all[2], "KAFKA_TLS_CA", "configmap kafka-cluster-ca-cert/ca.crt"},
		{"user", all[1], "KAFKA_SASL_USERNAME", "secret kafka-user/username"},
		{"Event Hubs", all[2], "KAFKA_EVENT_HUBS_CONNECTION_STRING", "secret hubs/connection-string"},
		{"Event Hubs has no user", all[2], "KAFKA_SASL_USERNAME", ""},
		{"topic by name", all[1], "TOPIC_FEEDBACK", "azurefeedback"},
		{"topic by prefix", all[1], "TOPIC_DEAD_LETTERS", "azure.dead-letters"},
		{"topic by default", all[0], "TOPIC_STATE", "default.azure.state"},
		{"pipeline", all[1], "PIPELINE", "feedback/azure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range containers(render(t, tt.pipeline)) {
				if got := value(c, tt.variable); got != tt.want {
					t.Errorf("%s: %s = %q, want %q", c.Name, tt.variable, got, tt.want)
				}
			}
		})
	}
}

func TestEventHubsAlwaysEncrypts(t *testing.T) {
	p := everything(t)[2]
	p.Spec.Kafka.TLS = nil
	if got, want := value(containers(render(t, p))[0], "KAFKA_TLS_ENABLED"), "true"; got != want {
		t.Errorf("KAFKA_TLS_ENABLED = %q, want %q", got, want)
	}
}

// value is what c has for a variable: its literal, or where it is from.
func value(c corev1.Container, name string) string {
	for _, v := range c.Env {
		switch {
		case v.Name != name:
		case v.ValueFrom == nil:
			return v.Value
		case v.ValueFrom.SecretKeyRef != nil:
			return "secret " + v.ValueFrom.SecretKeyRef.Name + "/" + v.ValueFrom.SecretKeyRef.Key
		case v.ValueFrom.ConfigMapKeyRef != nil:
			return "configmap " + v.ValueFrom.ConfigMapKeyRef.Name + "/" + v.ValueFrom.ConfigMapKeyRef.Key
		}
	}
	return ""
}
