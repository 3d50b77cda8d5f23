package slackapi

import (
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count how Slack limits requests to its Web API.
type Metrics struct {
	limited, seconds *prometheus.CounterVec
}

// NewMetrics registers the metrics; share one among all clients of a process. They are served as 0 for the methods that
// the process calls, such as chat.postMessage, from the start.
func NewMetrics(reg prometheus.Registerer, methods ...string) *Metrics {
	m := &Metrics{
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "feedback_slack_rate_limited_total",
			Help: "Requests that Slack refused with 429, by method."}, []string{"method"}),
		seconds: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "feedback_slack_rate_limited_seconds_total",
			Help: "Seconds that Slack asked to wait with these, by method."}, []string{"method"}),
	}
	for _, method := range methods {
		m.limited.WithLabelValues(method)
		m.seconds.WithLabelValues(method)
	}
	reg.MustRegister(m.limited, m.seconds)
	return m
}

// limits counts the answers that ask to wait.
type limits struct {
	next    http.RoundTripper
	metrics *Metrics
}

// RoundTrip counts an answer 429 and hands it on.
func (l limits) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		method := path.Base(req.URL.Path)
		l.metrics.limited.WithLabelValues(method).Inc()
		wait := time.Second
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			wait = time.Duration(s) * time.Second
		}
		l.metrics.seconds.WithLabelValues(method).Add(wait.Seconds())
	}
	return resp, err
}
