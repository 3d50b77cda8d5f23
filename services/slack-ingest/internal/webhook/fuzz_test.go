package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/dispatch"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

// FuzzRequest: whatever is posted, the handler never panics and answers by its contract; what
// bears no valid signature reaches nobody.
func FuzzRequest(f *testing.F) {
	f.Add(`{"type":"url_verification","challenge":"c"}`, true)
	f.Add(`{"type":"event_callback","event_id":"Ev1","event":{"type":"message","channel":"C1","ts":"1763805600.000100","user":"U1","text":"hi"}}`, true)
	f.Add(`{"type":"event_callback","event":{"type":"message","subtype":"message_changed","channel":{},"message":null}}`, true)
	f.Add(`{"type":"app_rate_limited"}`, true)
	f.Add(`{"type":"event_callback","event":{"type":"channel_rename","channel":{"id":"C1"}}}`, false)
	f.Add(`[`, true)
	m := metrics.New(prometheus.NewRegistry())
	f.Fuzz(func(t *testing.T, body string, signed bool) {
		reached := 0
		h := New(Options{
			Secret: "sesame", Metrics: m, Log: slog.New(slog.DiscardHandler),
			Closed:   func() bool { return false },
			Verified: func(bool) {},
			Moved:    func() { reached++ },
			Missed:   func() { reached++ },
			Submit: func(_ context.Context, it dispatch.Item) error {
				reached++
				it.Done(nil)
				return nil
			},
			Refuse: func(context.Context, string, []byte, error) error { reached++; return nil },
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/slack/events", strings.NewReader(body))
		at := fmt.Sprint(time.Now().Unix())
		r.Header.Set("X-Slack-Request-Timestamp", at)
		mac := hmac.New(sha256.New, []byte("sesame"))
		_, _ = mac.Write([]byte("v0:" + at + ":" + body))
		if !signed {
			_, _ = mac.Write([]byte("forged"))
		}
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch {
		case signed && w.Code != http.StatusOK:
			t.Errorf("answer %d to %q, want 200", w.Code, body)
		case !signed && (w.Code != http.StatusUnauthorized || reached > 0):
			t.Errorf("answer %d to a forged request, which reached %d functions, want 401 and none", w.Code, reached)
		}
	})
}
