package run

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// ClientTLS returns how a client proves whom it speaks to, and who it is: ca (PEM) is what it trusts instead of the
// system's authorities, certificate and key (PEM) are its own, for mutual TLS; each may be empty. prefix names the
// settings in errors, such as KAFKA_TLS_.
func ClientTLS(prefix, ca, certificate string, key Secret) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if (certificate == "") != (key == "") {
		return nil, Invalid(prefix+"CERTIFICATE", "", "mutual TLS needs both "+prefix+"CERTIFICATE and "+prefix+"KEY")
	}
	if ca != "" {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, Invalid(prefix+"CA", beginning(ca), "give a PEM bundle that begins with -----BEGIN CERTIFICATE-----")
		}
	}
	if certificate != "" {
		cert, err := tls.X509KeyPair([]byte(certificate), []byte(key))
		if err != nil {
			return nil, Invalid(prefix+"CERTIFICATE", beginning(certificate), fmt.Sprintf("certificate and key do not make a pair: %v", err))
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

// beginning is as much of a long value as an error shows.
func beginning(s string) string {
	const shown = 30
	if len(s) <= shown {
		return s
	}
	return s[:shown] + "..."
}
