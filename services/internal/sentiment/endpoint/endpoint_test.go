package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
	for _, err := range []error{&net.DNSError{}, ErrTooLarge, http.ErrSchemeMismatch, errors.New("connection reset by peer")} {
		if got := Remedy(err, "spec.scorer.x.endpoint", ""); !strings.Contains(got, "spec.scorer.x.endpoint") {
			t.Errorf("%v: %q, want the setting named", err, got)
		}
	}
	if got := Remedy(context.DeadlineExceeded, "", ""); !strings.Contains(got, "slow") {
		t.Errorf("got %q of a service that was too slow", got)
	}
}
