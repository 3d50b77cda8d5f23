package kafka_test

import (
	"context"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
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

// secured is what a test knows of a real Kafka with TLS, SASL and ACLs.
type secured struct {
	ca, otherCA, cert, expiredCert string
	key, expiredKey, password      run.Secret
	user, stranger                 string
}

func newSecured(t *testing.T) secured {
	t.Helper()
	return secured{
		ca: file(t, "KAFKA_TEST_CA"), otherCA: file(t, "KAFKA_TEST_OTHER_CA"),
		cert: file(t, "KAFKA_TEST_CLIENT_CERT"), key: run.Secret(file(t, "KAFKA_TEST_CLIENT_KEY")),
		expiredCert: file(t, "KAFKA_TEST_EXPIRED_CERT"), expiredKey: run.Secret(file(t, "KAFKA_TEST_EXPIRED_KEY")),
		user: env(t, "KAFKA_TEST_USER"), password: run.Secret(env(t, "KAFKA_TEST_PASSWORD")), stranger: env(t, "KAFKA_TEST_STRANGER"),
	}
}

// at is where a listener is, by the name that certificates are for.
func at(t *testing.T, listener string) []string {
	t.Helper()
	first, _, _ := strings.Cut(env(t, "KAFKA_TEST_"+listener+"BOOTSTRAP"), ",")
	return []string{strings.Replace(first, "127.0.0.1", "localhost", 1)}
}

func TestSecureConnections(t *testing.T) {
	s := newSecured(t)
	for _, c := range []struct {
		name     string
		listener string
		cfg      kafka.Config
	}{
		{"TLS", "TLS_", kafka.Config{TLSCA: s.ca}},
		{"mutual TLS", "MTLS_", kafka.Config{TLSCA: s.ca, TLSCertificate: s.cert, TLSKey: s.key}},
		{"PLAIN", "SASL_", kafka.Config{SASLMechanism: "PLAIN", SASLUsername: s.user, SASLPassword: s.password}},
		{"SCRAM-SHA-256", "SASL_", kafka.Config{SASLMechanism: "SCRAM-SHA-256", SASLUsername: s.user, SASLPassword: s.password}},
		{"SCRAM where there is no PLAIN", "SCRAM_", kafka.Config{SASLMechanism: "SCRAM-SHA-512", SASLUsername: s.user, SASLPassword: s.password}},
		{"SCRAM-SHA-512 over TLS", "SASL_TLS_", kafka.Config{TLSCA: s.ca, SASLMechanism: "SCRAM-SHA-512", SASLUsername: s.user, SASLPassword: s.password}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.BootstrapServers = at(t, c.listener)
			if err := open(t, c.cfg).Ping(within(t)); err != nil {
				t.Errorf("Ping = %v, want nil", err)
			}
		})
	}
}

func open(t *testing.T, cfg kafka.Config) *kafka.Client {
	t.Helper()
	client, err := kafka.Open(cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

const (
	signedElsewhere = "tls: failed to verify certificate: x509: certificate signed by unknown authority "
	isExpired       = "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time <time> is after <time> "
	restarts        = "(the broker closed the connection: it restarts, or "
	wrongPlain      = "[58] SASL Authentication Failed: SASL Authentication failed: Authentication failed: Invalid username or password "
	wrongScram      = "[58] SASL Authentication Failed: SASL Authentication failed: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 "
	theLogin        = "or its password: check both, and that the user has credentials for KAFKA_SASL_MECHANISM "
)

// What does not fit is told whole: what is wrong, which setting, what would be right.
func TestRefusalsSayWhatToDo(t *testing.T) {
	s := newSecured(t)
	login := func(mechanism, user, password string) kafka.Config {
		return kafka.Config{SASLMechanism: mechanism, SASLUsername: user, SASLPassword: run.Secret(password)}
	}
	right := login("PLAIN", s.user, s.password.Value())
	for _, c := range []struct {
		name     string
		listener string
		cfg      kafka.Config
		want     string
	}{
		{"wrong authority", "TLS_", kafka.Config{TLSCA: s.otherCA}, signedElsewhere +
			"(the broker's certificate is not signed by the authorities of KAFKA_TLS_CA: set KAFKA_TLS_CA to the PEM bundle of the one that signed it)"},
		{"no authority", "TLS_", kafka.Config{TLSEnabled: true}, signedElsewhere +
			"(the broker's certificate is not signed by this system's authorities: set KAFKA_TLS_CA to the PEM bundle of the one that signed it)"},
		{"expired broker", "EXPIRED_", kafka.Config{TLSCA: s.ca}, isExpired +
			"(the broker's certificate has expired, or this machine's clock is wrong: renew the certificate at the broker)"},
		{"another host", "ALIAS_", kafka.Config{TLSCA: s.ca}, "tls: failed to verify certificate: x509: certificate is valid for kafka.invalid, not localhost " +
			"(the broker's certificate is for another host: use a name that it has in KAFKA_BOOTSTRAP_SERVERS and the broker's advertised.listeners, or add this one to the certificate)"},
		{"no client certificate", "MTLS_", kafka.Config{TLSCA: s.ca}, "remote error: tls: bad certificate " +
			"(the broker asks for a certificate: set KAFKA_TLS_CERTIFICATE and KAFKA_TLS_KEY)"},
		{"expired client certificate", "MTLS_", kafka.Config{TLSCA: s.ca, TLSCertificate: s.expiredCert, TLSKey: s.expiredKey}, "remote error: tls: unknown certificate " +
			"(the broker refuses KAFKA_TLS_CERTIFICATE: it expired at <time>, renew it)"},
		{"plain text where there is TLS", "TLS_", kafka.Config{}, "unexpected EOF: broker appears to be expecting TLS " +
			"(the broker wants TLS at that port: set KAFKA_TLS_ENABLED, and KAFKA_TLS_CA for an authority of your own)"},
		{"TLS where there is none", "", kafka.Config{TLSCA: s.ca}, "EOF " + restarts +
			"it speaks no TLS at that port: check KAFKA_BOOTSTRAP_SERVERS or unset KAFKA_TLS_ENABLED and KAFKA_TLS_CA; or it wants a login: set KAFKA_SASL_MECHANISM)"},
		{"a login where there is none", "", right, "[34] Illegal SASL State: the request is not valid given the current SASL state " +
			"(the broker takes no login at that port, and KAFKA_SASL_MECHANISM is PLAIN: unset it, or name the port with SASL in KAFKA_BOOTSTRAP_SERVERS)"},
		{"no login", "SASL_", kafka.Config{}, "unexpected EOF " + restarts +
			"it wants a login at that port: set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD; or TLS: set KAFKA_TLS_ENABLED)"},
		{"a login without TLS", "SASL_TLS_", right, "unexpected EOF: broker appears to be expecting TLS " +
			"(the broker wants TLS at that port: set KAFKA_TLS_ENABLED, and KAFKA_TLS_CA for an authority of your own)"},
		{"PLAIN where there is SCRAM alone", "SCRAM_", right, "[33] Unsupported SASL Mechanism: the broker does not support the requested SASL mechanism " +
			"(the broker does not offer KAFKA_SASL_MECHANISM PLAIN at that port: set another of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512)"},
		{"PLAIN with a wrong password", "SASL_", login("PLAIN", s.user, "sesame"), wrongPlain +
			"(the broker refuses KAFKA_SASL_USERNAME \"" + s.user + "\" " + theLogin + "PLAIN)"},
		{"SCRAM with a wrong password", "SASL_", login("SCRAM-SHA-512", s.user, "sesame"), wrongScram +
			"(the broker refuses KAFKA_SASL_USERNAME \"" + s.user + "\" " + theLogin + "SCRAM-SHA-512)"},
		{"SCRAM with an unknown user", "SASL_", login("SCRAM-SHA-512", "nobody", "sesame"), wrongScram +
			"(the broker refuses KAFKA_SASL_USERNAME \"nobody\" " + theLogin + "SCRAM-SHA-512)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.BootstrapServers = at(t, c.listener)
			err := open(t, c.cfg).Ping(within(t))
			if err == nil {
				t.Fatal("Ping = nil, want a refusal")
			}
			if got := times.ReplaceAllString(err.Error(), "<time>"); got != c.want {
				t.Errorf("Ping =\n%s\nwant\n%s", got, c.want)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("Ping = %v: it shows the password", err)
			}
		})
	}
}

var times = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z`)

const byACLs = "(the broker's ACLs do not allow it: grant the user what docs/acls.md lists)"

// A user whom no ACL allows anything: each way to use a topic says so.
func TestWhatACLsDenyIsTold(t *testing.T) {
	s := newSecured(t)
	topic := kafkatest.Real(t).Topic(t, 1)
	client := open(t, kafka.Config{BootstrapServers: at(t, "SASL_"), SASLMechanism: "SCRAM-SHA-256", SASLUsername: s.stranger, SASLPassword: s.password})
	if err := client.Write(within(t), kafka.Record{Topic: topic, Value: []byte("x")}); err == nil || err.Error() !=
		"write: 1 records not acknowledged: [29] Topic Authorization Failed: the client is not authorized to access the requested topic "+byACLs {
		t.Errorf("Write = %v, want what ACLs deny", err)
	}
	if said := waiting(t, client, topic); !strings.Contains(said, "describe topic "+topic+": [29] Topic Authorization Failed") || !strings.Contains(said, byACLs) {
		t.Errorf("WaitTopics says %s, want what ACLs deny", said)
	}
	ctx, cancel := context.WithCancel(within(t))
	var got error
	err := client.Consume(ctx, kafka.Subscription{Group: topic, Topic: topic, OnError: func(err error) { got = err; cancel() }}, nil)
	if err != nil || got == nil || got.Error() != "join group "+topic+": [30] Group Authorization Failed: the client is not authorized to access a particular group id "+byACLs {
		t.Errorf("Consume tells %v and ends with %v, want what ACLs deny", got, err)
	}
}

// waiting is the first line that WaitTopics says.
func waiting(t *testing.T, client *kafka.Client, topic string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	out, done := &lines{}, make(chan error, 1)
	go func() { done <- client.WaitTopics(ctx, slog.New(slog.NewTextHandler(out, nil)), topic) }()
	kafkatest.Eventually(t, 10*time.Second, func() error {
		if out.String() == "" {
			return context.DeadlineExceeded
		}
		return nil
	})
	cancel()
	<-done
	return out.String()
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
