package control

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/azure"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/llm"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/traffic"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	f := fault.New(time.Now)
	w, err := slack.Open(slack.Options{Channels: []string{"feedback", "outages"}, BotToken: "xoxb-1", Faults: f, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	n, err := x.Open(x.Options{Faults: f, Log: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	tr := traffic.New(traffic.Options{Slack: w, X: n, Faults: f, Log: log, Corpus: []traffic.Text{{Text: "azure"}}, Channels: []string{"feedback"}})
	mux := http.NewServeMux()
	(&Control{Slack: w, X: n, Azure: azure.New("k", f), LLM: llm.New("k", f), Traffic: tr, Faults: f}).Register(mux)
	mux.Handle("/api/", w.Handler())
	s := httptest.NewServer(mux)
	t.Cleanup(func() { s.Close(); _ = w.Close(); _ = n.Close() })
	return s
}

func do(t *testing.T, s *httptest.Server, method, path, body string, into any) int {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return resp.StatusCode
}

// posts lists those on Slack and behind them those on X.
func posts(t *testing.T, s *httptest.Server) []Post {
	t.Helper()
	resp, err := s.Client().Get(s.URL + "/sim/posts")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out []Post
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var p Post
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Post) int { return strings.Compare(a.Platform, b.Platform) })
	return out
}

func TestPostsOfBothPlatforms(t *testing.T) {
	s := newServer(t)
	var said struct{ Channel, TS, ID string }
	do(t, s, "POST", "/sim/slack/messages", `{"channel":"feedback","user":"aiko","text":"azure <down> & out"}`, &said)
	do(t, s, "POST", "/sim/slack/messages", `{"channel":"feedback","user":"jonas","text":"here too","thread_ts":"`+said.TS+`"}`, nil)
	do(t, s, "POST", "/sim/slack/messages", `{"channel":"feedback","user":"buildbot","text":"built","bot":true}`, nil)
	do(t, s, "PATCH", "/sim/slack/messages/feedback/"+said.TS, `{"text":"azure is up"}`, nil)
	var first, second struct {
		PostID string `json:"post_id"`
		ID     string `json:"id"`
	}
	do(t, s, "POST", "/sim/x/posts", `{"author":"maria_dev","text":"azure","lang":"en"}`, &first)
	do(t, s, "POST", "/sim/x/posts", `{"author":"eve","retweet_of":"`+first.PostID+`"}`, nil)
	do(t, s, "POST", "/sim/x/posts/"+first.PostID+"/edit", `{"text":"azure!"}`, &second)

	got := posts(t, s)
	if len(got) != 5 {
		t.Fatalf("posts = %d, want 5", len(got))
	}
	if p := got[0]; p.ID != said.ID || p.Platform != "slack" || p.FinalText != "azure is up" || len(p.Revisions) != 2 || p.Revisions[0].Text != "azure <down> & out" || p.User != "aiko" || p.ChannelName != "feedback" || p.Bot {
		t.Errorf("first = %+v, want the edited post as people typed it", p)
	}
	if p := got[1]; p.ThreadTS != said.TS || p.ReplyTo != said.ID {
		t.Errorf("second = %+v, want a reply to %s", p, said.ID)
	}
	if p := got[2]; !p.Bot || p.User == "" {
		t.Errorf("third = %+v, want a bot with a name", p)
	}
	if p := got[3]; p.ID != first.ID || p.FinalText != "azure!" || p.Revisions[1].PostID != second.PostID || p.Lang != "en" {
		t.Errorf("fourth = %+v, want the edited post under its first id", p)
	}
	if p := got[4]; p.RetweetOf != first.ID {
		t.Errorf("fifth = %+v, want a retweet of %s", p, first.ID)
	}
	do(t, s, "DELETE", "/sim/x/posts/"+second.PostID, "", nil)
	do(t, s, "DELETE", "/sim/slack/messages/feedback/"+said.TS, "", nil)
	got = posts(t, s)
	if p := got[0]; !p.Deleted || p.FinalText != "" || !p.Revisions[len(p.Revisions)-1].Deleted {
		t.Errorf("deleted = %+v, want it deleted without text", p)
	}
	if !got[3].Deleted || !got[4].Deleted {
		t.Errorf("deleted on X = %v, and its retweet %v, want both", got[3].Deleted, got[4].Deleted)
	}
}

func TestTokens(t *testing.T) {
	s := newServer(t)
	for body, want := range map[string]int{`{"bot":["xoxb-1","xoxb-2"]}`: http.StatusOK, `{"bot":[]}`: http.StatusBadRequest, `{"bot":[""]}`: http.StatusBadRequest} {
		if got := do(t, s, "POST", "/sim/slack/tokens", body, nil); got != want {
			t.Errorf("POST /sim/slack/tokens %s = %d, want %d", body, got, want)
		}
	}
}

func TestChannelsMessagesStatusTraffic(t *testing.T) {
	s := newServer(t)
	do(t, s, "POST", "/sim/slack/messages", `{"channel":"outages","user":"aiko","text":"x"}`, nil)
	resp, err := s.Client().Post(s.URL+"/api/chat.postMessage", "application/x-www-form-urlencoded",
		strings.NewReader(`token=xoxb-1&channel=outages&text=card&metadata={"event_type":"feedback_card","event_payload":{"event_id":"x:1","count":2}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	var messages []map[string]any
	do(t, s, "GET", "/sim/channels/outages/messages", "", &messages)
	if len(messages) != 2 || messages[1]["bot_id"] == "" || messages[1]["metadata"].(map[string]any)["event_payload"].(map[string]any)["event_id"] != "x:1" {
		t.Fatalf("messages = %v, want a person's and the app's with metadata", messages)
	}
	do(t, s, "DELETE", "/sim/slack/messages/outages/"+messages[0]["ts"].(string), "", nil)
	do(t, s, "GET", "/sim/channels/outages/messages", "", &messages)
	if len(messages) != 1 {
		t.Errorf("messages after deletion = %d, want 1", len(messages))
	}
	do(t, s, "GET", "/sim/channels/outages/messages?deleted=true", "", &messages)
	if len(messages) != 2 || messages[0]["deleted"] != true {
		t.Errorf("messages with the deleted = %v, want 2", messages)
	}
	var channels []map[string]any
	do(t, s, "GET", "/sim/channels", "", &channels)
	if len(channels) != 2 || channels[1]["name"] != "outages" {
		t.Errorf("channels = %v, want 2", channels)
	}
	var status Status
	do(t, s, "POST", "/sim/traffic", `{"running":true,"rate":3}`, &status)
	if !status.Running || status.Rate != 3 || status.Sent != 1 || status.Posts["slack"] != 1 {
		t.Errorf("status = %+v, want running at 3 with 1 sent: the app's own does not count", status)
	}
	do(t, s, "POST", "/sim/traffic", `{"running":false}`, &status)
	if status.Running {
		t.Error("still running, want it stopped")
	}
}

func TestFaultsAndErrors(t *testing.T) {
	s := newServer(t)
	var list struct {
		Kinds  []fault.Description
		Active []fault.Fault
	}
	do(t, s, "POST", "/sim/faults", `{"kind":"slack429","target":"chat.postMessage","duration":"10s"}`, nil)
	do(t, s, "GET", "/sim/faults", "", &list)
	if len(list.Kinds) < 15 || len(list.Active) != 1 || list.Active[0].Kind != fault.Slack429 {
		t.Errorf("faults = %+v, want all kinds and one active", list)
	}
	tests := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/sim/faults", `{"kind":"nonsense"}`, 400, "take one of drop"},
		{"POST", "/sim/faults", `{"kind":"drop","durration":"1s"}`, 400, "durration"},
		{"POST", "/sim/traffic", `{"running":true,"rate":-1}`, 400, "rate -1"},
		{"POST", "/sim/slack/messages", `{"channel":"none","user":"a","text":"x"}`, 404, "none"},
		{"POST", "/sim/slack/messages", `{"channel":"feedback","text":"x"}`, 400, "user is empty"},
		{"PATCH", "/sim/slack/messages/feedback/1.2", `{"text":"x"}`, 404, "1.2"},
		{"DELETE", "/sim/slack/messages/feedback/1.2", ``, 404, "1.2"},
		{"GET", "/sim/channels/none/messages", ``, 404, "none"},
		{"POST", "/sim/x/posts", `{"author":"not a name!","text":"x"}`, 400, "author"},
		{"POST", "/sim/x/posts", `{"author":"eve","retweet_of":"1"}`, 404, "does not exist"},
		{"POST", "/sim/x/posts/1/edit", `{"text":"x"}`, 404, "does not exist"},
		{"DELETE", "/sim/x/posts/1", ``, 404, "does not exist"},
		{"POST", "/sim/slack/channels", `{"name":"Not A Name"}`, 400, "channel name"},
	}
	for _, tt := range tests {
		var got struct{ Error string }
		if status := do(t, s, tt.method, tt.path, tt.body, &got); status != tt.status || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%s %s %s = %d %q, want %d with %q", tt.method, tt.path, tt.body, status, got.Error, tt.status, tt.want)
		}
	}
}
