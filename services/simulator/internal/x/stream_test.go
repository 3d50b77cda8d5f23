package x

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

func TestRules(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	rules := []twitter.TweetSearchStreamRule{{Value: "#azure lang:en", Tag: "a"}, {Value: "gcp", Tag: "b"}}
	if _, err := w.client.TweetSearchStreamAddRule(ctx, rules, true); err != nil {
		t.Fatal(err)
	}
	if n := w.Counts()["rules"]; n != 0 {
		t.Errorf("rules after a dry run = %d, want 0", n)
	}
	added, err := w.client.TweetSearchStreamAddRule(ctx, rules, false)
	if err != nil || len(added.Rules) != 2 || added.Meta.Summary.Created != 2 {
		t.Fatalf("add = %+v %v, want 2 created", added, err)
	}
	again, err := w.client.TweetSearchStreamAddRule(ctx, rules[:1], false)
	if err != nil || again.Meta.Summary.NotCreated != 1 || again.Errors[0].Title != "DuplicateRule" {
		t.Errorf("add again = %+v %v, want DuplicateRule", again, err)
	}
	_, err = w.client.TweetSearchStreamAddRule(ctx, []twitter.TweetSearchStreamRule{{Value: "-azure"}}, false)
	var er *twitter.ErrorResponse
	if !errors.As(err, &er) || er.StatusCode != http.StatusBadRequest {
		t.Errorf("add of a bad rule = %v, want 400", err)
	}
	listed, err := w.client.TweetSearchStreamRules(ctx, nil)
	if err != nil || len(listed.Rules) != 2 || listed.Rules[0].Value != "#azure lang:en" || listed.Rules[0].Tag != "a" {
		t.Fatalf("list = %+v %v, want both", listed, err)
	}
	deleted, err := w.client.TweetSearchStreamDeleteRuleByID(ctx, []twitter.TweetSearchStreamRuleID{listed.Rules[0].ID, "1"}, false)
	if err != nil || deleted.Meta.Summary.Deleted != 1 || deleted.Meta.Summary.NotDeleted != 1 {
		t.Errorf("delete = %+v %v, want 1 deleted and 1 not", deleted, err)
	}
}

// reader reads a stream's lines.
type reader struct {
	resp  *http.Response
	lines chan string
}

func (w *world) connect(query string) *reader {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/2/tweets/search/stream"+query, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token")
	resp, err := w.server.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &reader{resp: resp, lines: make(chan string, 10_000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(r.lines)
		s := bufio.NewReader(resp.Body)
		for {
			line, err := s.ReadString('\n')
			if err != nil {
				return
			}
			r.lines <- line
		}
	}()
	w.t.Cleanup(func() { cancel(); _ = resp.Body.Close(); <-done })
	return r
}

// next returns the next line that is no keepalive; "" if the stream has ended.
func (r *reader) next(t *testing.T) string {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		select {
		case line, ok := <-r.lines:
			if !ok || strings.TrimSpace(line) != "" {
				return line
			}
		case <-limit.C:
			t.Fatal("no line within a minute")
		}
	}
}

func TestStream(t *testing.T) {
	w := newWorld(t)
	if r := w.connect(""); r.resp.StatusCode != http.StatusConflict {
		t.Errorf("connect without rules = %d, want 409", r.resp.StatusCode)
	}
	w.raw(http.MethodPost, "/2/tweets/search/stream/rules", `{"add":[{"value":"azure","tag":"t1"},{"value":"down","tag":"t2"}]}`)
	r := w.connect("?tweet.fields=lang&expansions=author_id")
	if line := <-r.lines; line != "\r\n" {
		t.Errorf("first line = %q, want a keepalive", line)
	}
	if second := w.connect(""); second.resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("second connection = %d, want 429", second.resp.StatusCode)
	}
	w.post(Draft{Text: "gcp"})
	var want []string
	for i := range 1000 {
		want = append(want, w.post(Draft{Text: fmt.Sprint("azure is down ", i)}))
		if i%100 == 99 { // as fast as a reader can be expected to follow
			for _, id := range want[i-99:] {
				var got struct {
					Data          struct{ ID, Lang string }
					Includes      struct{ Users []struct{ Username string } }
					MatchingRules []struct{ ID, Tag string } `json:"matching_rules"`
				}
				if err := json.Unmarshal([]byte(r.next(t)), &got); err != nil {
					t.Fatal(err)
				}
				if got.Data.ID != id || got.Data.Lang != "en" || got.Includes.Users[0].Username != "maria_dev" || len(got.MatchingRules) != 2 || got.MatchingRules[0].Tag != "t1" {
					t.Fatalf("got %+v, want post %s with two rules", got, id)
				}
			}
		}
	}
}

func TestStreamFaults(t *testing.T) {
	w := newWorld(t)
	w.raw(http.MethodPost, "/2/tweets/search/stream/rules", `{"add":[{"value":"azure"}]}`)
	gone := func() {
		t.Helper()
		deadline := time.After(time.Minute)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for w.Counts()["streams"] > 0 {
			select {
			case <-deadline:
				t.Fatal("the stream is still there after 5 s")
			case <-tick.C:
			}
		}
	}
	r := w.connect("")
	w.start(fault.Fault{Kind: fault.Drop, Target: "x"})
	if line := r.next(t); line != "" {
		t.Errorf("after a drop = %q, want the end", line)
	}
	gone()
	r = w.connect("")
	w.start(fault.Fault{Kind: fault.Disconnect, Target: "x"})
	if line := r.next(t); !strings.Contains(line, "operational-disconnect") {
		t.Errorf("after disconnect = %q, want operational-disconnect", line)
	}
	if line := r.next(t); line != "" {
		t.Errorf("behind it = %q, want the end", line)
	}
	gone()
	r = w.connect("")
	w.start(fault.Fault{Kind: fault.HalfOpen, Target: "x", Duration: fault.Duration(100 * time.Millisecond)})
	w.post(Draft{Text: "azure, into the void"})
	if line := r.next(t); line != "" {
		t.Errorf("on a half-open stream = %q, want nothing until it is cut", line)
	}
	gone()
	if got := w.ids("azure"); len(got) != 1 {
		t.Errorf("search = %v, want the post: a gap can be filled", got)
	}
}

func TestSlowReaderIsCutOff(t *testing.T) {
	s := &subscriber{lines: make(chan []byte, 2), drop: make(chan struct{})}
	for range 3 {
		s.send([]byte("x"))
	}
	select {
	case <-s.drop:
	default:
		t.Error("not cut off, want it cut off at the third line")
	}
	if got, want := len(s.lines), 2; got != want {
		t.Errorf("lines = %d, want %d", got, want)
	}
}
