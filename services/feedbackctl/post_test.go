package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// slackServer answers as Slack does: it has one channel and gives each post the next ts.
type slackServer struct {
	posted  []string
	token   string
	refuse  string // error code of chat.postMessage
	limited int    // how many posts it answers with 429
	scope   bool   // may channels be listed
}

func (s *slackServer) start(t *testing.T) map[string]string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return map[string]string{"SLACK_API_URL": server.URL + "/api/", "SLACK_BOT_TOKEN": "xoxb-very-secret"}
}

func (s *slackServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.token = r.FormValue("token") + r.Header.Get("Authorization")
	answer := map[string]any{"ok": true}
	switch strings.TrimPrefix(r.URL.Path, "/api/") {
	case "conversations.list":
		answer["channels"] = []map[string]any{{"id": "C042", "name": "feedback"}}
		if !s.scope {
			answer = map[string]any{"ok": false, "error": "missing_scope", "needed": "channels:read"}
		}
	case "chat.postMessage":
		switch {
		case s.limited > 0:
			s.limited--
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		case s.refuse != "":
			answer = map[string]any{"ok": false, "error": s.refuse}
		default:
			s.posted = append(s.posted, r.FormValue("channel")+" "+r.FormValue("text"))
			answer["channel"], answer["ts"] = "C042", fmt.Sprintf("1700000000.%06d", len(s.posted))
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func TestPostArguments(t *testing.T) {
	s := &slackServer{scope: true}
	got := call{env: s.start(t)}.run(t, "post", "--channel", "#feedback", "--rate", "1000", "I <3 it & you", "two\nlines", " ").ok(t)
	if diff := cmp.Diff([]string{"C042 I &lt;3 it &amp; you", "C042 two\nlines"}, s.posted); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
	if got, want := got.out, "feedback\t1700000000.000001\nfeedback\t1700000000.000002\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if !strings.Contains(s.token, "xoxb-very-secret") || !strings.Contains(got.err, "posted 2 messages") {
		t.Errorf("token %q, stderr %q", s.token, got.err)
	}
}

func TestPostLinesOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.txt")
	if err := os.WriteFile(path, []byte("one\r\n\n  \ntwo\nthree"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &slackServer{scope: true}
	env := s.start(t)
	call{env: env}.run(t, "post", "-c", "feedback", "--rate", "1000", "--file", path, "-n", "2").ok(t)
	call{env: env, in: strings.NewReader("four\nfive\n")}.run(t, "post", "-c", "feedback", "--rate", "1000", "--file", "-").ok(t)
	if diff := cmp.Diff([]string{"C042 one", "C042 two", "C042 four", "C042 five"}, s.posted); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
}

func TestPostAsAPersonFirst(t *testing.T) {
	s := &slackServer{scope: true}
	env := s.start(t)
	env["SLACK_USER_TOKEN"] = "xoxp-person"
	call{env: env}.run(t, "post", "-c", "feedback", "hello").ok(t)
	if !strings.Contains(s.token, "xoxp-person") {
		t.Errorf("token %q, want the person's", s.token)
	}
}

func TestPostWithoutTheScopeToListChannels(t *testing.T) {
	s := &slackServer{}
	call{env: s.start(t)}.run(t, "post", "-c", "feedback", "hello").ok(t)
	if diff := cmp.Diff([]string{"feedback hello"}, s.posted); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
}

func TestPostSlowsDownWhenAsked(t *testing.T) {
	s := &slackServer{scope: true, limited: 1}
	got := call{env: s.start(t)}.run(t, "post", "-c", "feedback", "hello").ok(t)
	if len(s.posted) != 1 || !strings.Contains(got.err, "waiting 1s") {
		t.Errorf("posted %q, stderr %q, want one message after a wait", s.posted, got.err)
	}
}

func TestPostExplainsWhatSlackRefuses(t *testing.T) {
	tests := []struct{ refuse, says string }{
		{"token_revoked", "reinstall the app"},
		{"not_in_channel", "/invite"},
		{"is_archived", "archived"},
	}
	for _, test := range tests {
		t.Run(test.refuse, func(t *testing.T) {
			s := &slackServer{scope: true, refuse: test.refuse}
			got := call{env: s.start(t)}.run(t, "post", "-c", "feedback", "hello")
			if got.code != exitFailed || !strings.Contains(got.err, test.says) || got.out != "" {
				t.Errorf("%+v, want status 1 and %q", got, test.says)
			}
			if strings.Contains(got.err, "very-secret") {
				t.Errorf("stderr %q shows the token", got.err)
			}
		})
	}
}

func TestPostToAnUnknownChannel(t *testing.T) {
	s := &slackServer{scope: true}
	got := call{env: s.start(t)}.run(t, "post", "-c", "nowhere", "hello")
	if got.code != exitFailed || !strings.Contains(got.err, `channel "nowhere"`) || len(s.posted) > 0 {
		t.Errorf("%+v, want status 1 and the channel's name", got)
	}
}
