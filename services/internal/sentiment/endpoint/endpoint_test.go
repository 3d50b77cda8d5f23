package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func get(t *testing.T, handler http.HandlerFunc) (*http.Response, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Client(nil, 1).Do(request)
}

func TestNoRedirectIsFollowed(t *testing.T) {
	asked := 0
	answer, err := get(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusFound || asked != 1 {
		t.Errorf("status %d after %d requests, want the redirect itself", answer.StatusCode, asked)
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	for size, want := range map[int]error{MaxAnswer: nil, MaxAnswer + 1: ErrTooLarge} {
		answer, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader(strings.Repeat("a", size)))
		})
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if n > MaxAnswer || !errors.Is(err, want) {
			t.Errorf("%d bytes of %d, %v, want at most %d and %v", n, size, err, MaxAnswer, want)
		}
	}
}

func TestRemedyNamesTheSetting(t *testing.T) {
	late := &net.OpError{Op: "dial", Err: context.DeadlineExceeded} // as net's own error of it says of itself
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{}, "spec.scorer.x.endpoint"},
		{ErrTooLarge, "spec.scorer.x.endpoint"},
		{http.ErrSchemeMismatch, "or is the port another's?"},
		{errors.New("connection reset by peer"), "is spec.scorer.x.endpoint right"},
		{late, "is spec.scorer.x.endpoint right"},
		{context.DeadlineExceeded, "raise spec.scorer.x.timeout"},
	} {
		if got := Remedy(c.err, "spec.scorer.x", ""); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q in it", c.err, got, c.want)
		}
	}
}

// deaf is a connection that loses what comes once it is dead.
type deaf struct {
	net.Conn
	dead *atomic.Bool
}

func (d *deaf) Read(p []byte) (int, error) {
	for {
		if n, err := d.Conn.Read(p); err != nil || !d.dead.Load() {
			return n, err
		}
	}
}

// A connection over which nothing comes any more, as behind a load balancer that forgot it, ends before the request's time.
func TestAConnectionThatWentDeadIsClosed(t *testing.T) {
	release := make(chan struct{})
	var dead atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		dead.Store(true)
		<-release
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	transport := Client(server.Client().Transport.(*http.Transport).TLSClientConfig, 1).Transport.(bounded)
	defer transport.CloseIdleConnections()
	dial := transport.next.DialContext
	transport.next.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &deaf{conn, &dead}, err
	}
	transport.next.HTTP2 = &http.HTTP2Config{SendPingTimeout: transport.next.HTTP2.SendPingTimeout / 200, PingTimeout: transport.next.HTTP2.PingTimeout / 200}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(request)
	if err == nil {
		answer.Body.Close()
	}
	if err == nil || ctx.Err() != nil {
		t.Errorf("got %v and %v of the context, want an error before its time is over", err, ctx.Err())
	}
}
