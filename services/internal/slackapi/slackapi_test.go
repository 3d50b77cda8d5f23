package slackapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// server answers every call of the Web API by f and counts the calls of each method.
func server(t *testing.T, f func(method string, r *http.Request) (status int, body string)) (*slack.Client, map[string]int) {
	t.Helper()
	calls := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := strings.TrimPrefix(r.URL.Path, "/api/")
		calls[method]++
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		status, body := f(method, r)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return New(Options{BotToken: "xoxb-sesame", APIURL: s.URL + "/api"}), calls
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   Problem
	}{
		{"rate limited", 429, `{"ok":false,"error":"ratelimited"}`, Problem{Kind: RateLimited, Reason: "RateLimited", RetryAfter: 7 * time.Second}},
		{"refused", 200, `{"ok":false,"error":"invalid_auth"}`, Problem{Kind: Refused, Reason: "TokenRefused", Message: "put the app's current token into the Secret (Slack: invalid_auth)"}},
		{"scope", 200, `{"ok":false,"error":"missing_scope","needed":"channels:history","provided":"chat:write"}`,
			Problem{Kind: Missing, Reason: "MissingScope", Message: "needed channels:history, provided chat:write"}},
		{"archived", 200, `{"ok":false,"error":"is_archived"}`, Problem{Kind: Missing, Reason: "ChannelArchived", Message: "unarchive it or name another"}},
		{"too long", 200, `{"ok":false,"error":"msg_too_long"}`, Problem{Kind: Permanent, Reason: "MessageRefused"}},
		{"unknown code", 200, `{"ok":false,"error":"fatal_error"}`, Problem{Kind: Transient, Reason: "SlackError", Unknown: true}},
		{"server error", 503, `oops`, Problem{Kind: Transient, Reason: "SlackUnavailable", Unknown: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			api, _ := server(t, func(string, *http.Request) (int, string) { return c.status, c.body })
			_, err := api.AuthTestContext(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			got := Explain(fmt.Errorf("ask Slack: %w", err))
			if got.Kind != c.want.Kind || got.Reason != c.want.Reason || got.RetryAfter != c.want.RetryAfter || got.Unknown != c.want.Unknown ||
				!strings.Contains(got.Message, c.want.Message) {
				t.Errorf("Explain(%v) = %+v, want %+v", err, got, c.want)
			}
		})
	}
}

func TestExplainTellsWhetherAnythingWasSent(t *testing.T) {
	refused := New(Options{BotToken: "xoxb-sesame", APIURL: "http://127.0.0.1:1/api/"})
	_, err := refused.AuthTestContext(t.Context())
	if got := Explain(err); got.Unknown || got.Reason != "SlackUnreachable" {
		t.Errorf("Explain(%v) = %+v, want an error before anything was sent", err, got)
	}
	api, _ := server(t, func(string, *http.Request) (int, string) { panic(http.ErrAbortHandler) })
	_, err = api.AuthTestContext(t.Context())
	if got := Explain(err); !got.Unknown {
		t.Errorf("Explain(%v) = %+v, want unknown: the answer was lost", err, got)
	}
	if strings.Contains(fmt.Sprint(err, Explain(err).Message), "sesame") {
		t.Errorf("the error shows the token: %v", err)
	}
}

const channels = `{"ok":true,"channels":[
 {"id":"C0OLD","name":"feedback","is_archived":true},
 {"id":"C1","name":"feedback"},
 {"id":"C2","name":"support","is_private":true}],"response_metadata":{"next_cursor":""}}`

func TestDirectoryFindsChannels(t *testing.T) {
	api, calls := server(t, func(method string, r *http.Request) (int, string) {
		if method == "conversations.info" {
			if r.Form.Get("channel") != "C7" {
				return 200, `{"ok":false,"error":"channel_not_found"}`
			}
			return 200, `{"ok":true,"channel":{"id":"C7","name":"direct"}}`
		}
		return 200, channels
	})
	d := NewDirectory(api)
	for _, c := range []struct{ ask, want string }{
		{"feedback", "C1"}, {"#Feedback", "C1"}, {"support", "C2"}, {"C7", "C7"}, {"C2", "C2"},
	} {
		got, err := d.Channel(t.Context(), c.ask)
		if err != nil || got.ID != c.want {
			t.Errorf("Channel(%q) = %q, %v, want %q", c.ask, got.ID, err, c.want)
		}
	}
	if calls["conversations.list"] != 1 || calls["conversations.info"] != 1 {
		t.Errorf("calls = %v, want one of each: the rest is remembered", calls)
	}
	_, err := d.Channel(t.Context(), "nowhere")
	if err == nil || Explain(err).Reason != "ChannelNotFound" {
		t.Errorf("Channel(nowhere) = %v, want ChannelNotFound", err)
	}
	d.Forget("feedback")
	if _, err := d.Channel(t.Context(), "feedback"); err != nil || calls["conversations.list"] != 3 {
		t.Errorf("after Forget: %v, %v, want it asked for again", err, calls)
	}
}

func TestDirectoryDoesWithoutThePrivateScope(t *testing.T) {
	api, _ := server(t, func(_ string, r *http.Request) (int, string) {
		if strings.Contains(r.Form.Get("types"), "private") {
			return 200, `{"ok":false,"error":"missing_scope","needed":"groups:read"}`
		}
		return 200, channels
	})
	if ch, err := NewDirectory(api).Channel(t.Context(), "feedback"); err != nil || ch.ID != "C1" {
		t.Errorf("Channel = %v, %v, want C1", ch.ID, err)
	}
}

func TestDirectoryKnowsPeople(t *testing.T) {
	down := false
	api, calls := server(t, func(_ string, r *http.Request) (int, string) {
		switch {
		case down:
			return 503, "oops"
		case r.Form.Get("user") == "U1":
			return 200, `{"ok":true,"user":{"id":"U1","name":"ana","real_name":"Ana Ruiz","profile":{"display_name":""}}}`
		}
		return 200, `{"ok":false,"error":"user_not_found"}`
	})
	d := NewDirectory(api)
	for range 2 {
		if a, err := d.User(t.Context(), "U1"); err != nil || a.Handle != "ana" || a.DisplayName != "Ana Ruiz" {
			t.Errorf("User(U1) = %v, %v", a, err)
		}
		if a, err := d.User(t.Context(), "U9"); err != nil || a.Id != "U9" || a.Handle != "" {
			t.Errorf("User(U9) = %v, %v, want the id alone", a, err)
		}
	}
	if calls["users.info"] != 2 {
		t.Errorf("asked %d times, want 2", calls["users.info"])
	}
	down = true
	if _, err := d.User(t.Context(), "U2"); err == nil {
		t.Error("User(U2) while Slack is down gives no error, want one: asking again may help")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.User(ctx, "U3"); !errors.Is(err, context.Canceled) {
		t.Errorf("User with an ended context = %v", err)
	}
}
