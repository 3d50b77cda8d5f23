// Package kafka is how the operator speaks to Kafka: topics, consumer groups, and the state topic. It is the
// operator's only importer of the client library.
package kafka

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// Settings are how a cluster is reached, secrets included: never print them.
type Settings struct {
	Servers []string
	// TLS encrypts connections; CA, Certificate and PrivateKey are PEM or empty.
	TLS                         bool
	CA, Certificate, PrivateKey string
	// Mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or empty.
	Mechanism, Username, Password string
}

// Lookup returns the value of a key of a Secret or ConfigMap in the pipeline's namespace.
type Lookup func(desired.Reference) (string, error)

// FromSpec returns the settings that k asks for. Its errors are lookup's, joined.
func FromSpec(k v1alpha1.Kafka, lookup Lookup) (Settings, error) {
	r := reader{lookup: lookup}
	s := Settings{Servers: k.BootstrapServers, TLS: k.TLS != nil}
	if k.TLS != nil && k.TLS.CARef != nil {
		ca := k.TLS.CARef
		s.CA = r.read(cmp.Or(ca.Kind, desired.KindSecret), ca.Name, ca.Key)
	}
	if k.TLS != nil && k.TLS.ClientCertificateSecretRef != nil {
		ref := k.TLS.ClientCertificateSecretRef
		s.Certificate = r.read(desired.KindSecret, ref.Name, ref.CertificateKey)
		s.PrivateKey = r.read(desired.KindSecret, ref.Name, ref.PrivateKeyKey)
	}
	switch {
	case k.SASL == nil:
	case k.SASL.EventHubs != nil:
		ref := k.SASL.EventHubs.ConnectionStringSecretRef
		s.eventHubs(r.read(desired.KindSecret, ref.Name, ref.Key), &r)
	default:
		ref := k.SASL.CredentialsSecretRef
		s.Mechanism = k.SASL.Mechanism
		s.Username = r.read(desired.KindSecret, ref.Name, ref.UsernameKey)
		s.Password = r.read(desired.KindSecret, ref.Name, ref.PasswordKey)
	}
	return s, errors.Join(r.errs...)
}

type reader struct {
	lookup Lookup
	errs   []error
}

func (r *reader) read(kind, name, key string) string {
	value, err := r.lookup(desired.Reference{Kind: kind, Name: name, Key: key})
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return value
}

// eventHubsUser is who logs in where the password is a connection string.
const eventHubsUser = "$ConnectionString"

func (s Settings) eventHubsUsed() bool { return s.Username == eventHubsUser }

// certificateEnd is when the client's certificate expires; zero where there is none that can be read.
func (s Settings) certificateEnd() time.Time {
	block, _ := pem.Decode([]byte(s.Certificate))
	if block == nil {
		return time.Time{}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return certificate.NotAfter
}

// eventHubs sets what stands behind a connection string. Source: Event Hubs' Kafka endpoint: port 9093, TLS, SASL
// PLAIN with user $ConnectionString.
func (s *Settings) eventHubs(connection string, r *reader) {
	s.TLS, s.Mechanism, s.Username, s.Password = true, "PLAIN", eventHubsUser, connection
	for part := range strings.SplitSeq(connection, ";") {
		endpoint, ok := strings.CutPrefix(part, "Endpoint=sb://")
		if host := strings.TrimRight(endpoint, "/"); ok && host != "" {
			s.Servers = []string{net.JoinHostPort(host, "9093")}
			return
		}
	}
	if len(r.errs) == 0 {
		r.errs = append(r.errs, errors.New("the Event Hubs connection string has no Endpoint=sb://...; copy it from the namespace's shared access policy"))
	}
}

// Key tells settings apart without showing them: clients are shared by those who have the same.
func (s Settings) Key() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and a bool
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (s Settings) tls() (*tls.Config, error) {
	if !s.TLS {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM([]byte(s.CA)) {
			return nil, errors.New("kafka.tls.caRef holds no certificate; put a PEM bundle there that begins with -----BEGIN CERTIFICATE-----")
		}
	}
	if s.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(s.Certificate), []byte(s.PrivateKey))
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.clientCertificateSecretRef: certificate and key do not make a pair: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

func (s Settings) sasl() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism %q is unknown; set PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}
