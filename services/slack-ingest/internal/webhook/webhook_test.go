package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/dispatch"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

const secret = "8f742231b10e8888abcd99yyyzzz85a5"

const said = `{"type":"event_callback","event_id":"Ev1","event":{"type":"message","channel":"C1","user":"U1","text":"azure","ts":"1.000001","event_ts":"1.000001"}}`

// request is signed with key as of at.
func request(body, key string, at time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/slack/events", strings.NewReader(body))
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// app is the handler and what it was asked to do.
type app struct {
	o         Options
	submitted int
	refused   int
	missed    int
	moved     int
}

func newApp(takes time.Duration, err error) *app {
	a := &app{}
	a.o = Options{
		Secret: secret, Closed: func() bool { return false },
		Submit: func(_ context.Context, it dispatch.Item) error {
			a.submitted++
			time.AfterFunc(takes, func() { it.Done(err) })
			return nil
		},
		Refuse:   func(context.Context, string, []byte, error) error { a.refused++; return err },
		Verified: func(bool) {}, Moved: func() { a.moved++ }, Missed: func() { a.missed++ },
		Metrics: metrics.New(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
	}
	return a
}

func (a *app) answer(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	New(a.o).ServeHTTP(w, r)
	return w
}

func TestSignature(t *testing.T) {
	now := time.Now()
	tampered := request(said, secret, now)
	tampered.Body = http.NoBody
	unsigned := httptest.NewRequest(http.MethodPost, "/slack/events", strings.NewReader(said))
	noVersion := request(said, secret, now)
	noVersion.Header.Set("X-Slack-Signature", strings.TrimPrefix(noVersion.Header.Get("X-Slack-Signature"), "v0="))
	for name, c := range map[string]struct {
		r    *http.Request
		want int
	}{
		"right":                {request(said, secret, now), http.StatusOK},
		"four minutes old":     {request(said, secret, now.Add(-4*time.Minute)), http.StatusOK},
		"another secret":       {request(said, "other", now), http.StatusUnauthorized},
		"six minutes old":      {request(said, secret, now.Add(-6*time.Minute)), http.StatusUnauthorized},
		"six minutes too soon": {request(said, secret, now.Add(6*time.Minute)), http.StatusUnauthorized},
		"another body":         {tampered, http.StatusUnauthorized},
		"none":                 {unsigned, http.StatusUnauthorized},
		"without its version":  {noVersion, http.StatusUnauthorized},
		"verification unsigned": {httptest.NewRequest(http.MethodPost, "/slack/events",
			strings.NewReader(`{"type":"url_verification","challenge":"x"}`)), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(0, nil)
			if got := a.answer(c.r).Code; got != c.want {
				t.Errorf("answer = %d, want %d", got, c.want)
			}
			failures := testutil.ToFloat64(a.o.Metrics.SignatureFailures)
			if refused := c.want == http.StatusUnauthorized; refused != (failures == 1) || refused != (a.submitted == 0) {
				t.Errorf("failures counted %v, submitted %d, for an answer of %d", failures, a.submitted, c.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	down := errors.New("not enough replicas")
	for name, c := range map[string]struct {
		body    string
		takes   time.Duration
		err     error
		closed  bool
		want    int
		text    string
		refused int
	}{
		"stored":                 {body: said, takes: time.Second, want: http.StatusOK},
		"stored too late":        {body: said, takes: 3 * time.Second, want: http.StatusServiceUnavailable},
		"not stored":             {body: said, err: down, want: http.StatusServiceUnavailable},
		"the broker is away":     {body: said, closed: true, want: http.StatusServiceUnavailable},
		"verification":           {body: `{"type":"url_verification","challenge":"3eZb"}`, closed: true, want: http.StatusOK, text: `{"challenge":"3eZb"}`},
		"nothing to us":          {body: `{"type":"event_callback","event":{"type":"reaction_added"}}`, want: http.StatusOK},
		"a channel was renamed":  {body: `{"type":"event_callback","event":{"type":"channel_rename","channel":{"id":"C1"}}}`, want: http.StatusOK},
		"too many events":        {body: `{"type":"app_rate_limited","team_id":"T1"}`, want: http.StatusOK},
		"unreadable":             {body: `{`, want: http.StatusOK, refused: 1},
		"unreadable, not stored": {body: `{`, err: down, want: http.StatusServiceUnavailable, refused: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(c.takes, c.err)
				a.o.Closed = func() bool { return c.closed }
				began := time.Now()
				w := a.answer(request(c.body, secret, time.Now()))
				if got := w.Code; got != c.want {
					t.Errorf("answer = %d, want %d", got, c.want)
				}
				if got := strings.TrimSpace(w.Body.String()); c.text != "" && got != c.text {
					t.Errorf("answer = %q, want %q", got, c.text)
				}
				if took := time.Since(began); took > dispatch.Limit {
					t.Errorf("answered after %v, want %v at most", took, dispatch.Limit)
				}
				if a.refused != c.refused {
					t.Errorf("kept %d as unreadable, want %d", a.refused, c.refused)
				}
				<-time.After(5 * time.Second)
			})
		})
	}
}

func TestTooLarge(t *testing.T) {
	a := newApp(0, nil)
	if got, want := a.answer(request(strings.Repeat("x", maxBody+1), secret, time.Now())).Code, http.StatusRequestEntityTooLarge; got != want {
		t.Errorf("answer = %d, want %d", got, want)
	}
}

func TestOnlyPost(t *testing.T) {
	a := newApp(0, nil)
	for _, r := range []*http.Request{httptest.NewRequest(http.MethodGet, "/slack/events", nil), httptest.NewRequest(http.MethodPost, "/", nil)} {
		if got := a.answer(r).Code; got != http.StatusMethodNotAllowed && got != http.StatusNotFound {
			t.Errorf("%s %s = %d, want it refused", r.Method, r.URL.Path, got)
		}
	}
}
