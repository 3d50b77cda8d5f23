package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	saslplain "github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func client(t *testing.T, bootstrap []string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(bootstrap...), kgo.MetadataMinAge(10*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// fill creates the topic and writes n records to it.
func fill(t *testing.T, bootstrap []string, topic string, replicas int16, n int) {
	t.Helper()
	ctx, c := within(t, 30*time.Second), client(t, bootstrap)
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 3, replicas, nil, topic); err != nil {
		t.Fatalf("create topic: %v", err)
	}
	produce(t, c, topic, n)
}

func produce(t *testing.T, c *kgo.Client, topic string, n int) {
	t.Helper()
	for i := range n {
		if err := c.ProduceSync(within(t, 30*time.Second), &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatalf("produce: %v", err)
		}
	}
}

func count(t *testing.T, bootstrap []string, topic string) int64 {
	t.Helper()
	ends, err := kadm.NewClient(client(t, bootstrap)).ListEndOffsets(within(t, 30*time.Second), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatalf("end offsets: %v", err)
	}
	var sum int64
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

func TestEmbeddedKeepsRecordsOverRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := StartEmbedded(t.Context(), EmbeddedOptions{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, first.Bootstrap(), "events", 1, 50)
	if _, err := StartEmbedded(t.Context(), EmbeddedOptions{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second broker on the same folder: err = %v, want one that says it is in use", err)
	}
	first.Stop()
	first.Stop() // harmless

	second, err := StartEmbedded(t.Context(), EmbeddedOptions{DataDir: dir, Port: first.Port()})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	if got, want := count(t, second.Bootstrap(), "events"), int64(50); got != want {
		t.Errorf("records after the restart = %d, want %d", got, want)
	}
}

// real starts Apache Kafka, or skips the test and says what is missing.
func real(t *testing.T, o RealOptions) *Real {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: Apache Kafka is not started in -short tests")
	}
	if reason, ok := Available(t.Context()); !ok {
		t.Skip("SKIPPED: " + reason)
	}
	r, err := StartReal(within(t, 3*time.Minute), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return r
}

// lookup is one variable of a broker's environment.
func lookup(t *testing.T, env []string, name string) string {
	t.Helper()
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	t.Fatalf("no %s in %v", name, env)
	return ""
}

func TestRealListeners(t *testing.T) {
	r := real(t, RealOptions{TLS: true, SASL: true})
	env := r.Env()
	get := func(name string) string { return lookup(t, env, name) }
	pem, err := os.ReadFile(get(EnvCA))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(get(EnvClientCert), get(EnvClientKey))
	if err != nil {
		t.Fatal(err)
	}
	trusting := kgo.DialTLSConfig(&tls.Config{RootCAs: pool})
	mutual := kgo.DialTLSConfig(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}})
	user, password := get(EnvUser), get(EnvPassword)
	plainAuth := kgo.SASL(saslplain.Auth{User: user, Pass: password}.AsMechanism())
	scramAuth := kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism())
	scram256 := kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism())
	wrong := kgo.SASL(scram.Auth{User: user, Pass: "wrong"}.AsSha512Mechanism())

	for _, c := range []struct {
		name, address string
		options       []kgo.Opt
		ok            bool
	}{
		{"plain", get(EnvBootstrap), nil, true},
		{"TLS", get(EnvTLSBootstrap), []kgo.Opt{trusting}, true},
		{"TLS without our CA", get(EnvTLSBootstrap), []kgo.Opt{kgo.DialTLSConfig(&tls.Config{})}, false},
		{"mTLS", get(EnvMTLSBootstrap), []kgo.Opt{mutual}, true},
		{"mTLS without a certificate", get(EnvMTLSBootstrap), []kgo.Opt{trusting}, false},
		{"SASL PLAIN", get(EnvSASLBootstrap), []kgo.Opt{plainAuth}, true},
		{"SASL SCRAM-SHA-512", get(EnvSASLBootstrap), []kgo.Opt{scramAuth}, true},
		{"SASL SCRAM-SHA-256", get(EnvSASLBootstrap), []kgo.Opt{scram256}, true},
		{"SASL with a wrong password", get(EnvSASLBootstrap), []kgo.Opt{wrong}, false},
		{"SASL without a login", get(EnvSASLBootstrap), nil, false},
		{"SASL PLAIN over TLS", get(EnvSASLTLSBootstrap), []kgo.Opt{trusting, plainAuth}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := 20 * time.Second
			if !c.ok {
				limit = 2 * time.Second
			}
			err := client(t, []string{c.address}, c.options...).Ping(within(t, limit))
			if (err == nil) != c.ok {
				t.Errorf("Ping: err = %v, want success %v", err, c.ok)
			}
		})
	}
}

func TestRealAllowsOnlyWhatIsGranted(t *testing.T) {
	r := real(t, RealOptions{SASL: true, ACLs: true})
	fill(t, r.Bootstrap(), "events", 1, 1) // by the plain listener: a super user
	if err := r.CreateUser(within(t, 30*time.Second), "reader", "sesame"); err != nil {
		t.Fatal(err)
	}
	address := lookup(t, r.Env(), EnvSASLBootstrap)
	as := func(user, password string) *kadm.Client {
		return kadm.NewClient(client(t, []string{address}, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism())))
	}
	admin := kadm.NewClient(client(t, r.Bootstrap()))
	reads := func(c *kadm.Client) error {
		ends, err := c.ListEndOffsets(within(t, 10*time.Second), "events")
		if err == nil {
			err = ends.Error()
		}
		return err
	}
	if err := reads(as("reader", "sesame")); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("read before it is granted: err = %v, want %v", err, kerr.TopicAuthorizationFailed)
	}
	if err := reads(as(lookup(t, r.Env(), EnvUser), lookup(t, r.Env(), EnvPassword))); err != nil {
		t.Errorf("read as the super user: %v", err)
	}
	grant := kadm.NewACLs().Allow("User:reader").AllowHosts("*").Topics("events").Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral)
	if _, err := admin.CreateACLs(within(t, 10*time.Second), grant); err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), 10*time.Second, func() error { return reads(as("reader", "sesame")) }); err != nil {
		t.Errorf("read after it is granted: %v", err)
	}
}

func TestRealKeepsRecordsOverStopAndCrash(t *testing.T) {
	dir := t.TempDir()
	r := real(t, RealOptions{DataDir: dir})
	fill(t, r.Bootstrap(), "events", 1, 20)
	if _, err := StartReal(t.Context(), RealOptions{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "runs in") {
		t.Errorf("a second cluster on the same folder: err = %v, want one that says it runs already", err)
	}
	if err := r.Kill(1); err != nil {
		t.Fatal(err)
	}
	if err := r.Restart(within(t, 2*time.Minute), 1); err != nil {
		t.Fatal(err)
	}
	if got, want := count(t, r.Bootstrap(), "events"), int64(20); got != want {
		t.Errorf("records after kill -9 = %d, want %d", got, want)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := real(t, RealOptions{DataDir: dir})
	if got, want := strings.Join(again.Bootstrap(), ","), strings.Join(r.Bootstrap(), ","); got != want {
		t.Errorf("bootstrap after a restart = %s, want %s as before", got, want)
	}
	if got, want := count(t, again.Bootstrap(), "events"), int64(20); got != want {
		t.Errorf("records after a stop = %d, want %d", got, want)
	}
}

func TestRealClusterTakesWritesWithOneBrokerDown(t *testing.T) {
	r := real(t, RealOptions{Brokers: 3})
	fill(t, r.Bootstrap(), "events", 3, 10)
	if err := r.Kill(2); err != nil {
		t.Fatal(err)
	}
	produce(t, client(t, r.Bootstrap()), "events", 10)
	if err := r.Restart(within(t, 2*time.Minute), 2); err != nil {
		t.Fatal(err)
	}
	if got, want := count(t, r.Bootstrap(), "events"), int64(20); got != want {
		t.Errorf("records = %d, want %d", got, want)
	}
}

func TestRealTellsClientsOfADetour(t *testing.T) {
	r := real(t, RealOptions{Detours: 2})
	for i := range 2 {
		ways := r.Detour(i)
		if len(ways) != 1 {
			t.Fatalf("detour %d = %v, want one way", i, ways)
		}
		c, err := kgo.NewClient(kgo.SeedBrokers(ways[0].To))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, err := kadm.NewClient(c).BrokerMetadata(within(t, 30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := net.JoinHostPort(m.Brokers[0].Host, strconv.Itoa(int(m.Brokers[0].Port))), ways[0].At; got != want {
			t.Errorf("detour %d: clients are told %s, want %s", i, got, want)
		}
	}
}

func TestRealRefusesTwoBrokers(t *testing.T) {
	if _, err := StartReal(t.Context(), RealOptions{Brokers: 2}); err == nil || !strings.Contains(err.Error(), "brokers: 2") {
		t.Errorf("err = %v, want one that names brokers: 2", err)
	}
}
