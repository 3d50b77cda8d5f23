package slack

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

// listener is an app with the real Socket Mode client.
type listener struct {
	t      *testing.T
	client *socketmode.Client

	mu     sync.Mutex
	hold   bool
	events []received
	kinds  map[socketmode.EventType]int
	bad    []string // types of the envelopes that the client could not read
}

type received struct {
	message *slackevents.MessageEvent
	request *socketmode.Request
}

func (w *world) listen() *listener {
	w.t.Helper()
	l := &listener{t: w.t, kinds: map[socketmode.EventType]int{}, client: socketmode.New(w.api, socketmode.OptionPingInterval(200*time.Millisecond))}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.client.RunContext(ctx) })
	wg.Go(func() { l.consume(ctx) })
	w.t.Cleanup(func() { cancel(); wg.Wait() })
	l.wait("hello", func() bool { return l.kinds[socketmode.EventTypeHello] == 1 })
	return l
}

func (l *listener) consume(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-l.client.Events:
			l.take(ctx, e)
		}
	}
}

func (l *listener) take(ctx context.Context, e socketmode.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[e.Type]++
	if e.Type == socketmode.EventTypeErrorBadMessage {
		var bad struct {
			Type       string `json:"type"`
			EnvelopeID string `json:"envelope_id"`
		}
		_ = json.Unmarshal(e.Data.(*socketmode.ErrorBadMessage).Message, &bad)
		l.bad = append(l.bad, bad.Type)
		_ = l.client.AckCtx(ctx, bad.EnvelopeID, nil)
	}
	if e.Type != socketmode.EventTypeEventsAPI {
		return
	}
	m, ok := e.Data.(slackevents.EventsAPIEvent).InnerEvent.Data.(*slackevents.MessageEvent)
	if !ok {
		l.t.Errorf("inner event = %T, want a message", e.Data)
		return
	}
	l.events = append(l.events, received{m, e.Request})
	if !l.hold {
		_ = l.client.AckCtx(ctx, e.Request.EnvelopeID, nil)
	}
}

func (l *listener) wait(what string, ok func() bool) {
	l.t.Helper()
	eventually(l.t, what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return ok()
	})
}

func (l *listener) got(n int) []received {
	l.t.Helper()
	l.wait("enough events", func() bool { return len(l.events) >= n })
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]received(nil), l.events...)
}

func (l *listener) setHold(hold bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hold = hold
}

func TestSocketModeTellsEverything(t *testing.T) {
	w := newWorld(t)
	l := w.listen()
	ts := w.say(Draft{Text: "azure is down", User: "aiko"})
	reply := w.say(Draft{Text: "here too", ThreadTS: ts})
	if err := w.Edit("feedback", ts, "azure is up"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete("feedback", reply); err != nil {
		t.Fatal(err)
	}
	w.say(Draft{Channel: "random", Text: "the app is not in this channel"})
	own := w.post(w.id("feedback"), slack.MsgOptionText("a card", false))
	w.say(Draft{Text: "deployed", User: "deploybot", Bot: true})

	e := l.got(6)
	if m := e[0].message; m.Text != "azure is down" || m.TimeStamp != ts || m.Channel != w.id("feedback") || m.ChannelType != "channel" || m.User != makeID("U", "aiko") || m.EventTimeStamp != ts {
		t.Errorf("first = %+v, want the post", m)
	}
	if m := e[1].message; m.TimeStamp != reply || m.ThreadTimeStamp != ts {
		t.Errorf("second = %+v, want the reply", m)
	}
	if m := e[2].message; m.SubType != "message_changed" || m.Message.Text != "azure is up" || m.PreviousMessage.Text != "azure is down" || m.Message.Edited.Timestamp != m.TimeStamp || m.Message.Timestamp != ts {
		t.Errorf("third = %+v, want the edit", m)
	}
	if m := e[3].message; m.SubType != "message_deleted" || m.DeletedTimeStamp != reply || m.PreviousMessage.Text != "here too" {
		t.Errorf("fourth = %+v, want the deletion", m)
	}
	if m := e[4].message; m.TimeStamp != own || m.BotID != BotID || m.User != BotUserID {
		t.Errorf("fifth = %+v, want the app's own post", m)
	}
	if m := e[5].message; m.BotID != "B0DEPLOYBOT" {
		t.Errorf("sixth = %+v, want the bot's post", m)
	}
	eventually(t, "all acknowledged", func() bool { c := w.Counts(); return c["unacknowledged"] == 0 && c["events_acknowledged"] == 6 })
}

func TestUnacknowledgedIsRedeliveredThreeTimesInAll(t *testing.T) {
	w := newWorld(t)
	l := w.listen()
	l.setHold(true)
	w.say(Draft{Text: "hold"})
	e := l.got(3)
	for i := range 3 {
		if e[i].request.RetryAttempt != i || e[i].request.EnvelopeID != e[0].request.EnvelopeID {
			t.Errorf("delivery %d = attempt %d of %s, want attempt %d of the same envelope", i, e[i].request.RetryAttempt, e[i].request.EnvelopeID, i)
		}
	}
	if e[1].request.RetryReason != "timeout" {
		t.Errorf("reason = %q, want timeout", e[1].request.RetryReason)
	}
	eventually(t, "given up", func() bool { return w.Counts()["events_given_up"] == 1 })
	if n := len(l.got(3)); n != 3 {
		t.Errorf("deliveries = %d, want 3", n)
	}
}

func TestEventWithoutConnectionComesWithTheRetry(t *testing.T) {
	w := newWorld(t)
	w.say(Draft{Text: "nobody listens yet"})
	if e := w.listen().got(1); e[0].request.RetryAttempt == 0 {
		t.Errorf("attempt = %d, want a retry", e[0].request.RetryAttempt)
	}
}

func TestSocketFaults(t *testing.T) {
	w := newWorld(t)
	l := w.listen()
	hello := func() int { return l.kinds[socketmode.EventTypeHello] }

	w.start(fault.Fault{Kind: fault.Drop})
	w.say(Draft{Text: "in the gap"})
	l.wait("reconnected after a drop", func() bool { return hello() == 2 })
	l.got(1)

	w.start(fault.Fault{Kind: fault.Disconnect})
	l.wait("reconnected after disconnect", func() bool { return hello() == 3 })

	w.start(fault.Fault{Kind: fault.Redeliver})
	w.say(Draft{Text: "twice"})
	e := l.got(3)
	if e[1].request.EnvelopeID != e[2].request.EnvelopeID || e[2].request.RetryAttempt != 1 {
		t.Errorf("redelivered = %+v, want the same envelope, attempt 1", e[2].request)
	}

	w.start(fault.Fault{Kind: fault.BadEnvelope})
	w.start(fault.Fault{Kind: fault.BadEnvelope, Error: "never_heard_of"})
	l.wait("bad messages", func() bool { return l.kinds[socketmode.EventTypeErrorBadMessage] == 2 })
	l.mu.Lock()
	if got, want := strings.Join(l.bad, " "), unknownType+" "+eventsAPI; got != want {
		t.Errorf("types of the envelopes = %q, want %q", got, want)
	}
	l.mu.Unlock()
	eventually(t, "it is acknowledged", func() bool { return w.Counts()["unacknowledged"] == 0 })

	w.start(fault.Fault{Kind: fault.HalfOpen, Duration: fault.Duration(time.Minute)})
	l.wait("reconnected after silence", func() bool { return hello() == 4 })
}

func TestGhostConnection(t *testing.T) {
	w := newWorld(t)
	l := w.listen()
	w.start(fault.Fault{Kind: fault.Ghost, Duration: fault.Duration(time.Minute)})
	// The workspace's clock decides when the haunting ends.
	w.say(Draft{Text: "swallowed"})
	if c := w.Counts(); c["events_vanished"] != 1 || c["unacknowledged"] != 0 {
		t.Errorf("counts = %v, want one vanished and nothing to retry", c)
	}
	w.clock.add(2 * time.Minute)
	w.say(Draft{Text: "heard"})
	if e := l.got(1); e[0].message.Text != "heard" {
		t.Errorf("first = %q, want heard", e[0].message.Text)
	}
	if _, got, _ := w.raw("conversations.history", "channel="+w.id("feedback")); len(got["messages"].([]any)) != 2 {
		t.Errorf("history = %v, want both: a sweep finds what a ghost swallowed", got)
	}
}

func TestEachEventGoesToOneOfSeveralConnections(t *testing.T) {
	w := newWorld(t)
	a, b := w.listen(), w.listen()
	if n := w.Counts()["connections"]; n != 2 {
		t.Fatalf("connections = %d, want 2", n)
	}
	for range 40 {
		w.say(Draft{Text: "x"})
	}
	eventually(t, "all arrived", func() bool {
		a.mu.Lock()
		b.mu.Lock()
		defer a.mu.Unlock()
		defer b.mu.Unlock()
		arrived := map[string]bool{} // one whose acknowledgement took long came twice
		for _, e := range slices.Concat(a.events, b.events) {
			arrived[e.message.TimeStamp] = true
		}
		return len(arrived) == 40
	})
	if len(a.events) == 0 || len(b.events) == 0 {
		t.Errorf("events = %d and %d, want some at each", len(a.events), len(b.events))
	}
}

func TestEventShapes(t *testing.T) {
	bodies := make(chan string, 10)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if strings.Contains(string(b), "url_verification") {
			var v struct{ Challenge string }
			_ = json.Unmarshal(b, &v)
			_, _ = io.WriteString(w, v.Challenge)
			return
		}
		bodies <- string(b)
	}))
	t.Cleanup(app.Close)
	w := newWorld(t, func(o *Options) { o.EventsURL = app.URL })
	ts := w.say(Draft{Text: "Live long"})
	check := func(name string) {
		t.Helper()
		select {
		case b := <-bodies:
			var got any
			if err := json.Unmarshal([]byte(b), &got); err != nil {
				t.Fatal(err)
			}
			shape(t, name, official(t, name), got)
		case <-time.After(time.Minute):
			t.Fatalf("no %s within a minute", name)
		}
	}
	check("event_message")
	if err := w.Edit("feedback", ts, "and prosper"); err != nil {
		t.Fatal(err)
	}
	check("event_message_changed")
	if err := w.Delete("feedback", ts); err != nil {
		t.Fatal(err)
	}
	check("event_message_deleted")
}

func TestSignedHTTPEvents(t *testing.T) {
	var mu sync.Mutex
	var seen []http.Header
	var badSignatures, answer int
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		v, err := slack.NewSecretsVerifier(r.Header, "s3cret")
		if err == nil {
			_, _ = v.Write(b)
			err = v.Ensure()
		}
		if err != nil {
			badSignatures++
		}
		if strings.Contains(string(b), "url_verification") {
			_, _ = w.Write(b)
			return
		}
		seen = append(seen, r.Header.Clone())
		if answer > 0 && len(seen) < answer {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(app.Close)
	answer = 3
	w := newWorld(t, func(o *Options) {
		o.EventsURL = app.URL
		o.PushRetries = []time.Duration{0, 10 * time.Millisecond, 10 * time.Millisecond}
	})
	count := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) >= n }
	}
	w.say(Draft{Text: "refused twice"})
	eventually(t, "two retries", count(3))
	mu.Lock()
	if got := seen[2].Get("X-Slack-Retry-Num") + " " + seen[2].Get("X-Slack-Retry-Reason"); got != "2 http_error" {
		t.Errorf("third try = %q, want 2 http_error", got)
	}
	mu.Unlock()
	w.start(fault.Fault{Kind: fault.Redeliver})
	w.say(Draft{Text: "twice"})
	eventually(t, "redelivered", count(5))
	if badSignatures > 0 {
		t.Errorf("%d requests had a bad signature, want none", badSignatures)
	}
	eventually(t, "two acknowledged and one more", func() bool { return w.Counts()["events_acknowledged"] == 3 })
}
