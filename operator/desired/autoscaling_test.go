package desired_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

func TestAutoscalingGolden(t *testing.T) {
	var b bytes.Buffer
	for _, object := range desired.Autoscaling(sample(t, "autoscaled"), false) {
		b.WriteString("---\n")
		b.Write(marshal(t, object.Object))
	}
	path := filepath.Join("testdata", "autoscaling.yaml")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("Autoscaling(autoscaled.yaml) differs (-want +got; write it with -update):\n%s", diff)
	}
}

// TestAutoscalingCredentials maps what the pipeline's Secrets hold to the parameters of KEDA's trigger.
func TestAutoscalingCredentials(t *testing.T) {
	user := &v1alpha1.UserReference{Name: "user", UsernameKey: "name", PasswordKey: "word"}
	ca := &v1alpha1.CAReference{Kind: "Secret", Name: "ca", Key: "ca.pem"}
	tests := []struct {
		name      string
		kafka     v1alpha1.Kafka
		sasl, tls string
		want      map[string]string // parameter -> kind name/key
	}{
		{"plain text", v1alpha1.Kafka{}, "", "", nil},
		{"PLAIN", v1alpha1.Kafka{SASL: &v1alpha1.KafkaSASL{Mechanism: "PLAIN", CredentialsSecretRef: user}}, "plaintext", "",
			map[string]string{"username": "secret user/name", "password": "secret user/word"}},
		{"SCRAM-SHA-256 over TLS", v1alpha1.Kafka{TLS: &v1alpha1.ClientTLS{CARef: ca}, SASL: &v1alpha1.KafkaSASL{Mechanism: "SCRAM-SHA-256", CredentialsSecretRef: user}}, "scram_sha256", "enable",
			map[string]string{"username": "secret user/name", "password": "secret user/word", "ca": "secret ca/ca.pem"}},
		{"SCRAM-SHA-512", v1alpha1.Kafka{SASL: &v1alpha1.KafkaSASL{Mechanism: "SCRAM-SHA-512", CredentialsSecretRef: user}}, "scram_sha512", "",
			map[string]string{"username": "secret user/name", "password": "secret user/word"}},
		{"the system's authorities", v1alpha1.Kafka{TLS: &v1alpha1.ClientTLS{}}, "", "enable", nil},
		{"a client's certificate", v1alpha1.Kafka{TLS: &v1alpha1.ClientTLS{
			CARef:                      &v1alpha1.CAReference{Kind: "ConfigMap", Name: "ca", Key: "ca.crt"},
			ClientCertificateSecretRef: &v1alpha1.ClientCertificateReference{Name: "client", CertificateKey: "user.crt", PrivateKeyKey: "user.key"},
		}}, "", "enable", map[string]string{"ca": "configMap ca/ca.crt", "cert": "secret client/user.crt", "key": "secret client/user.key"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := desired.Autoscaling(sample(t, "autoscaled", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Kafka = tt.kafka }), false)
			object := all[len(all)-1]
			triggers, _, _ := unstructured.NestedSlice(object.Object, "spec", "triggers")
			trigger := triggers[0].(map[string]any)
			metadata := trigger["metadata"].(map[string]any)
			if sasl, _ := metadata["sasl"].(string); sasl != tt.sasl {
				t.Errorf("sasl = %q, want %q", sasl, tt.sasl)
			}
			if tls, _ := metadata["tls"].(string); tls != tt.tls {
				t.Errorf("tls = %q, want %q", tls, tt.tls)
			}
			var got map[string]string
			if len(all) == 2 {
				got = targets(all[0])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parameters differ (-want +got):\n%s", diff)
			}
			if refers := trigger["authenticationRef"] != nil; refers != (tt.want != nil) {
				t.Errorf("the trigger refers to a TriggerAuthentication: %v, want %v", refers, tt.want != nil)
			}
		})
	}
}

// targets are the parameters of a TriggerAuthentication and where they stand.
func targets(auth *unstructured.Unstructured) map[string]string {
	got := map[string]string{}
	for _, kind := range []string{"secret", "configMap"} {
		list, _, _ := unstructured.NestedSlice(auth.Object, "spec", kind+"TargetRef")
		for _, element := range list {
			target := element.(map[string]any)
			got[target["parameter"].(string)] = kind + " " + target["name"].(string) + "/" + target["key"].(string)
		}
	}
	return got
}

// TestAutoscalingBounds holds replicas to the topic's partitions.
func TestAutoscalingBounds(t *testing.T) {
	tests := []struct {
		name                string
		autoscaling         v1alpha1.ScorerAutoscaling
		partitions          int32
		wantLeast, wantMost int64
	}{
		{"defaults", v1alpha1.ScorerAutoscaling{MinReplicas: 1}, 6, 1, 6},
		{"given", v1alpha1.ScorerAutoscaling{MinReplicas: 2, MaxReplicas: new(int32(3))}, 6, 2, 3},
		{"a topic of its own with more partitions", v1alpha1.ScorerAutoscaling{MinReplicas: 8}, 6, 8, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := sample(t, "autoscaled", func(p *v1alpha1.FeedbackPipeline) {
				p.Spec.Scorer.Autoscaling, p.Spec.Topics.Partitions = &tt.autoscaling, tt.partitions
			})
			all := desired.Autoscaling(p, false)
			object := all[len(all)-1].Object
			least, _, _ := unstructured.NestedInt64(object, "spec", "minReplicaCount")
			most, _, _ := unstructured.NestedInt64(object, "spec", "maxReplicaCount")
			if least != tt.wantLeast || most != tt.wantMost {
				t.Errorf("replicas = %d to %d, want %d to %d", least, most, tt.wantLeast, tt.wantMost)
			}
		})
	}
}

// TestAutoscaledReplicas are left out where an autoscaler sets them, and the least ones where none does.
func TestAutoscaledReplicas(t *testing.T) {
	tests := []struct {
		name     string
		options  desired.Options
		suspend  bool
		replicas int32 // -1: left out
		mark     string
		budgets  int
	}{
		{"without KEDA", desired.Options{}, false, 2, "", 1},
		{"by KEDA", desired.Options{Autoscaled: true}, false, -1, "2", 1},
		{"suspended", desired.Options{Autoscaled: true}, true, 0, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := sample(t, "autoscaled", func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = tt.suspend })
			r, err := desired.Render(p, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range deployments(r) {
				if d.Name != desired.AutoscalingName(p) {
					continue
				}
				got := int32(-1)
				if d.Spec.Replicas != nil {
					got = *d.Spec.Replicas
				}
				if mark := d.Annotations[desired.AnnotationAutoscaled]; got != tt.replicas || mark != tt.mark {
					t.Errorf("replicas = %d, marked %q; want %d, marked %q", got, mark, tt.replicas, tt.mark)
				}
				if len(d.Spec.Template.Spec.TopologySpreadConstraints) != 1 {
					t.Error("its pods are not spread, though there may be several")
				}
			}
			if got := len(desired.Guards(p, deployments(r))) - 1; got != tt.budgets {
				t.Errorf("%d PodDisruptionBudgets, want %d", got, tt.budgets)
			}
			all := desired.Autoscaling(p, false)
			if paused := all[1].GetAnnotations()[desired.AnnotationPaused]; (paused == "0") != tt.suspend {
				t.Errorf("KEDA is paused at %q replicas, want that only of a suspended pipeline", paused)
			}
		})
	}
	if got := desired.Autoscaling(sample(t, "full"), false); got != nil {
		t.Errorf("Autoscaling(full.yaml) = %v, want nothing", got)
	}
}

// TestHeldAddsNoReplicas: nothing else differs.
func TestHeldAddsNoReplicas(t *testing.T) {
	p := sample(t, "autoscaled")
	free, held := desired.Autoscaling(p, false)[1], desired.Autoscaling(p, true)[1]
	if desired.Held(free) || !desired.Held(held) {
		t.Fatalf("held: %v and %v, want false and true", desired.Held(free), desired.Held(held))
	}
	unstructured.RemoveNestedField(held.Object, "spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp")
	if diff := cmp.Diff(free.Object, held.Object); diff != "" {
		t.Errorf("a ScaledObject that is held differs in more (-free +held):\n%s", diff)
	}
}
