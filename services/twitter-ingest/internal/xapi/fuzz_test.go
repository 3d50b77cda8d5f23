package xapi

import (
	"net/http"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzExplain: whatever X answers instead of posts, there is a reason in one word, a message
// that can be written to Kafka, and a wait that ends.
func FuzzExplain(f *testing.F) {
	f.Add(429, []byte(`{"title":"UsageCapExceeded","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}`), "1763805600", "60")
	f.Add(429, []byte(`{"title":"ConnectionException","connection_issue":"TooManyConnections"}`), "", "")
	f.Add(400, []byte(`{"errors":[{"message":"'since_id' must be larger than 5","parameters":{"since_id":["1"]}}]}`), "", "")
	f.Add(503, []byte(`<html>over capacity`), "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add(200, []byte(`{"errors":null}`), "-1", "-5")
	f.Fuzz(func(t *testing.T, status int, body []byte, reset, after string) {
		header := http.Header{}
		header.Set("x-rate-limit-reset", reset)
		header.Set("Retry-After", after)
		p := explain("search", &answer{status: status, header: header, body: body})
		if p.Reason == "" || p.Message == "" || !utf8.ValidString(p.Message) || len(p.Message) > 2000 {
			t.Errorf("reason %q, message %q", p.Reason, p.Message)
		}
		if p.Wait < 0 || p.Wait > 25*time.Hour {
			t.Errorf("wait %s", p.Wait)
		}
	})
}
