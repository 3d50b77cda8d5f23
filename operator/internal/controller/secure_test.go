package controller_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
)

// real is a real Kafka with TLS, SASL and ACLs, as `go run ./hack/kafka exec -tls -sasl -acls` has it.
type real struct {
	*stage
}

func newReal(t *testing.T) real {
	t.Helper()
	if os.Getenv("KAFKA_TEST_SASL_TLS_BOOTSTRAP") == "" || os.Getenv("KAFKA_TEST_STRANGER") == "" {
		t.Skip("this needs a real Kafka with TLS, SASL and ACLs (make test starts one where Java and Maven are found)")
	}
	r := real{newStage(t)}
	var err error
	r.kafka, err = kafka.Open(kafka.Settings{Servers: strings.Split(os.Getenv("KAFKA_TEST_BOOTSTRAP"), ",")})
	r.must(err)
	t.Cleanup(r.kafka.Close)
	user, password := os.Getenv("KAFKA_TEST_USER"), os.Getenv("KAFKA_TEST_PASSWORD")
	r.secret("kafka", map[string]string{"username": user, "password": password})
	r.secret("wrong", map[string]string{"username": user, "password": "sesame"})
	r.secret("stranger", map[string]string{"username": os.Getenv("KAFKA_TEST_STRANGER"), "password": password})
	r.secret("ca", map[string]string{"ca.crt": r.file("KAFKA_TEST_CA")})
	r.secret("other-ca", map[string]string{"ca.crt": r.file("KAFKA_TEST_OTHER_CA")})
	r.allow("User:CN=client")
	r.secret("client", map[string]string{"tls.crt": r.file("KAFKA_TEST_CLIENT_CERT"), "tls.key": r.file("KAFKA_TEST_CLIENT_KEY")})
	return r
}

func (r real) file(name string) string {
	r.Helper()
	text, err := os.ReadFile(os.Getenv(name))
	r.must(err)
	return string(text)
}

func (r real) secret(name string, data map[string]string) {
	r.Helper()
	r.must(r.api.Create(r.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: name}, StringData: data}))
}

// reach has a pipeline reach a listener by the name that certificates are for; ca, client and user name Secrets or are
// empty.
func reach(listener, ca, client, user string) func(*v1alpha1.FeedbackPipeline) {
	return func(p *v1alpha1.FeedbackPipeline) {
		first, _, _ := strings.Cut(os.Getenv("KAFKA_TEST_"+listener+"BOOTSTRAP"), ",")
		p.Spec.Topics.DeletionPolicy = v1alpha1.DeletionDelete
		p.Spec.Kafka = v1alpha1.Kafka{BootstrapServers: []string{strings.Replace(first, "127.0.0.1", "localhost", 1)}}
		if ca != "" {
			p.Spec.Kafka.TLS = &v1alpha1.ClientTLS{CARef: &v1alpha1.CAReference{Kind: "Secret", Name: ca}}
		}
		if client != "" {
			p.Spec.Kafka.TLS.ClientCertificateSecretRef = &v1alpha1.ClientCertificateReference{Name: client}
		}
		if user != "" {
			p.Spec.Kafka.SASL = &v1alpha1.KafkaSASL{Mechanism: "SCRAM-SHA-512", CredentialsSecretRef: &v1alpha1.UserReference{Name: user}}
		}
	}
}

// TestSecureKafka: with each kind of security that a real Kafka asks for, the topics are made, the groups seen, and all
// deleted again at the end.
func TestSecureKafka(t *testing.T) {
	for _, tt := range []struct{ name, listener, ca, client, user string }{
		{"TLS", "TLS_", "ca", "", ""},
		{"mutual TLS", "MTLS_", "ca", "client", ""},
		{"SCRAM", "SCRAM_", "", "", "kafka"},
		{"SCRAM over TLS", "SASL_TLS_", "ca", "", "kafka"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReal(t)
			p := r.pipeline("azure", reach(tt.listener, tt.ca, tt.client, tt.user))
			r.reconcile(p)
			r.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
			if got := r.topics(p); len(got) != 5 {
				t.Errorf("topics = %v, want five", got)
			}
			r.roll()
			r.speak(p)
			r.reconcile(p)
			r.condition(p, v1alpha1.ConditionReady, "True Flowing")
			if p.Status.Lag == nil || *p.Status.Lag != 0 {
				t.Errorf("lag = %v, want 0", p.Status.Lag)
			}
			r.must(r.api.Delete(t.Context(), p))
			r.clock = time.Now()
			r.reconcile(p)
			if !r.gone(p) {
				t.Error("the pipeline is there after the deletion")
			}
			r.must(wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
				return len(r.topics(p)) == 0, nil // the broker deletes them after its answer
			}))
		})
	}
}

// allow lets somebody do everything with topics and groups of this namespace's pipelines.
func (r real) allow(principal string) {
	r.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_TEST_BOOTSTRAP"), ",")...))
	r.must(err)
	defer c.Close()
	req := kmsg.NewPtrCreateACLsRequest()
	for _, resource := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup} {
		acl := kmsg.NewCreateACLsRequestCreation()
		acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = resource, r.namespace+".", kmsg.ACLResourcePatternTypePrefixed
		acl.Principal, acl.Host, acl.Operation, acl.PermissionType = principal, "*", kmsg.ACLOperationAll, kmsg.ACLPermissionTypeAllow
		req.Creations = append(req.Creations, acl)
	}
	resp, err := req.RequestWith(r.Context(), c)
	r.must(err)
	for _, result := range resp.Results {
		r.must(kerr.ErrorForCode(result.ErrorCode))
	}
}

// TestKafkaThatLetsNobodyIn: the condition says which field is wrong and what would be right, and no secret; once that is
// mended, the pipeline goes on by itself.
func TestKafkaThatLetsNobodyIn(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(*v1alpha1.FeedbackPipeline)
		want string
		says string
	}{
		{"wrong password", reach("SASL_TLS_", "ca", "", "wrong"), "False KafkaDenied", "of kafka.sasl.credentialsSecretRef or its password: check both"},
		{"a user without ACLs", reach("SASL_TLS_", "ca", "", "stranger"), "False KafkaDenied", "the broker's ACLs do not allow it: grant the user what docs/acls.md lists for the operator"},
		{"wrong authority", reach("SASL_TLS_", "other-ca", "", "kafka"), "Unknown KafkaUnreachable", "the broker's certificate is not signed by the authorities of kafka.tls.caRef"},
		{"no client certificate", reach("MTLS_", "ca", "", ""), "Unknown KafkaUnreachable", "the broker asks for a certificate: set kafka.tls.clientCertificateSecretRef"},
		{"no TLS", reach("SASL_TLS_", "", "", "kafka"), "Unknown KafkaUnreachable", "the broker wants TLS at that port: set kafka.tls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReal(t)
			p := r.pipeline("azure", tt.with)
			r.reconcile(p)
			r.condition(p, v1alpha1.ConditionTopicsReady, tt.want)
			r.condition(p, v1alpha1.ConditionReady, tt.want)
			c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionTopicsReady)
			if !strings.Contains(c.Message, tt.says) || strings.Contains(c.Message, "sesame") {
				t.Errorf("message = %q, want %q", c.Message, tt.says)
			}
			if got := len(r.deployments()); got != 0 {
				t.Errorf("%d Deployments, want none before the topics are there", got)
			}
			r.edit(p, reach("SASL_TLS_", "ca", "", "kafka"))
			r.clock = r.clock.Add(3 * time.Second)
			r.reconcile(p)
			r.condition(p, v1alpha1.ConditionTopicsReady, "True AsDesired")
			r.must(client.IgnoreNotFound(r.api.Delete(t.Context(), p)))
			r.clock = time.Now()
			r.reconcile(p)
		})
	}
}
