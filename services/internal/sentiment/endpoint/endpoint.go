// Package endpoint is what the backends share that ask a service by HTTP: a client that hands no key to others and reads no
// answer without end, and words for why a service was not reached.
package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// MaxAnswer is how much of an answer is read, in bytes: many times what an answer to one request takes.
const MaxAnswer = 16 << 20

// ErrTooLarge is the error of an answer that is larger than MaxAnswer.
var ErrTooLarge = fmt.Errorf("its answer is larger than %d MiB", MaxAnswer>>20)

// Client returns a client that keeps up to atOnce connections. It follows no redirect, which would hand the key, in a header
// of its own, to whoever is named in it. secure may be nil.
func Client(secure *tls.Config, atOnce int) *http.Client {
	return &http.Client{
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: atOnce, IdleConnTimeout: 90 * time.Second,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded ends answers after MaxAnswer with an error.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if answer != nil && answer.Body != nil {
		answer.Body = &boundedBody{ReadCloser: answer.Body, left: MaxAnswer}
	}
	return answer, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// Remedy is what to do about an error of a request that got no answer. field is the setting that holds the address;
// authorities are what to do about a certificate that is not trusted.
func Remedy(err error, field, authorities string) string {
	var (
		host   *net.DNSError
		record tls.RecordHeaderError
		trust  x509.UnknownAuthorityError
		name   x509.HostnameError
		old    x509.CertificateInvalidError
	)
	switch {
	case errors.Is(err, ErrTooLarge):
		return "; no such service answers so: is " + field + " right?"
	case errors.As(err, &host):
		return "; is the name in " + field + " right?"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "; it speaks no TLS: is " + field + " an http address?"
	case errors.As(err, &trust), errors.As(err, &name), errors.As(err, &old):
		return "; " + authorities
	case errors.Is(err, context.DeadlineExceeded):
		return "; it was too slow: see how it is"
	}
	return "; is it running, is " + field + " right, and may we reach it?"
}
