package kafka_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
)

// env gives a variable that `go run ./hack/kafka exec -tls -sasl -acls` sets, or skips the test.
func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: this needs a real Kafka with TLS, SASL and ACLs (make test starts one where Java and Maven are found)", name)
	}
	return v
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(env(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// at is where a listener is, by the name that certificates are for.
func at(t *testing.T, listener string) []string {
	t.Helper()
	first, _, _ := strings.Cut(env(t, "KAFKA_TEST_"+listener+"BOOTSTRAP"), ",")
	return []string{strings.Replace(first, "127.0.0.1", "localhost", 1)}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func login(t *testing.T, mechanism string) kafka.Settings {
	t.Helper()
	return kafka.Settings{Mechanism: mechanism, Username: env(t, "KAFKA_TEST_USER"), Password: env(t, "KAFKA_TEST_PASSWORD")}
}

// TestSecureConnections reaches a real Kafka in each way that spec.kafka has.
func TestSecureConnections(t *testing.T) {
	over := func(s kafka.Settings) kafka.Settings {
		s.TLS, s.CA = true, file(t, "KAFKA_TEST_CA")
		return s
	}
	mutual := over(kafka.Settings{Certificate: file(t, "KAFKA_TEST_CLIENT_CERT"), PrivateKey: file(t, "KAFKA_TEST_CLIENT_KEY")})
	r := rights{t, &kafkago.Client{Addr: kafkago.TCP(strings.Split(env(t, "KAFKA_TEST_BOOTSTRAP"), ",")...), Timeout: 10 * time.Second}}
	client := kafkago.ACLEntry{ // who shows a certificate is its subject
		ResourceType: kafkago.ResourceTypeTopic, ResourceName: "nowhere", ResourcePatternType: kafkago.PatternTypeLiteral,
		Principal: "User:CN=client", Host: "*", Operation: kafkago.ACLOperationTypeDescribe, PermissionType: kafkago.ACLPermissionTypeAllow,
	}
	r.grant(client)
	t.Cleanup(func() { r.revoke(client) })
	for _, tt := range []struct {
		name, listener string
		settings       kafka.Settings
	}{
		{"plain text", "", kafka.Settings{}},
		{"TLS", "TLS_", over(kafka.Settings{})},
		{"mutual TLS", "MTLS_", mutual},
		{"PLAIN", "SASL_", login(t, "PLAIN")},
		{"SCRAM-SHA-256", "SASL_", login(t, "SCRAM-SHA-256")},
		{"SCRAM-SHA-512 where there is no PLAIN", "SCRAM_", login(t, "SCRAM-SHA-512")},
		{"PLAIN over TLS", "SASL_TLS_", over(login(t, "PLAIN"))},
		{"SCRAM-SHA-512 over TLS", "SASL_TLS_", over(login(t, "SCRAM-SHA-512"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.settings.Servers = at(t, tt.listener)
			if live, err := connect(t, tt.settings).Describe(within(t), "nowhere"); err != nil || len(live) != 0 {
				t.Errorf("Describe of a topic that does not exist = %v, %v, want nothing", live, err)
			}
		})
	}
}

var moments = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z`)

// TestRefusalsSayWhatToDo: what a condition says of settings that do not fit names the field and what would be right,
// and never the password.
func TestRefusalsSayWhatToDo(t *testing.T) {
	ca, other := file(t, "KAFKA_TEST_CA"), file(t, "KAFKA_TEST_OTHER_CA")
	user := env(t, "KAFKA_TEST_USER")
	wrong := func(mechanism, user string) kafka.Settings {
		return kafka.Settings{Mechanism: mechanism, Username: user, Password: "sesame"}
	}
	overTLS := wrong("SCRAM-SHA-512", user)
	overTLS.TLS, overTLS.CA = true, ca
	for _, tt := range []struct {
		name, listener string
		settings       kafka.Settings
		want           string
		denied         bool
	}{
		{"wrong authority", "TLS_", kafka.Settings{TLS: true, CA: other},
			"(the broker's certificate is not signed by the authorities of kafka.tls.caRef: have kafka.tls.caRef name the PEM bundle of the one that signed it)", false},
		{"no authority", "TLS_", kafka.Settings{TLS: true},
			"(the broker's certificate is not signed by the system's authorities: have kafka.tls.caRef name the PEM bundle of the one that signed it)", false},
		{"expired broker", "EXPIRED_", kafka.Settings{TLS: true, CA: ca},
			"(the broker's certificate has expired, or the clock of this node is wrong: renew the certificate at the broker)", false},
		{"another host", "ALIAS_", kafka.Settings{TLS: true, CA: ca},
			"(the broker's certificate is for another host: use a name that it has in kafka.bootstrapServers and the broker's advertised.listeners, or add this one to the certificate)", false},
		{"no client certificate", "MTLS_", kafka.Settings{TLS: true, CA: ca},
			"(the broker asks for a certificate: set kafka.tls.clientCertificateSecretRef)", false},
		{"expired client certificate", "MTLS_", kafka.Settings{TLS: true, CA: ca, Certificate: file(t, "KAFKA_TEST_EXPIRED_CERT"), PrivateKey: file(t, "KAFKA_TEST_EXPIRED_KEY")},
			"(the broker refuses the certificate of kafka.tls.clientCertificateSecretRef: it expired at <time>, renew it)", false},
		{"plain text where there is TLS", "TLS_", kafka.Settings{},
			"(the broker wants TLS at that port: set kafka.tls, with caRef for an authority of your own)", false},
		{"TLS where there is none", "", kafka.Settings{TLS: true, CA: ca},
			"it speaks no TLS at that port: check kafka.bootstrapServers, or leave kafka.tls out; or it wants a login: set kafka.sasl)", false},
		{"no login", "SASL_", kafka.Settings{},
			"it wants a login at that port: set kafka.sasl; or TLS: set kafka.tls)", false},
		{"a login where there is none", "", login(t, "PLAIN"),
			"(the broker takes no login at that port, and kafka.sasl.mechanism is PLAIN: leave kafka.sasl out, or name the port with SASL in kafka.bootstrapServers)", false},
		{"PLAIN where there is SCRAM alone", "SCRAM_", login(t, "PLAIN"),
			"(the broker does not offer kafka.sasl.mechanism PLAIN at that port: set another of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512)", false},
		{"PLAIN with a wrong password", "SASL_", wrong("PLAIN", user),
			"(the broker refuses user \"" + user + "\" of kafka.sasl.credentialsSecretRef or its password: check both, and that the user has credentials for kafka.sasl.mechanism PLAIN)", true},
		{"SCRAM with a wrong password", "SASL_TLS_", overTLS,
			"(the broker refuses user \"" + user + "\" of kafka.sasl.credentialsSecretRef or its password: check both, and that the user has credentials for kafka.sasl.mechanism SCRAM-SHA-512)", true},
		{"an unknown user", "SASL_", wrong("SCRAM-SHA-256", "nobody"),
			"(the broker refuses user \"nobody\" of kafka.sasl.credentialsSecretRef or its password: check both, and that the user has credentials for kafka.sasl.mechanism SCRAM-SHA-256)", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.settings.Servers = at(t, tt.listener)
			_, err := connect(t, tt.settings).Describe(within(t), "nowhere")
			if err == nil {
				t.Fatal("Describe = nil, want a refusal")
			}
			if got := moments.ReplaceAllString(err.Error(), "<time>"); !strings.HasSuffix(got, tt.want) || strings.Contains(got, "sesame") {
				t.Errorf("Describe =\n%s\nwant at its end\n%s", got, tt.want)
			}
			if got := kafka.Denied(err); got != tt.denied {
				t.Errorf("Denied = %v, want %v", got, tt.denied)
			}
		})
	}
}
