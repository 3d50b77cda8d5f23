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

// explain adds to an error of the client library what it means and what to do about it, in words of the pipeline's
// spec, where that is not plain from its own. It returns nil for nil.
func (c *Client) explain(err error) error {
	if err == nil {
		return nil
	}
	if hint := c.hint(err); hint != "" {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

func (c *Client) hint(err error) string {
	var dns *net.DNSError
	sasl := c.settings.Mechanism
	switch {
	case errors.Is(err, kafkago.SASLAuthenticationFailed) && c.settings.eventHubsUsed():
		return "Event Hubs refuses kafka.sasl.eventHubs' connection string: copy it anew from the namespace's shared access policy into its Secret"
	case errors.Is(err, kafkago.SASLAuthenticationFailed):
		return fmt.Sprintf("the broker refuses user %q of kafka.sasl.credentialsSecretRef or its password: check both, and that the user has credentials for kafka.sasl.mechanism %s", c.settings.Username, sasl)
	case errors.Is(err, kafkago.UnsupportedSASLMechanism):
		return fmt.Sprintf("the broker does not offer kafka.sasl.mechanism %s at that port: set another of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", sasl)
	case errors.Is(err, kafkago.IllegalSASLState):
		return fmt.Sprintf("the broker takes no login at that port, and kafka.sasl.mechanism is %s: leave kafka.sasl out, or name the port with SASL in kafka.bootstrapServers", sasl)
	case forbidden(err):
		return "the broker's ACLs do not allow it: grant the user what docs/acls.md lists for the operator"
	case Existed(err):
		return "it was created just now, and is looked at again; or the user may not see it: grant it what docs/acls.md lists for the operator"
	case errors.As(err, &dns):
		return "the host name cannot be resolved: check kafka.bootstrapServers"
	case strings.Contains(err.Error(), "connection refused"):
		return "nothing listens there: check kafka.bootstrapServers and that the broker runs"
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
		return "no answer in time: see that the brokers run, and that the network lets the operator through to kafka.bootstrapServers"
	case errors.As(err, new(*net.OpError)):
		return "the connection was cut: see that the brokers run, and the network to kafka.bootstrapServers"
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
		trusted := "the authorities of kafka.tls.caRef"
		if c.settings.CA == "" {
			trusted = "the system's authorities"
		}
		return "the broker's certificate is not signed by " + trusted + ": have kafka.tls.caRef name the PEM bundle of the one that signed it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has expired, or the clock of this node is wrong: renew the certificate at the broker"
	case errors.As(err, &invalid):
		return "the broker's certificate is not valid: replace it at the broker"
	case errors.As(err, &hostname):
		return "the broker's certificate is for another host: use a name that it has in kafka.bootstrapServers and the broker's advertised.listeners, or add this one to the certificate"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return c.refusedCertificate()
	}
	return ""
}

// refusedCertificate says what is wrong with the certificate that we showed, as far as we can see.
func (c *Client) refusedCertificate() string {
	if c.settings.Certificate == "" {
		return "the broker asks for a certificate: set kafka.tls.clientCertificateSecretRef"
	}
	if until := c.settings.certificateEnd(); !until.IsZero() && time.Now().After(until) {
		return fmt.Sprintf("the broker refuses the certificate of kafka.tls.clientCertificateSecretRef: it expired at %s, renew it", until.UTC().Format(time.RFC3339))
	}
	return "the broker refuses the certificate of kafka.tls.clientCertificateSecretRef: it must be signed by an authority that the broker trusts"
}

// closed guesses why a broker ended the connection without a word.
func (c *Client) closed(err error) string {
	encrypted, login := c.settings.TLS, c.settings.Mechanism != ""
	reason := "the broker closed the connection: it restarts, or "
	switch {
	case !encrypted && strings.Contains(err.Error(), "expecting TLS"):
		return "the broker wants TLS at that port: set kafka.tls, with caRef for an authority of your own"
	case login && encrypted:
		return reason + "it refuses the user or password of kafka.sasl, or it speaks no TLS at that port: check kafka.tls"
	case login:
		return reason + "it refuses the user or password of kafka.sasl, or it wants TLS at that port: set kafka.tls"
	case encrypted:
		return reason + "it speaks no TLS at that port: check kafka.bootstrapServers, or leave kafka.tls out; or it wants a login: set kafka.sasl"
	}
	return reason + "it wants a login at that port: set kafka.sasl; or TLS: set kafka.tls"
}

func forbidden(err error) bool {
	return errors.Is(err, kafkago.TopicAuthorizationFailed) || errors.Is(err, kafkago.GroupAuthorizationFailed) || errors.Is(err, kafkago.ClusterAuthorizationFailed)
}

// Denied tells whether err is that the broker does not let the user in, or that its ACLs do not allow what was asked.
func Denied(err error) bool {
	return forbidden(err) || errors.Is(err, kafkago.SASLAuthenticationFailed)
}

// Answered tells whether err is an answer of a broker, rather than that none came.
func Answered(err error) bool {
	var code kafkago.Error
	return errors.As(err, &code) && !code.Temporary()
}
