package slackapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestWaitsAreCountedByMethod(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer s.Close()
	m := NewMetrics(prometheus.NewRegistry())
	api := New(Options{BotToken: "xoxb-1", APIURL: s.URL + "/api/", Metrics: m})
	for range 2 {
		if _, err := api.AuthTestContext(t.Context()); Explain(err).Kind != RateLimited {
			t.Fatalf("auth.test = %v, want it limited", err)
		}
	}
	times, seconds := testutil.ToFloat64(m.limited.WithLabelValues("auth.test")), testutil.ToFloat64(m.seconds.WithLabelValues("auth.test"))
	if times != 2 || seconds != 60 {
		t.Errorf("limited %v times for %v s, want 2 and 60", times, seconds)
	}
}
