//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
	"github.com/feedback-pipelines/feedback-pipelines/hack/e2e/e2etest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// A badWorld is the demo's pipeline on an embedded broker, with a folder of its own for manifest and Secrets.
type badWorld struct {
	*testing.T
	loop   *loop.Loop
	broker *broker.Embedded
	client *kgo.Client
}

// embeddedBroker starts an embedded broker.
func embeddedBroker(t *testing.T) *broker.Embedded {
	t.Helper()
	b, err := broker.StartEmbedded(t.Context(), broker.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// editedDemo is the options of the demo, with its manifest and Secrets edited: each pair of strings is old and new.
func editedDemo(t *testing.T, manifest, secrets []string) loop.Options {
	t.Helper()
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	editedFile(t, filepath.Join(root, "hack/demo/pipeline.yaml"), filepath.Join(dir, "pipeline.yaml"), manifest)
	editedFile(t, filepath.Join(root, "hack/demo/secrets.yaml"), filepath.Join(dir, "secrets.yaml"), secrets)
	return loop.Options{
		Manifest: filepath.Join(dir, "pipeline.yaml"), Corpus: filepath.Join(root, "hack/demo/corpus.tsv"),
		Bin: filepath.Join(root, "bin"), DataDir: filepath.Join(dir, "data"), Rate: 10, Seed: 1,
		Log: slog.New(slog.NewTextHandler(output{t}, nil)),
	}
}

func editedFile(t *testing.T, from, to string, pairs []string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(text, []byte(pairs[i])) {
			t.Fatalf("%s has no %q to replace", from, pairs[i])
		}
		text = bytes.Replace(text, []byte(pairs[i]), []byte(pairs[i+1]), 1)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// begin starts the pipeline, with people who talk.
func begin(t *testing.T, manifest ...string) badWorld {
	t.Helper()
	b, o := embeddedBroker(t), editedDemo(t, manifest, nil)
	o.Kafka = b.Bootstrap()
	l, err := loop.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	if err := l.Traffic(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()...), kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return badWorld{T: t, loop: l, broker: b, client: c}
}

// write puts a record into a topic of the pipeline and returns its place, as topic[partition]@offset.
func (w badWorld) write(topic, key string, value []byte, headers ...kgo.RecordHeader) string {
	w.Helper()
	r := &kgo.Record{Topic: "default.azure." + topic, Key: []byte(key), Value: value, Headers: headers}
	if err := w.client.ProduceSync(w.Context(), r).FirstErr(); err != nil {
		w.Fatalf("write %s to %s: %v", key, topic, err)
	}
	return fmt.Sprintf("%s[%d]@%d", r.Topic, r.Partition, r.Offset)
}

// buried waits until f is nil for the dead letters there are: reason and error by the place where the record stood.
func (w badWorld) buried(f func(letters map[string]string) error) {
	w.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.broker.Bootstrap()...), kgo.ConsumeTopics("default.azure.dead-letters"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	letters := map[string]string{}
	e2etest.Until(w.T, func() error {
		ctx, cancel := context.WithTimeout(w.Context(), badPoll)
		defer cancel()
		c.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			h := map[string]string{}
			for _, x := range r.Headers {
				h[x.Key] = string(x.Value)
			}
			place := fmt.Sprintf("%s[%s]@%s", h["dead-letter-topic"], h["dead-letter-partition"], h["dead-letter-offset"])
			if h["dead-letter-topic"] == "" || h["dead-letter-reason"] == "TooLarge" {
				place = string(r.Key) // it never stood in a topic
			}
			letters[place] = h["dead-letter-reason"] + ": " + h["dead-letter-error"]
		})
		return f(letters)
	})
}

// sim asks the simulator, and returns its answer.
func (w badWorld) sim(method, path string, in any) map[string]any {
	w.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		w.Fatal(err)
	}
	status, body := httpAsk(w.T, method, w.loop.SimulatorURL()+path, data, nil)
	if status != http.StatusOK {
		w.Fatalf("%s %s = %d: %s", method, path, status, body)
	}
	out := map[string]any{}
	_ = json.Unmarshal(body, &out)
	return out
}

// httpAsk makes one request.
func httpAsk(t *testing.T, method, url string, body []byte, header http.Header) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, data
}

// metric is what a process of the image counts under the series, such as x_total{a="b"}; 0 where there is none.
func (w badWorld) metric(image, series string) float64 {
	w.Helper()
	for _, p := range w.loop.Pipeline().Processes() {
		if p.Image != image {
			continue
		}
		_, text := httpAsk(w.T, http.MethodGet, "http://"+p.Listens["LISTEN_ADDRESS"]+"/metrics", nil, nil)
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, series+" "); ok {
				v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil {
					w.Fatal(err)
				}
				return v
			}
		}
	}
	return 0
}

// flows waits until the rest is told, drains, and wants nothing lost, nothing told twice, and nothing grave about
// anything but what the test itself wrote (bad-...).
func (w badWorld) flows() {
	w.Helper()
	before := w.metric("notifier", `feedback_notifications_total{route="negative",state="posted"}`)
	e2etest.Until(w.T, func() error {
		if now := w.metric("notifier", `feedback_notifications_total{route="negative",state="posted"}`); now < before+2 {
			return fmt.Errorf("%v cards since, want 2: the rest does not flow on", now-before)
		}
		return nil
	})
	ledger, err := w.loop.Finish(w.Context(), badDrain)
	if err != nil {
		w.Fatal(err)
	}
	w.loop.Stop()
	w.Log(ledger)
	if ledger.Lost() > 0 || ledger.Duplicated > 0 || ledger.Pending > 0 {
		w.Errorf("%s\n%s", ledger, strings.Join(ledger.Explain(20), "\n"))
	}
	for _, f := range ledger.Findings {
		if f.Grave() && !strings.Contains(f.ID, "bad-") {
			w.Errorf("the auditor finds: %s", f)
		}
	}
}

// event is a valid one of X, that matches the routes negative and outages, but for what edit does.
func badEvent(id string, edit func(*feedbackv1.Event)) *feedbackv1.Event {
	now := timestamppb.Now()
	e := &feedbackv1.Event{
		Id: "x:bad-" + id, Source: "mentions", Kind: feedbackv1.SourceKind_SOURCE_KIND_X,
		Author: &feedbackv1.Author{Id: "1", Handle: "h"}, Text: "azure is terrible, an awful outage, I hate it: " + id,
		Language: "en", CreatedAt: now, RevisedAt: now, IngestedAt: now,
	}
	if edit != nil {
		edit(e)
	}
	return e
}

func wire(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func badScored(e *feedbackv1.Event) *feedbackv1.ScoredEvent {
	return &feedbackv1.ScoredEvent{
		Event: e, ScoredAt: timestamppb.Now(),
		Sentiment: &feedbackv1.Sentiment{Score: new(0.1), Label: feedbackv1.Label_LABEL_NEGATIVE, Model: "test"},
	}
}

// noUTF8 spoils the text of an event that contains SPOIL.
func noUTF8(value []byte) []byte {
	return bytes.Replace(value, []byte("SPOIL"), []byte("\xff\xfe\x80 "), 1)
}

func TestBadRecordsAreDeadLettersAndTheRestFlows(t *testing.T) {
	w := begin(t)
	spoiled := func(e *feedbackv1.Event) { e.Text = "azure SPOIL" }
	long := badEvent("1MB", func(e *feedbackv1.Event) { e.Text = "azure " + strings.Repeat("long ", 200_000) })
	jsonType := kgo.RecordHeader{Key: "content-type", Value: []byte("application/json")}
	want := map[string]string{ // by place: what the dead letter's reason and error begin with, or have
		w.write("feedback", "bad-garbage", []byte{0xff, 0xff, 1}):                                       "cannot parse",
		w.write("feedback", "bad-text", []byte("this is no Protobuf")):                                  "cannot parse",
		w.write("feedback", "bad-empty", nil):                                                           "the value is empty",
		w.write("feedback", "bad-json", []byte("{nope"), jsonType):                                      "syntax error",
		w.write("feedback", "bad-noid", wire(t, badEvent("", func(e *feedbackv1.Event) { e.Id = "" }))): "no id",
		w.write("feedback", "bad-utf8", noUTF8(wire(t, badEvent("utf8", spoiled)))):                     "invalid UTF-8",
		w.write("scored", "bad-garbage", []byte{0xff, 0xff, 1}):                                         "cannot parse",
		w.write("scored", "bad-noevent", wire(t, badScored(nil))):                                       "no id",
		w.write("scored", "bad-utf8", noUTF8(wire(t, badScored(badEvent("utf8", spoiled))))):            "invalid UTF-8",
	}
	w.write("feedback", long.GetId(), wire(t, long))
	want[long.GetId()] = "TooLarge"
	for _, e := range []*feedbackv1.Event{ // odd, but events
		badEvent("notext", func(e *feedbackv1.Event) { e.Text = "" }),
		badEvent("noauthor", func(e *feedbackv1.Event) { e.Author = nil }),
		badEvent("kind", func(e *feedbackv1.Event) { e.Kind, e.Source = 99, "nobody" }),
		badEvent("controls", func(e *feedbackv1.Event) { e.Text += "\x00\x1b[31m <!channel> \u202e" }),
	} {
		w.write("feedback", e.GetId(), wire(t, e))
	}
	w.buried(func(letters map[string]string) error {
		var errs []error
		for place, part := range want {
			if !strings.Contains(letters[place], part) {
				errs = append(errs, fmt.Errorf("dead letter of %s = %q, want %q in it", place, letters[place], part))
			}
		}
		return errors.Join(errs...)
	})
	e2etest.Until(t, func() error {
		if n := w.metric("sentiment-scorer", `feedback_unscored_total{language="en",reason="no_text"}`); n == 0 {
			return errors.New("the event without text is not unscored")
		}
		_, cards := httpAsk(t, http.MethodGet, w.loop.SimulatorURL()+"/sim/channels/negative-feedback/messages", nil, nil)
		for _, id := range []string{"noauthor", "controls"} {
			if !bytes.Contains(cards, []byte("I hate it: "+id)) {
				return fmt.Errorf("no card of the event %s", id)
			}
		}
		if bytes.Contains(cards, []byte("<!channel>")) || bytes.Contains(cards, []byte(`\u003c!channel\u003e`)) {
			t.Error("a card has <!channel> as it was said: it would call everybody")
		}
		return nil
	})
	w.flows()
}

func TestWhatSlackAndXShouldNeverSay(t *testing.T) {
	w := begin(t)
	say := func(m map[string]any) string {
		m["user"] = "mallory"
		m["channel"] = "feedback"
		return w.sim(http.MethodPost, "/sim/slack/messages", m)["id"].(string)
	}
	long := say(map[string]any{"text": "azure " + strings.Repeat("long ", 250_000)})
	say(map[string]any{"text": ""})
	say(map[string]any{"text": "azure is awful \x00\x1b[31m terrible", "raw": true})
	w.sim(http.MethodPost, "/sim/faults", map[string]any{"kind": "bad_envelope"})                     // an event that no library knows
	w.sim(http.MethodPost, "/sim/faults", map[string]any{"kind": "bad_envelope", "error": "message"}) // a message without anything
	w.sim(http.MethodPost, "/sim/x/posts", map[string]any{"author": "mallory", "text": ""})
	w.sim(http.MethodPost, "/sim/x/posts", map[string]any{"author": "mallory", "text": "azure \x00 awful", "lang": "zz-nonsense"})
	w.buried(func(letters map[string]string) error {
		unreadable := ""
		for _, l := range letters {
			if strings.HasPrefix(l, "Unreadable") {
				unreadable = l
			}
		}
		switch {
		case !strings.Contains(unreadable, "no channel id"):
			return fmt.Errorf("dead letter of an empty message event = %q, want that it has no channel id", unreadable)
		case !strings.HasPrefix(letters[long], "TooLarge"):
			return fmt.Errorf("dead letter of %s = %q, want TooLarge", long, letters[long])
		}
		return nil
	})
	e2etest.Until(t, func() error {
		if w.metric("slack-ingest", `feedback_slack_dead_letters_total{reason="TooLarge"}`) != 1 {
			return errors.New("the 1 MB text is not counted")
		}
		_, posts := httpAsk(t, http.MethodGet, w.loop.SimulatorURL()+"/sim/status", nil, nil)
		if !bytes.Contains(posts, []byte(`"unacknowledged":0`)) {
			return errors.New("an envelope is not acknowledged: Slack would send it again and again")
		}
		return nil
	})
	w.flows()
}
