package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// explain adds to an error of the client library what it means and what to do about it, where
// that is not plain from its words: which setting, what is wrong with it, what would be right.
// It takes note of how the brokers receive us (see patience). It returns nil for nil.
func (c *Client) explain(err error) error {
	if err == nil {
		c.patience.worked()
		return nil
	}
	c.patience.failed(err)
	if hint := c.hint(err); hint != "" {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

func (c *Client) hint(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, kafkago.UnknownTopicOrPartition):
		return "the topic does not exist: create it again, as docs/topics.md says; what was in it is lost"
	case errors.Is(err, kafkago.NotEnoughReplicas), errors.Is(err, kafkago.NotEnoughReplicasAfterAppend):
		return "fewer brokers have the partition than min.insync.replicas asks for: see that all brokers run, and the topic's configuration"
	case errors.Is(err, kafkago.SASLAuthenticationFailed) && c.cfg.SASLUsername == eventHubsUser:
		return "Event Hubs refuses KAFKA_EVENT_HUBS_CONNECTION_STRING: copy it anew from the namespace's shared access policy"
	case errors.Is(err, kafkago.SASLAuthenticationFailed):
		return fmt.Sprintf("the broker refuses KAFKA_SASL_USERNAME %q or its password: check both, and that the user has credentials for KAFKA_SASL_MECHANISM %s",
			c.cfg.SASLUsername, c.cfg.SASLMechanism)
	case errors.Is(err, kafkago.UnsupportedSASLMechanism):
		return fmt.Sprintf("the broker does not offer KAFKA_SASL_MECHANISM %s at that port: set another of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", c.cfg.SASLMechanism)
	case errors.Is(err, kafkago.IllegalSASLState):
		return fmt.Sprintf("the broker takes no login at that port, and KAFKA_SASL_MECHANISM is %s: unset it, or name the port with SASL in KAFKA_BOOTSTRAP_SERVERS", c.cfg.SASLMechanism)
	case denied(err):
		return "the broker's ACLs do not allow it: grant the user what docs/acls.md lists"
	case errors.As(err, &dns):
		return "the host name cannot be resolved: check KAFKA_BOOTSTRAP_SERVERS"
	case strings.Contains(err.Error(), "connection refused"):
		return "nothing listens there: check KAFKA_BOOTSTRAP_SERVERS and that the broker runs"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return c.closed(err)
	}
	if hint := c.hintTLS(err); hint != "" {
		return hint
	}
	return hintNetwork(err)
}

// hintNetwork says what to look at where packets do not arrive.
func hintNetwork(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time: see that the brokers run, and that the network lets packets through to KAFKA_BOOTSTRAP_SERVERS"
	case errors.As(err, new(*net.OpError)):
		return "the connection was cut: see that the brokers run, and the network to KAFKA_BOOTSTRAP_SERVERS"
	}
	return ""
}

// hintTLS explains why one side does not trust the other's certificate.
func (c *Client) hintTLS(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	var remote *net.OpError
	switch {
	case errors.As(err, &authority):
		trusted := "the authorities of KAFKA_TLS_CA"
		if c.cfg.TLSCA == "" {
			trusted = "this system's authorities"
		}
		return "the broker's certificate is not signed by " + trusted + ": set KAFKA_TLS_CA to the PEM bundle of the one that signed it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has expired, or this machine's clock is wrong: renew the certificate at the broker"
	case errors.As(err, &invalid):
		return "the broker's certificate is not valid: replace it at the broker"
	case errors.As(err, &hostname):
		return "the broker's certificate is for another host: use a name that it has in KAFKA_BOOTSTRAP_SERVERS and the broker's advertised.listeners, or add this one to the certificate"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return c.refusedCertificate()
	}
	return ""
}

// refusedCertificate says what is wrong with the certificate that we showed, as far as we can see.
func (c *Client) refusedCertificate() string {
	if c.cfg.TLSCertificate == "" {
		return "the broker asks for a certificate: set KAFKA_TLS_CERTIFICATE and KAFKA_TLS_KEY"
	}
	if until := c.cfg.certificateEnd(); !until.IsZero() && time.Now().After(until) {
		return fmt.Sprintf("the broker refuses KAFKA_TLS_CERTIFICATE: it expired at %s, renew it", until.UTC().Format(time.RFC3339))
	}
	return "the broker refuses KAFKA_TLS_CERTIFICATE: it must be signed by an authority that the broker trusts"
}

// closed guesses why a broker ended the connection without a word.
func (c *Client) closed(err error) string {
	reason := "it restarts"
	switch encrypted := c.cfg.encrypted(); {
	case !encrypted && strings.Contains(err.Error(), "expecting TLS"):
		return "the broker wants TLS at that port: set KAFKA_TLS_ENABLED, and KAFKA_TLS_CA for an authority of your own"
	case c.cfg.SASLMechanism != "" && encrypted:
		reason += ", or it refuses KAFKA_SASL_USERNAME or its password, or it speaks no TLS at that port: check KAFKA_TLS_ENABLED and KAFKA_TLS_CA"
	case c.cfg.SASLMechanism != "":
		reason += ", or it refuses KAFKA_SASL_USERNAME or its password, or it wants TLS at that port: set KAFKA_TLS_ENABLED"
	case encrypted:
		reason += ", or it speaks no TLS at that port: check KAFKA_BOOTSTRAP_SERVERS or unset KAFKA_TLS_ENABLED and KAFKA_TLS_CA; or it wants a login: set KAFKA_SASL_MECHANISM"
	default:
		reason += ", or it wants a login at that port: set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD; or TLS: set KAFKA_TLS_ENABLED"
	}
	return "the broker closed the connection: " + reason
}

// denied tells whether ACLs do not allow what was asked for.
func denied(err error) bool {
	return errors.Is(err, kafkago.TopicAuthorizationFailed) || errors.Is(err, kafkago.GroupAuthorizationFailed) || errors.Is(err, kafkago.ClusterAuthorizationFailed)
}

// refused tells whether the brokers do not let us in, by login or certificate: only somebody who
// changes a setting cures that.
func refused(err error) bool {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	var remote *net.OpError
	return errors.Is(err, kafkago.SASLAuthenticationFailed) || errors.Is(err, kafkago.UnsupportedSASLMechanism) || errors.Is(err, kafkago.IllegalSASLState) ||
		errors.As(err, &authority) || errors.As(err, &invalid) || errors.As(err, &hostname) ||
		errors.As(err, &remote) && remote.Op == "remote error"
}
