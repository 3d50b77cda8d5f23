//go:build e2e

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// badPoll is how long one look for dead letters takes; badDrain how long the end may take.
const (
	badPoll  = 500 * time.Millisecond
	badDrain = time.Minute
)

// slackSigned is Slack's header for the body: version 0, secret, time.
func slackSigned(secret string, at time.Time, body []byte) http.Header {
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", ts, body)
	return http.Header{
		"X-Slack-Request-Timestamp": {ts}, "X-Slack-Signature": {"v0=" + hex.EncodeToString(mac.Sum(nil))},
		"Content-Type": {"application/json"},
	}
}

func TestWrongAndOldSignatures(t *testing.T) {
	w := begin(t, "channels: [feedback, support]\n", "channels: [feedback, support]\n      mode: HTTP\n")
	address := ""
	for _, p := range w.loop.Pipeline().Processes() {
		if p.Image == "slack-ingest" {
			address = p.Listens["HTTP_LISTEN_ADDRESS"]
		}
	}
	body := []byte(`{"type":"event_callback","team_id":"T0FEEDBACK","event_id":"Ev0","event":{"type":"reaction_added"}}`)
	const secret = "simulator"
	now := time.Now()
	for _, c := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"another secret", slackSigned("another", now, body), http.StatusUnauthorized},
		{"six minutes old", slackSigned(secret, now.Add(-6*time.Minute), body), http.StatusUnauthorized},
		{"another body", slackSigned(secret, now, []byte("{}")), http.StatusUnauthorized},
		{"none", http.Header{}, http.StatusUnauthorized},
		{"right", slackSigned(secret, now, body), http.StatusOK},
	} {
		if got, answer := httpAsk(t, http.MethodPost, "http://"+address+"/slack/events", body, c.header); got != c.want {
			t.Errorf("signature %s: %d %s, want %d", c.name, got, answer, c.want)
		}
	}
	if got := w.metric("slack-ingest", "feedback_slack_signature_failures_total"); got != 4 {
		t.Errorf("signature failures counted = %v, want 4", got)
	}
	w.flows()
}
