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
// of its own, to whoever is named in it. A connection is made within ten seconds or not at all, and one by HTTP/2 that
// answers no ping is closed: what lies between may drop packets without a word, and each request would run into its
// timeout. secure may be nil.
func Client(secure *tls.Config, atOnce int) *http.Client {
	return &http.Client{
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
			MaxIdleConnsPerHost: atOnce, IdleConnTimeout: 90 * time.Second,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded ends answers after MaxAnswer with an error.
type bounded struct{ next *http.Transport }

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (b bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

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

// Remedy is what to do about an error of a request that got no answer. setting is where the service's settings stand in the
// manifest, of which endpoint holds the address and timeout how long a try may take; authorities are what to do about a
// certificate that is not trusted.
func Remedy(err error, setting, authorities string) string {
	field := setting + ".endpoint"
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
		return "; does it speak no TLS, so that " + field + " is an http address, or is the port another's?"
	case errors.As(err, &trust), errors.As(err, &name), errors.As(err, &old):
		return "; " + authorities
	case TimedOut(err):
		return "; it was too slow: see how it is, or raise " + setting + ".timeout"
	}
	return "; is it running, is " + field + " right, and may we reach it?"
}

// TimedOut tells whether an error of a request is that its time was over. That no connection was made in time is another
// matter: no longer timeout helps there.
func TimedOut(err error) bool {
	var place *net.OpError
	return errors.Is(err, context.DeadlineExceeded) && (!errors.As(err, &place) || place.Op != "dial")
}
