package kafka_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// env gives a variable that `go run ./hack/kafka exec -tls -sasl` sets, or skips the test.
func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set: this needs a real Kafka with TLS and SASL (make test starts one where Java and Maven are found)", name)
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

func TestSecureConnections(t *testing.T) {
	tls := strings.Split(env(t, "KAFKA_TEST_TLS_BOOTSTRAP"), ",")
	mtls := strings.Split(env(t, "KAFKA_TEST_MTLS_BOOTSTRAP"), ",")
	sasl := strings.Split(env(t, "KAFKA_TEST_SASL_BOOTSTRAP"), ",")
	saslTLS := strings.Split(env(t, "KAFKA_TEST_SASL_TLS_BOOTSTRAP"), ",")
	ca, cert, key := file(t, "KAFKA_TEST_CA"), file(t, "KAFKA_TEST_CLIENT_CERT"), run.Secret(file(t, "KAFKA_TEST_CLIENT_KEY"))
	user, password := env(t, "KAFKA_TEST_USER"), run.Secret(env(t, "KAFKA_TEST_PASSWORD"))

	for _, c := range []struct {
		name string
		cfg  kafka.Config
		want string // part of the error; empty: it works
	}{
		{"TLS", kafka.Config{BootstrapServers: tls, TLSCA: ca}, ""},
		{"TLS without the authority", kafka.Config{BootstrapServers: tls, TLSEnabled: true}, "set KAFKA_TLS_CA"},
		{"no TLS where it is asked for", kafka.Config{BootstrapServers: tls}, "TLS on one side only"},
		{"mutual TLS", kafka.Config{BootstrapServers: mtls, TLSCA: ca, TLSCertificate: cert, TLSKey: key}, ""},
		{"mutual TLS without a certificate", kafka.Config{BootstrapServers: mtls, TLSCA: ca}, "certificate"},
		{"PLAIN", kafka.Config{BootstrapServers: sasl, SASLMechanism: "PLAIN", SASLUsername: user, SASLPassword: password}, ""},
		{"SCRAM-SHA-256", kafka.Config{BootstrapServers: sasl, SASLMechanism: "SCRAM-SHA-256", SASLUsername: user, SASLPassword: password}, ""},
		{"SCRAM-SHA-512 over TLS", kafka.Config{BootstrapServers: saslTLS, TLSCA: ca, SASLMechanism: "SCRAM-SHA-512", SASLUsername: user, SASLPassword: password}, ""},
		{"PLAIN with a wrong password", kafka.Config{BootstrapServers: sasl, SASLMechanism: "PLAIN", SASLUsername: user, SASLPassword: "wrong"}, "password"},
		{"SCRAM with a wrong password", kafka.Config{BootstrapServers: saslTLS, TLSCA: ca, SASLMechanism: "SCRAM-SHA-512", SASLUsername: user, SASLPassword: "wrong"}, "password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := kafka.Open(c.cfg, "test")
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			err = client.Ping(ctx)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("Ping = %v, want nil", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("Ping = %v, want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "wrong\"") {
				t.Errorf("Ping = %v: it shows the password", err)
			}
		})
	}
}

func TestConfigNamesTheField(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  kafka.Config
		want string
	}{
		{"nothing", kafka.Config{}, "KAFKA_BOOTSTRAP_SERVERS is empty: name at least one broker as host:port"},
		{"no port", kafka.Config{BootstrapServers: []string{"kafka"}}, `KAFKA_BOOTSTRAP_SERVERS "kafka": write each broker as host:port`},
		{"bad CA", kafka.Config{BootstrapServers: []string{"k:1"}, TLSCA: "hello"}, `KAFKA_TLS_CA "hello": give a PEM bundle`},
		{"key without certificate", kafka.Config{BootstrapServers: []string{"k:1"}, TLSKey: "sesame"}, "KAFKA_TLS_CERTIFICATE is empty: mutual TLS needs both"},
		{"unknown mechanism", kafka.Config{BootstrapServers: []string{"k:1"}, SASLMechanism: "GSSAPI", SASLUsername: "u", SASLPassword: "p"}, `KAFKA_SASL_MECHANISM "GSSAPI": set it to PLAIN`},
		{"no password", kafka.Config{BootstrapServers: []string{"k:1"}, SASLMechanism: "PLAIN", SASLUsername: "u"}, `KAFKA_SASL_USERNAME "u": SASL needs both`},
		{"garbage for Event Hubs", kafka.Config{EventHubsConnectionString: "sesame"}, `KAFKA_EVENT_HUBS_CONNECTION_STRING "[secret]": copy it from`},
		{"Event Hubs", kafka.Config{EventHubsConnectionString: "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.cfg.Validate()
			if c.want == "" {
				if err != nil {
					t.Errorf("Validate = %v, want nil", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Validate = %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("Validate = %v: it shows a secret", err)
			}
		})
	}
}
