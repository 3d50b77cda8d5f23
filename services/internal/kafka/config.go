package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// Config says how Kafka is reached. Embed it with `envPrefix:"KAFKA_"`.
//
// Either BootstrapServers with the TLS and SASL fields, or EventHubsConnectionString alone.
type Config struct {
	// BootstrapServers are host:port pairs to learn the cluster from.
	BootstrapServers []string `env:"BOOTSTRAP_SERVERS" help:"host:port of the brokers to start from, comma separated"`
	// TLSEnabled encrypts connections; TLSCA or TLSCertificate turn it on as well.
	TLSEnabled bool `env:"TLS_ENABLED" envDefault:"false" help:"encrypt connections to the brokers"`
	// TLSCA is a PEM bundle of the authorities to trust instead of the system's.
	TLSCA string `env:"TLS_CA" help:"PEM bundle of the certificate authorities to trust instead of the system's"`
	// TLSCertificate and TLSKey are PEM: the client's certificate for mutual TLS.
	TLSCertificate string     `env:"TLS_CERTIFICATE" help:"PEM certificate of this client, for mutual TLS"`
	TLSKey         run.Secret `env:"TLS_KEY" help:"PEM private key to the certificate of this client"`
	// SASLMechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty for none.
	SASLMechanism string     `env:"SASL_MECHANISM" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty for none"`
	SASLUsername  string     `env:"SASL_USERNAME" help:"user name for SASL"`
	SASLPassword  run.Secret `env:"SASL_PASSWORD" help:"password for SASL"`
	// EventHubsConnectionString is an Azure Event Hubs namespace's connection string.
	EventHubsConnectionString run.Secret `env:"EVENT_HUBS_CONNECTION_STRING" help:"connection string of an Azure Event Hubs namespace, instead of all else"`
}

// Validate reports every field that is wrong.
func (c Config) Validate() error {
	if c.EventHubsConnectionString != "" {
		_, err := c.eventHubs()
		return err
	}
	var errs []error
	if len(c.BootstrapServers) == 0 {
		errs = append(errs, run.Invalid("KAFKA_BOOTSTRAP_SERVERS", "", "name at least one broker as host:port"))
	}
	for _, s := range c.BootstrapServers {
		if _, port, err := net.SplitHostPort(s); err != nil || port == "" {
			errs = append(errs, run.Invalid("KAFKA_BOOTSTRAP_SERVERS", s, "write each broker as host:port, such as kafka:9092"))
		}
	}
	if _, err := c.tls(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.sasl(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// encrypted tells whether connections are to use TLS.
func (c Config) encrypted() bool {
	return c.TLSEnabled || c.TLSCA != "" || c.TLSCertificate != "" || c.TLSKey != ""
}

// certificateEnd is until when the client's certificate is valid, zero where there is none.
func (c Config) certificateEnd() time.Time {
	block, _ := pem.Decode([]byte(c.TLSCertificate))
	if block == nil {
		return time.Time{}
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return cert.NotAfter
}

// tls returns nil where connections are not encrypted.
func (c Config) tls() (*tls.Config, error) {
	if !c.encrypted() {
		return nil, nil
	}
	return run.ClientTLS("KAFKA_TLS_", c.TLSCA, c.TLSCertificate, c.TLSKey)
}

func (c Config) sasl() (sasl.Mechanism, error) {
	if c.SASLMechanism == "" {
		return nil, nil
	}
	if c.SASLUsername == "" || c.SASLPassword == "" {
		return nil, run.Invalid("KAFKA_SASL_USERNAME", c.SASLUsername, "SASL needs both KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
	}
	switch c.SASLMechanism {
	case "PLAIN":
		return plain.Mechanism{Username: c.SASLUsername, Password: c.SASLPassword.Value()}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, c.SASLUsername, c.SASLPassword.Value())
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, c.SASLUsername, c.SASLPassword.Value())
	}
	return nil, run.Invalid("KAFKA_SASL_MECHANISM", c.SASLMechanism, "set it to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
}

// eventHubsUser is whose password a connection string is.
const eventHubsUser = "$ConnectionString"

// eventHubs returns the plain settings that stand behind a connection string. Source:
// Event Hubs' Kafka endpoint: port 9093, TLS, SASL PLAIN with user $ConnectionString.
func (c Config) eventHubs() (Config, error) {
	for part := range strings.SplitSeq(c.EventHubsConnectionString.Value(), ";") {
		endpoint, ok := strings.CutPrefix(part, "Endpoint=sb://")
		if host := strings.TrimRight(endpoint, "/"); ok && host != "" {
			return Config{
				BootstrapServers: []string{net.JoinHostPort(host, "9093")}, TLSEnabled: true,
				SASLMechanism: "PLAIN", SASLUsername: eventHubsUser, SASLPassword: c.EventHubsConnectionString,
			}, nil
		}
	}
	return Config{}, run.Invalid("KAFKA_EVENT_HUBS_CONNECTION_STRING", c.EventHubsConnectionString,
		"copy it from the namespace's shared access policy; it begins with Endpoint=sb://")
}
