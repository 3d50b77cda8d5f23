package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run/runtest"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/fakeslack"
)

func TestSocketMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.slack.Post("C1", "Azure was slow yesterday")
	w.slack.Post("C1", "lunch?")
	w.start()

	e := w.arrives(before)
	if !e.GetBackfilled() || e.GetAuthor().GetDisplayName() != "Person U1" || e.GetSlack().GetChannelName() != "feedback" {
		t.Errorf("event from history = %v, want backfilled, by Person U1, in feedback", e)
	}
	w.until("a connection", func() bool { return w.slack.Connections() == 1 })

	live := w.slack.Post("C1", "I love <https://azure.com|Azure> &amp; <@U7>")
	envelope := w.slack.Deliver("C1", live)
	e = w.arrives(live)
	if got, want := e.GetText(), "I love Azure (https://azure.com) & @Person U7"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	if got, want := e.GetUrl(), "https://acme.slack.com/archives/C1/p"+strings.ReplaceAll(live, ".", ""); got != want {
		t.Errorf("url = %q, want %q", got, want)
	}
	w.until("the acknowledgement", func() bool { return w.slack.Acked(envelope) })

	reply := w.slack.Post("C1", "same here", fakeslack.Message{"thread_ts": live})
	w.slack.Deliver("C1", reply)
	e = w.arrives(reply)
	if got, want := e.GetParent().GetExcerpt(), "I love Azure (https://azure.com) & @Person U7"; got != want {
		t.Errorf("parent's excerpt = %q, want %q", got, want)
	}

	gone := w.slack.Push(fakeslack.Message{"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": live,
		"ts": live + "1", "event_ts": fmt.Sprintf("%d.000000", time.Now().Unix()+5), "previous_message": fakeslack.Message{"user": "U1", "text": "I love Azure", "ts": live}})
	w.until("the deletion", func() bool { return w.event(live).GetDeleted() && w.slack.Acked(gone) })
	if code := w.stop(); code != 0 {
		t.Errorf("exit status = %d, want 0", code)
	}
}

func TestBadInputFlowsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.until("a connection", func() bool { return w.slack.Connections() == 1 })
	w.slack.Raw(`{"type":"weird","envelope_id":"unknown-1","payload":{}}`)
	w.slack.Raw(`{"type":"events_api","envelope_id":"unknown-2","payload":{"type":"event_callback","event":{"type":"never_heard_of"}}}`)
	w.slack.Raw(`{"type":"events_api","envelope_id":"bad-1","payload":{"type":"event_callback","event":{"type":"message","channel":"C1","ts":"yesterday","text":"azure"}}}`)
	w.slack.Raw(`{"type":"events_api","envelope_id":"bad-2","payload":{"type":"event_callback","event":{"type":"message","channel":7}}}`)
	w.slack.Raw("{\"type\":\"events_api\",\"envelope_id\":\"bytes\",\"payload\":{\"type\":\"event_callback\",\"event\":{\"type\":\"message\",\"channel\":\"C1\",\"user\":\"U1\",\"ts\":\"1700000001.000100\",\"text\":\"azure \xff\"}}}")
	w.slack.Push(fakeslack.Message{"type": "message", "channel": "C1", "user": "U1", "ts": "1700000002.000100", "event_ts": "1700000002.000100"})
	large := w.slack.Push(fakeslack.Message{"type": "message", "channel": "C1", "user": "U1", "ts": "1700000003.000100", "text": "azure " + strings.Repeat("x", 1<<20)})
	good := w.slack.Post("C1", "azure works")
	w.slack.Deliver("C1", good)
	w.arrives(good)
	for _, id := range []string{"unknown-1", "unknown-2", "bad-1", "bad-2", "bytes", large} {
		w.until("the acknowledgement of "+id, func() bool { return w.slack.Acked(id) })
	}
	if got, want := w.event("1700000001.000100").GetText(), "azure \uFFFD"; got != want {
		t.Errorf("text with invalid UTF-8 = %q, want %q", got, want)
	}
	if got, want := w.count("dead-letters"), 3; got != want {
		t.Errorf("dead letters = %d, want %d: two unreadable, one too large", got, want)
	}
}

func TestGapIsReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.slack.Post("C1", "azure: thread to come")
	edited := w.slack.Post("C1", "azure: befor")
	w.start()
	w.arrives(edited)
	w.until("a connection", func() bool { return w.slack.Connections() == 1 })

	// A socket that swallows: the sweep finds it.
	w.kill()
	var missed []string
	for i := range 450 {
		missed = append(missed, w.slack.Post("C1", "azure "+strconv.Itoa(i)))
	}
	reply := w.slack.Post("C1", "no keyword", fakeslack.Message{"thread_ts": old})
	at := w.slack.Edit("C1", edited, "azure: before")
	w.slack.Limit("conversations.history", 1)
	w.start()
	for _, ts := range append(missed, reply) {
		w.arrives(ts)
	}
	w.until("the edit", func() bool { return w.event(edited).GetText() == "azure: before" })
	if got, want := w.event(edited).GetRevision(), micros(at); got != want {
		t.Errorf("revision = %d, want %d", got, want)
	}

	w.slack.Drop()
	during := w.slack.Post("C1", "azure while away")
	w.arrives(during)
	w.until("a connection again", func() bool { return w.slack.Connections() == 1 })
	if _, records := w.events(); records > 2*(450+5) {
		t.Errorf("records = %d, want few repetitions of %d events", records, 455)
	}
}

func micros(ts string) uint64 {
	n, _ := strconv.ParseUint(strings.ReplaceAll(ts, ".", ""), 10, 64)
	return n
}

// TestNoAckWithoutTheBroker: a record that the broker does not take is not acknowledged, and
// arrives when it does, although Slack delivers nothing again.
func TestNoAckWithoutTheBroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "SLACK_SWEEP_INTERVAL=1h")
	w.start()
	w.until("a connection", func() bool { return w.slack.Connections() == 1 })
	first := w.slack.Post("C1", "azure one")
	w.slack.Deliver("C1", first)
	w.arrives(first)

	var down atomic.Bool
	down.Store(true)
	w.broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		if down.Load() {
			return nil, errors.New("away"), true // the connection is closed
		}
		return nil, nil, false
	})
	second := w.slack.Post("C1", "azure two")
	envelope := w.slack.Deliver("C1", second)
	w.until("a readiness that says so", func() bool {
		res, err := http.Get("http://" + w.probes + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	if w.slack.Acked(envelope) || w.event(second) != nil {
		t.Error("acknowledged without the broker, want not")
	}
	down.Store(false)
	w.arrives(second)
	if w.slack.Acked(envelope) {
		t.Error("acknowledged long after Slack's limit, want not: Slack delivers it again")
	}
	again := w.slack.Deliver("C1", second)
	w.until("the acknowledgement of the next delivery", func() bool { return w.slack.Acked(again) })
}

// TestAcknowledgedIsInKafka: kill -9 in mid-traffic; whatever Slack was told has arrived is in
// Kafka at that moment, and after a start all is. A stop by SIGTERM finishes what is in hand.
func TestAcknowledgedIsInKafka(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.until("a connection", func() bool { return w.slack.Connections() == 1 })
	envelopes := map[string]string{}
	deliver := func(n int) {
		for i := range n {
			ts := w.slack.Post("C1", "azure "+strconv.Itoa(i))
			envelopes[w.slack.Deliver("C1", ts)] = feedback.SlackID(fakeslack.Team, "C1", ts)
		}
	}
	check := func() int {
		var acked []string
		for envelope, id := range envelopes {
			if w.slack.Acked(envelope) {
				acked = append(acked, id)
			}
		}
		events, _ := w.events() // read after the acknowledgements
		for _, id := range acked {
			if events[id] == nil {
				t.Errorf("%s was acknowledged and is not in Kafka", id)
			}
		}
		return len(acked)
	}
	deliver(200)
	w.until("some acknowledgements", func() bool { return check() > 20 })
	w.kill()
	check()
	w.start()
	w.until("all events", func() bool { events, _ := w.events(); return len(events) == len(envelopes) })

	w.until("a connection", func() bool { return w.slack.Connections() == 1 })
	deliver(50)
	if code := w.stop(); code != 0 {
		t.Errorf("exit status = %d, want 0", code)
	}
	check()
	saved, err := feedback.LoadCheckpoint(t.Context(), w.kafka, "state", "community")
	if err != nil || len(saved.GetWindows()) == 0 {
		t.Errorf("checkpoint after a stop = %v, %v, want the channel's window", saved, err)
	}
	var last kafka.Record
	_ = w.kafka.Scan(t.Context(), "state", func(r kafka.Record) error {
		if strings.HasPrefix(string(r.Key), "health/") {
			last = r
		}
		return nil
	})
	if len(last.Value) != 0 {
		t.Error("the health record stands after a clean stop, want it deleted")
	}
}

// TestSwallowed: the sweep finds what a connection swallowed, says so and renews it.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.until("good health", func() bool { return w.condition("slack").GetLevel() == health.Good })
	<-time.After(6 * time.Second) // younger connections are not blamed
	opened := w.slack.Calls("apps.connections.open")
	swallowed := w.slack.Post("C1", "azure, swallowed")
	w.arrives(swallowed)
	w.until("degraded health", func() bool { return w.condition("slack").GetReason() == "EventsMissed" })
	w.until("a new connection", func() bool { return w.slack.Calls("apps.connections.open") > opened })
}

func TestRefusedToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.until("good health", func() bool { return w.condition("slack").GetLevel() == health.Good })
	w.slack.Refuse("token_revoked")
	w.slack.Drop()
	w.until("failed health", func() bool { return w.condition("slack").GetReason() == "AppTokenRefused" })
	if calls := w.slack.Calls("apps.connections.open"); calls > 6 {
		t.Errorf("apps.connections.open was called %d times, want no hot loop", calls)
	}
	w.slack.Refuse("")
	w.until("good health again", func() bool { return w.condition("slack").GetLevel() == health.Good })
	if strings.Contains(w.log.String(), fakeslack.BotToken) || strings.Contains(w.log.String(), fakeslack.AppToken) {
		t.Error("the log holds a token, want none")
	}
}

func TestJoinsAndNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "SLACK_CHANNELS=#support,nowhere")
	w.slack.AddChannel("C2", "support", false)
	ts := w.slack.Post("C2", "azure is down")
	w.start()
	w.until("the event", func() bool {
		all, _ := w.events()
		return all[feedback.SlackID(fakeslack.Team, "C2", ts)] != nil
	})
	if got, want := strings.Join(w.slack.Joined(), ","), "C2"; got != want {
		t.Errorf("joined = %q, want %q", got, want)
	}
	w.until("a condition that names #nowhere", func() bool {
		c := w.condition("channels")
		return c.GetLevel() == health.Degraded && strings.Contains(c.GetMessage(), "#nowhere")
	})
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	w := newWorld(t, "SLACK_MODE=HTTP", "SLACK_SIGNING_SECRET=shh", "HTTP_LISTEN_ADDRESS="+address)
	w.start()
	// It is in no history, where the first reading could find it at the same time.
	ts := fmt.Sprintf("%d.000100", time.Now().Unix())
	body, err := json.Marshal(fakeslack.Callback(fakeslack.Message{"type": "message", "channel": "C1", "user": "U1", "text": "azure over HTTP", "ts": ts, "event_ts": ts}, "1"))
	if err != nil {
		t.Fatal(err)
	}
	post := func(secret string) int {
		req, _ := http.NewRequest(http.MethodPost, "http://"+address+"/slack/events", bytes.NewReader(body))
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "v0:%s:%s", at, body)
		req.Header.Set("X-Slack-Request-Timestamp", at)
		req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	w.until("an answer", func() bool { return post("other") != 0 })
	for _, c := range []struct {
		secret string
		want   int
	}{{"other", http.StatusUnauthorized}, {"shh", http.StatusOK}, {"shh", http.StatusOK}} {
		if got := post(c.secret); got != c.want {
			t.Errorf("POST signed with %q = %d, want %d", c.secret, got, c.want)
		}
	}
	w.arrives(ts)
	if _, n := w.events(); n != 1 {
		t.Errorf("records = %d, want 1: the same request twice is published once", n)
	}
	if code := w.stop(); code != 0 {
		t.Errorf("exit status = %d, want 0", code)
	}
}

// TestMetricsAreLive: what alerts and dashboard name is served before anybody has said anything.
func TestMetricsAreLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	runtest.Live(t, "../..", "slack-ingest", "http://"+w.probes+"/metrics")
}
