package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

func TestPacer(t *testing.T) {
	var all Pacers
	p, now := all.For("c"), time.Unix(1000, 0)
	if all.For("c") != p || all.For("d") == p {
		t.Fatal("one channel has two pacers, or two have one")
	}
	if d := p.Take(now); d != 0 {
		t.Errorf("first Take = %s, want 0", d)
	}
	if d := p.Take(now.Add(300 * time.Millisecond)); d != 700*time.Millisecond {
		t.Errorf("Take after 300 ms = %s, want 700ms", d)
	}
	p.Done(now.Add(400 * time.Millisecond))
	if d := p.Wait(now.Add(time.Second)); d != 400*time.Millisecond {
		t.Errorf("Wait a second after the turn = %s, want 400ms: the answer came 400 ms after it", d)
	}
	p.Hold(now.Add(30 * time.Second))
	if d := p.Take(now.Add(10 * time.Second)); d != 20*time.Second {
		t.Errorf("Take while held = %s, want 20s", d)
	}
	p.Hold(now)
	if d := p.Take(now.Add(30 * time.Second)); d != 0 {
		t.Errorf("Take after the hold = %s, want 0", d)
	}
}

// fake answers the methods of the Web API by name and keeps what they were asked.
type fake struct {
	answers map[string]func(url.Values) any
	asked   map[string][]url.Values
}

func (f *fake) sink(t *testing.T, channel string) *Slack {
	t.Helper()
	f.asked = map[string][]url.Values{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		method := strings.TrimPrefix(r.URL.Path, "/api/")
		f.asked[method] = append(f.asked[method], r.Form)
		answer := f.answers[method]
		if answer == nil {
			answer = func(url.Values) any { return map[string]any{"ok": true} }
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer(r.Form))
	}))
	t.Cleanup(s.Close)
	api := slackapi.New(slackapi.Options{BotToken: "xoxb-test", APIURL: s.URL + "/api/"})
	return New(api, slackapi.NewDirectory(api), "default/test", "negative", channel)
}

type object = map[string]any

func refuse(code string) func(url.Values) any {
	return func(url.Values) any { return object{"ok": false, "error": code} }
}

func channels(c object) func(url.Values) any {
	return func(url.Values) any { return object{"ok": true, "channels": []any{c}} }
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	f := &fake{answers: map[string]func(url.Values) any{"conversations.list": channels(object{"id": "C1", "name": "told"})}}
	s := f.sink(t, "#told")
	for range 2 {
		at, err := s.Open(ctx)
		if want := (Place{Channel: "C1", Name: "told"}); err != nil || at != want {
			t.Errorf("Open() = %v, %v, want %v", at, err, want)
		}
	}
	if got := len(f.asked["conversations.join"]); got != 1 {
		t.Errorf("joined %d times, want once", got)
	}

	f = &fake{answers: map[string]func(url.Values) any{"conversations.list": refuse("missing_scope")}}
	at, err := f.sink(t, "told").Open(ctx)
	if want := (Place{Channel: "#told", Name: "told"}); err != nil || at != want {
		t.Errorf("Open() without the scope = %v, %v, want %v", at, err, want)
	}

	f = &fake{answers: map[string]func(url.Values) any{"conversations.list": channels(object{"id": "C1", "name": "told", "is_archived": true})}}
	if _, err := f.sink(t, "told").Open(ctx); err == nil || slackapi.Explain(err).Reason != "ChannelArchived" {
		t.Errorf("Open() of an archived channel = %v, want ChannelArchived", err)
	}
}

func TestPostBearsMetadataAndUnfurlsNothing(t *testing.T) {
	f := &fake{answers: map[string]func(url.Values) any{
		"chat.postMessage": func(url.Values) any { return object{"ok": true, "channel": "C1", "ts": "1.000001"} },
	}}
	s := f.sink(t, "told")
	m := Message{Card: card.Card{Text: "hello"}, Type: slackapi.CardType, Payload: map[string]any{"event_id": "x:1"}}
	at, err := s.Post(context.Background(), Place{Channel: "C1"}, m)
	if err != nil || at.TS != "1.000001" {
		t.Fatalf("Post() = %v, %v, want the message's ts", at, err)
	}
	got := f.asked["chat.postMessage"][0]
	for name, want := range map[string]string{
		"channel": "C1", "text": "hello", "unfurl_links": "false", "unfurl_media": "false",
		"metadata": `{"event_type":"feedback_card","event_payload":{"event_id":"x:1"}}`,
	} {
		if got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Get(name), want)
		}
	}
}

func TestFindReadsAllPagesAndKnowsItsOwn(t *testing.T) {
	message := func(ts, route, pipeline string) object {
		return object{"type": "message", "ts": ts, "metadata": object{"event_type": "feedback_card",
			"event_payload": object{"event_id": "x:" + ts, "route": route, "pipeline": pipeline, "revision": "7"}}}
	}
	f := &fake{answers: map[string]func(url.Values) any{"conversations.history": func(v url.Values) any {
		if v.Get("cursor") == "" {
			return object{"ok": true, "has_more": true, "response_metadata": object{"next_cursor": "next"},
				"messages": []any{message("4", "negative", "default/test"), object{"type": "message", "ts": "3.5", "text": "a person"}, message("3", "other", "default/test")}}
		}
		return object{"ok": true, "messages": []any{message("2", "negative", "default/another"), message("1", "negative", "default/test")}}
	}}}
	s := f.sink(t, "told")
	found, err := s.Find(context.Background(), Place{Channel: "C1"}, time.Unix(100, 5000), time.Unix(200, 0))
	if got, want := fmt.Sprint(found), "[{1 x:1 7} {4 x:4 7}]"; err != nil || got != want {
		t.Errorf("Find() = %s, %v, want %s", got, err, want)
	}
	q := f.asked["conversations.history"][0]
	if q.Get("oldest") != "100.000005" || q.Get("latest") != "200.000000" || q.Get("include_all_metadata") != "1" && q.Get("include_all_metadata") != "true" {
		t.Errorf("asked %v, want the bounds and metadata", q)
	}
}

// TestRenamed: a channel that was found is told on by its id, and the probe says what to change.
func TestRenamed(t *testing.T) {
	f := &fake{answers: map[string]func(url.Values) any{
		"conversations.list": channels(object{"id": "C1", "name": "told", "is_member": true}),
		"conversations.info": func(url.Values) any {
			return object{"ok": true, "channel": object{"id": "C1", "name": "praise", "is_member": true}}
		},
	}}
	s := f.sink(t, "#told")
	if _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.answers["conversations.list"] = channels(object{"id": "C1", "name": "praise", "is_member": true})
	s.directory.Forget("told")
	if at, err := s.Open(t.Context()); err != nil || at.Channel != "C1" {
		t.Errorf("Open() = %+v, %v, want C1", at, err)
	}
	for range 2 {
		var renamed *RenamedError
		if err := s.Probe(t.Context()); !errors.As(err, &renamed) || *renamed != (RenamedError{Was: "told", Name: "praise", ID: "C1"}) {
			t.Errorf("Probe() = %v, want the new name", err)
		}
	}
}

func TestReadAndDelete(t *testing.T) {
	f := &fake{answers: map[string]func(url.Values) any{
		"conversations.history": func(v url.Values) any {
			return object{"ok": true, "messages": []any{object{"type": "message", "ts": "5.000000", "text": "hi", "blocks": []any{
				object{"type": "section", "block_id": "e-1", "text": object{"type": "mrkdwn", "text": "> hi"}}}}}}
		},
		"chat.delete": refuse("message_not_found"),
	}}
	s := f.sink(t, "told")
	m, ok, err := s.Read(context.Background(), Place{Channel: "C1", TS: "5.000000"})
	if err != nil || !ok || len(m.Card.Blocks) != 1 || m.Card.Blocks[0].(*slack.SectionBlock).BlockID != "e-1" {
		t.Errorf("Read() = %+v, %v, %v, want the message", m, ok, err)
	}
	if _, ok, err := s.Read(context.Background(), Place{Channel: "C1", TS: "4.000000"}); ok || err != nil {
		t.Errorf("Read() of a message that is gone = %v, %v, want false", ok, err)
	}
	if err := s.Delete(context.Background(), Place{Channel: "C1", TS: "5"}); err != nil {
		t.Errorf("Delete() of a message that is gone = %v, want nil", err)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers map[string]func(url.Values) any
		want    string
	}{
		{"good", nil, ""},
		{"revoked", map[string]func(url.Values) any{"auth.test": refuse("token_revoked")}, "TokenRefused"},
		{"archived", map[string]func(url.Values) any{"conversations.info": func(url.Values) any {
			return object{"ok": true, "channel": object{"id": "C1", "is_archived": true}}
		}}, "ChannelArchived"},
		{"may not look", map[string]func(url.Values) any{"conversations.list": refuse("missing_scope")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{answers: map[string]func(url.Values) any{
				"conversations.list": channels(object{"id": "C1", "name": "told", "is_member": true}),
				"conversations.info": func(url.Values) any { return object{"ok": true, "channel": object{"id": "C1"}} },
			}}
			for k, v := range c.answers {
				f.answers[k] = v
			}
			s := f.sink(t, "told")
			for range 3 {
				err := s.Probe(context.Background())
				got := ""
				if err != nil {
					got = slackapi.Explain(err).Reason
				}
				if got != c.want && (c.want != "" || got != "") {
					t.Errorf("Probe() = %v, want %q", err, c.want)
				}
			}
		})
	}
}
