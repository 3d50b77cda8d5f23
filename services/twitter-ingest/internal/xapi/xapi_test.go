package xapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

const token = "AAAAtop-secretZZZZ"

// serve has a client ask a server that answers with h.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return New(Options{URL: srv.URL + "/", Token: token + "\n"})
}

func TestSearchAsksForWhatTheLibraryDrops(t *testing.T) {
	var got *http.Request
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("x-rate-limit-remaining", "0")
		w.Header().Set("x-rate-limit-reset", fmt.Sprint(time.Now().Add(10*time.Minute).Unix()))
		_, _ = io.WriteString(w, `{"data":[{"id":"1855012345678901000","text":"short","note_tweet":{"text":"long"},"edit_history_tweet_ids":["1855012300000000001","1855012345678901000"]}],"meta":{"next_token":"n"}}`)
	})
	a, err := c.Search(t.Context(), Query{Text: "#azure lang:en", Max: 100, After: 5, Until: 9})
	if err != nil {
		t.Fatal(err)
	}
	q := got.URL.Query()
	for name, want := range map[string]string{"query": "#azure lang:en", "max_results": "100", "since_id": "5", "until_id": "9", "sort_order": "recency", "start_time": ""} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	for _, f := range []string{"note_tweet", "edit_history_tweet_ids", "lang", "created_at", "referenced_tweets"} {
		if !strings.Contains(q.Get("tweet.fields"), f) {
			t.Errorf("tweet.fields = %q, want %s in it", q.Get("tweet.fields"), f)
		}
	}
	if got.Header.Get("Authorization") != "Bearer "+token {
		t.Error("the token's line break was sent")
	}
	e := a.Page.Posts[0].Event("s", time.Now())
	if e.GetText() != "long" || e.GetId() != "x:1855012300000000001" || a.Page.Next != "n" {
		t.Errorf("event %v, next %q, want the long text, the first id and the token", e, a.Page.Next)
	}
	if a.Pause < 9*time.Minute || a.Pause > 11*time.Minute {
		t.Errorf("Pause = %s, want till the reset", a.Pause)
	}
}

func TestLookupOfOneAndOfMany(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("ids") {
			_, _ = io.WriteString(w, `{"data":[{"id":"1"},{"id":"2"}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":{"id":"1"}}`)
	})
	for _, ids := range [][]snowflake.ID{{1}, {1, 2}} {
		if a, err := c.Lookup(t.Context(), ids); err != nil || len(a.Page.Posts) != len(ids) {
			t.Errorf("Lookup(%v) = %v, %v, want as many posts", ids, a, err)
		}
	}
}

func TestProblems(t *testing.T) {
	in := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	for _, c := range []struct {
		name         string
		status       int
		body, reset  string
		kind         Kind
		reason, said string
		wait         bool
	}{
		{"limit", 429, `{"title":"Too Many Requests","detail":"Too Many Requests"}`, in(time.Minute), RateLimited, "RateLimited", "Too Many Requests", true},
		{"limit without a reset", 429, ``, "", RateLimited, "RateLimited", "429", false},
		{"cap", 429, `{"title":"UsageCapExceeded","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}`, "", UsageCapped, "UsageCapExceeded", "Monthly product cap", false},
		{"connections", 429, `{"title":"ConnectionException","connection_issue":"TooManyConnections"}`, "", RateLimited, "TooManyConnections", "own app", false},
		{"token", 401, `{"title":"Unauthorized"}`, "", Refused, "TokenRefused", "bearer-token", false},
		{"plan", 403, `{"title":"Client Forbidden","detail":"enroll"}`, "", NotPermitted, "NotPermitted", "plan", false},
		{"credits", 402, `{"title":"CreditsDepleted"}`, "", NotPermitted, "PaymentRequired", "credits", false},
		{"query", 400, `{"errors":[{"parameters":{"query":["("]},"message":"Unmatched parenthesis"}],"title":"Invalid Request"}`, "", Invalid, "QueryRefused", "Unmatched parenthesis", false},
		{"since_id", 400, `{"errors":[{"parameters":{"since_id":["1"]},"message":"'since_id' must be a tweet id created after [2026-11-15T12:00Z]. Please use a 'since_id' that is larger than 1"}]}`, "", TooOld, "PositionTooOld", "oldest", false},
		{"since_id that is no id", 400, `{"errors":[{"parameters":{"since_id":["x"]},"message":"The query parameter value [x] is not valid"}]}`, "", Invalid, "QueryRefused", "not valid", false},
		{"over capacity", 503, `<html>Over capacity</html>`, "", Transient, "Unavailable", "Service Unavailable", false},
		{"redirect", 302, ``, "", Transient, "Unavailable", "302", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.example")
				if c.reset != "" {
					w.Header().Set("x-rate-limit-reset", c.reset)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, searchErr := client.Search(t.Context(), Query{Text: "q", Max: 10})
			_, streamErr := client.Stream(t.Context())
			for name, err := range map[string]error{"Search": searchErr, "Stream": streamErr} {
				var p *Problem
				if !errors.As(err, &p) || p.Kind != c.kind || p.Reason != c.reason || !strings.Contains(p.Message, c.said) {
					t.Errorf("%s = %v, want %s with %q", name, err, c.reason, c.said)
				}
				if p != nil && (p.Wait > 0) != c.wait {
					t.Errorf("%s: Wait = %s, want one: %v", name, p.Wait, c.wait)
				}
				if strings.Contains(fmt.Sprint(err), token) {
					t.Errorf("%s: the error shows the token", name)
				}
			}
		})
	}
}

func TestWhatMayBeBilled(t *testing.T) {
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"data":[`)
	})
	down := New(Options{URL: "http://127.0.0.1:1", Token: token})
	for _, c := range []struct {
		name   string
		client *Client
		billed bool
	}{{"an answer that was cut off", cut, true}, {"a request that was never sent", down, false}} {
		_, err := c.client.Search(t.Context(), Query{Text: "q", Max: 10})
		var p *Problem
		if !errors.As(err, &p) || p.Kind != Transient || p.Billed != c.billed {
			t.Errorf("%s: %v, billed %v, want %v", c.name, err, p != nil && p.Billed, c.billed)
		}
	}
}

func TestStoppedIsNoProblem(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if _, err := c.Search(ctx, Query{Text: "q", Max: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("Search = %v, want the context's error", err)
	}
}
