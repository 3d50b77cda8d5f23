package executor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// ClientOptions makes a client reach Kafka as a plan's programs do. env is Plan.Kafka.
func ClientOptions(env map[string]string) ([]kgo.Opt, error) {
	bootstrap := strings.Split(env["KAFKA_BOOTSTRAP_SERVERS"], ",")
	if env["KAFKA_BOOTSTRAP_SERVERS"] == "" {
		return nil, errors.New("KAFKA_BOOTSTRAP_SERVERS is not set by any program")
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap...), kgo.ClientID("hack"),
		kgo.MetadataMinAge(100 * time.Millisecond), // topics that were just made are soon seen
	}
	if connection := env["KAFKA_EVENT_HUBS_CONNECTION_STRING"]; connection != "" {
		auth := plain.Auth{User: "$ConnectionString", Pass: connection}
		return append(options, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}), kgo.SASL(auth.AsMechanism())), nil
	}
	if env["KAFKA_TLS_ENABLED"] == "true" {
		config, err := tlsConfig(env)
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	user, password := env["KAFKA_SASL_USERNAME"], env["KAFKA_SASL_PASSWORD"]
	switch mechanism := env["KAFKA_SASL_MECHANISM"]; mechanism {
	case "":
	case "PLAIN":
		options = append(options, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case "SCRAM-SHA-256":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	default:
		return nil, fmt.Errorf("KAFKA_SASL_MECHANISM: %q; want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", mechanism)
	}
	return options, nil
}

func tlsConfig(env map[string]string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca := env["KAFKA_TLS_CA"]; ca != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("KAFKA_TLS_CA: no certificate in it; want PEM")
		}
	}
	if env["KAFKA_TLS_CERTIFICATE"] != "" {
		pair, err := tls.X509KeyPair([]byte(env["KAFKA_TLS_CERTIFICATE"]), []byte(env["KAFKA_TLS_KEY"]))
		if err != nil {
			return nil, errors.New("KAFKA_TLS_CERTIFICATE, KAFKA_TLS_KEY: not a pair of a PEM certificate and its key")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
