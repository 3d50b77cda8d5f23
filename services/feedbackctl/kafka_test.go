package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

const testPrefix = "team.azure"

// broker is a broker in this process with a pipeline's topics.
type broker struct {
	t      *testing.T
	client *kafka.Client
	env    map[string]string // how feedbackctl finds it
	topics map[string]string // full names by short ones
}

func newBroker(t *testing.T, short ...string) *broker {
	t.Helper()
	return newBrokerOf(t, 2, short...)
}

// newBrokerOf is newBroker with so many partitions.
func newBrokerOf(t *testing.T, partitions int32, short ...string) *broker {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1)}
	for _, name := range short {
		opts = append(opts, kfake.SeedTopics(partitions, testPrefix+"."+name))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kafka.Open(kafka.Config{BootstrapServers: cluster.ListenAddrs()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	b := &broker{t: t, client: client, topics: map[string]string{}, env: map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": strings.Join(cluster.ListenAddrs(), ","), "FEEDBACK_PREFIX": testPrefix,
	}}
	for _, name := range everyName {
		b.topics[name] = testPrefix + "." + name
	}
	return b
}

// records are those of a topic by its short name.
func (b *broker) records(short string) []kafka.Record {
	b.t.Helper()
	var out []kafka.Record
	err := b.client.Scan(b.t.Context(), b.topics[short], func(r kafka.Record) error {
		out = append(out, r)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *broker) run(args ...string) result {
	b.t.Helper()
	return call{env: b.env}.run(b.t, args...)
}

func (b *broker) write(r kafka.Record, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	if err := b.client.Write(b.t.Context(), r); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) scored(id, source, language, text string, score float64) {
	b.t.Helper()
	e := &feedbackv1.Event{Id: id, Source: source, Text: text, Author: &feedbackv1.Author{Handle: "bill"}}
	s := &feedbackv1.Sentiment{Score: &score, Label: feedbackv1.Label_LABEL_NEGATIVE, Language: &feedbackv1.Language{Tag: language}}
	if score < 0 {
		s.Score, s.Label, s.UnscoredReason = nil, 0, feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE
	}
	b.write(feedback.ScoredRecord(testPrefix+".scored", feedback.Protobuf, &feedbackv1.ScoredEvent{Event: e, Sentiment: s}))
}

// texts are the values' texts of tail -o json, in any order.
func texts(t *testing.T, out string) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	for line := range strings.Lines(out) {
		var l struct {
			Value struct {
				Text  string `json:"text"`
				Event struct {
					Text string `json:"text"`
				} `json:"event"`
				Route string `json:"route"`
			} `json:"value"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		got[l.Value.Text+l.Value.Event.Text+l.Value.Route] = true
	}
	return got
}

func set(words ...string) map[string]bool {
	out := map[string]bool{}
	for _, w := range words {
		out[w] = true
	}
	return out
}

func TestTailFilters(t *testing.T) {
	b := newBroker(t, shortNames...)
	b.scored("x:1", "mentions", "en", "all down in WestEurope", 0.1)
	b.scored("x:2", "mentions", "en-GB", "lovely colours", 0.95)
	b.scored("x:3", "community", "de", "westeurope geht nicht", -1)
	b.scored("x:4", "community", "en", "503 again", 0.2)
	for _, f := range []feedback.Format{feedback.Protobuf, feedback.JSON} {
		b.write(feedback.EventRecord(testPrefix+".feedback", f, &feedbackv1.Event{Id: "e:" + string(f), Source: "community", Text: "as " + string(f)}))
	}
	for _, route := range []string{"negative", "positive"} {
		b.write(feedback.NotificationRecord(testPrefix+".notifications", feedback.Protobuf,
			&feedbackv1.Notification{EventId: "x:1", Route: route, State: feedbackv1.Notification_STATE_POSTED}))
	}
	tests := []struct {
		name string
		args []string
		want map[string]bool
	}{
		{"all", []string{"scored"}, set("all down in WestEurope", "lovely colours", "westeurope geht nicht", "503 again")},
		{"the default topic", nil, set("all down in WestEurope", "lovely colours", "westeurope geht nicht", "503 again")},
		{"by full name", []string{testPrefix + ".scored", "--above", "0.9"}, set("lovely colours")},
		{"below", []string{"scored", "--below", "0.15"}, set("all down in WestEurope")},
		{"between", []string{"scored", "--below", "0.9", "--above", "0.15"}, set("503 again")},
		{"below all leaves out the unscored", []string{"scored", "--below", "1"}, set("all down in WestEurope", "lovely colours", "503 again")},
		{"source", []string{"scored", "--source", "community"}, set("westeurope geht nicht", "503 again")},
		{"language, its regions too", []string{"scored", "--language", "en", "--above", "0.5"}, set("lovely colours")},
		{"contains, in any case", []string{"scored", "--contains", "westEUROPE"}, set("all down in WestEurope", "westeurope geht nicht")},
		{"several hold together", []string{"scored", "--contains", "westeurope", "--source", "mentions"}, set("all down in WestEurope")},
		{"events in both formats", []string{"feedback", "--contains", "as"}, set("as Protobuf", "as JSON")},
		{"route", []string{"notifications", "--route", "negative"}, set("negative")},
		{"old enough", []string{"scored", "--from", "1h", "--below", "0.15"}, set("all down in WestEurope")},
		{"nothing", []string{"state"}, set()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := b.run(append([]string{"tail", "--no-follow", "-o", "json"}, test.args...)...).ok(t)
			if diff := cmp.Diff(test.want, texts(t, got.out)); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTailLeavesOutWhatIsTooOld(t *testing.T) {
	b := newBroker(t, "feedback")
	for age, text := range map[time.Duration]string{3 * time.Hour: "old", time.Minute: "new"} {
		r, err := feedback.EventRecord(testPrefix+".feedback", feedback.Protobuf, &feedbackv1.Event{Id: "x:" + text, Text: text})
		r.Time = time.Now().Add(-age)
		b.write(r, err)
	}
	got := b.run("tail", "feedback", "--from", "2h", "--no-follow", "-o", "json").ok(t)
	if diff := cmp.Diff(set("new"), texts(t, got.out)); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

func TestTailStopsAfterItsCount(t *testing.T) {
	b := newBroker(t, shortNames...)
	for _, text := range []string{"a", "b", "c"} {
		b.scored("x:"+text, "mentions", "en", text, 0.5)
	}
	got := b.run("tail", "--from", "earliest", "-n", "2").ok(t)
	if got, want := strings.Count(got.out, "\n"), 2; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
}

func TestTailFollowsUntilItIsInterrupted(t *testing.T) {
	b := newBroker(t, shortNames...)
	ctx, interrupt := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		defer w.Close()
		done <- call{env: b.env, ctx: ctx}.runTo(t, w, io.Discard, "tail")
	}()
	lines := make(chan string, 100)
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for i := 0; ; i++ { // it begins at the latest: write until the first one is seen
		b.scored("x:1", "mentions", "en", "is anybody there", 0.5)
		select {
		case line := <-lines:
			if !strings.Contains(line, "bill: is anybody there") {
				t.Errorf("line %q", line)
			}
			interrupt()
			if code := <-done; code != exitOK {
				t.Errorf("exit status %d after Ctrl-C, want 0", code)
			}
			return
		case <-time.After(100 * time.Millisecond):
			if i > 300 {
				t.Fatal("nothing was seen within 30 s")
			}
		}
	}
}

func TestTailShowsWhatItCannotDecode(t *testing.T) {
	b := newBroker(t, shortNames...)
	broken := kafka.Record{Topic: testPrefix + ".feedback", Key: []byte("k\x1b[31m"), Value: []byte("\xff\xff"), Partition: 1, Offset: 7}
	b.write(broken, nil)
	b.write(feedback.DeadLetter(testPrefix+".dead-letters", broken, "Permanent", errors.New("no Protobuf"), 3), nil)
	b.write(kafka.Record{Topic: testPrefix + ".state", Key: []byte("health/notifier/one")}, nil)

	got := b.run("tail", "feedback", "--no-follow").ok(t)
	if !strings.Contains(got.out, "cannot be decoded") || strings.Contains(got.out, "\x1b") {
		t.Errorf("stdout %q, want it to say that the record cannot be decoded, and no escape", got.out)
	}
	got = b.run("tail", "dead-letters", "--no-follow", "--contains", "no protobuf").ok(t)
	for _, want := range []string{"Permanent", testPrefix + ".feedback[1]@7", "no Protobuf", "2 bytes"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout %q, want %q in it", got.out, want)
		}
	}
	got = b.run("tail", "state", "--no-follow").ok(t)
	if !strings.Contains(got.out, "health/notifier/one  (deleted)") {
		t.Errorf("stdout %q, want the deleted key", got.out)
	}
	var line entryLine
	if err := json.Unmarshal([]byte(b.run("tail", "feedback", "--no-follow", "-o", "json").ok(t).out), &line); err != nil {
		t.Fatal(err)
	}
	if line.Error == "" || string(line.Raw) != "\xff\xff" {
		t.Errorf("line %+v, want the error and the bytes", line)
	}
}

func TestTailOfATopicThatIsNotThere(t *testing.T) {
	got := newBroker(t, "feedback").run("tail", "scored", "-n", "1")
	if got.code != exitFailed || !strings.Contains(got.err, testPrefix+".scored does not exist") {
		t.Errorf("%+v, want status 1 and the topic's name", got)
	}
}

func TestDescribe(t *testing.T) {
	score := 0.034
	at := time.Date(2026, 11, 22, 14, 3, 22, 0, time.UTC)
	event := &feedbackv1.Event{Id: "x:1", Source: "mentions", Text: "down\nagain", Author: &feedbackv1.Author{Handle: "bill"}}
	tests := []struct {
		name string
		give entry
		want string
	}{
		{"event", entry{value: event}, "mentions     -      bill: down again"},
		{"scored", entry{value: &feedbackv1.ScoredEvent{Event: event, Sentiment: &feedbackv1.Sentiment{Score: &score, Label: feedbackv1.Label_LABEL_NEGATIVE, Language: &feedbackv1.Language{Tag: "en"}}}},
			"mentions     en     0.03  negative  bill: down again"},
		{"scored by the fallback", entry{value: &feedbackv1.ScoredEvent{Event: event, Sentiment: &feedbackv1.Sentiment{Score: &score, Label: feedbackv1.Label_LABEL_NEGATIVE, Language: &feedbackv1.Language{Tag: "en"}, Fallback: &feedbackv1.Fallback{Backend: "azure"}}}},
			"mentions     en     0.03  negative  bill: down again  (fallback: azure did not answer)"},
		{"unscored", entry{value: &feedbackv1.ScoredEvent{Event: event, Sentiment: &feedbackv1.Sentiment{UnscoredReason: feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, Language: &feedbackv1.Language{Tag: "de"}}}},
			"mentions     de        -  language  bill: down again"},
		{"deletion", entry{value: &feedbackv1.Event{Source: "mentions", Deleted: true, Revision: 2}}, "mentions     -      (deleted)"},
		{"edit", entry{value: &feedbackv1.Event{Source: "mentions", Revision: 2, Text: "up"}}, "mentions     -      (edited) up"},
		{"posted", entry{value: &feedbackv1.Notification{EventId: "x:1", Route: "negative", State: feedbackv1.Notification_STATE_POSTED, Place: &feedbackv1.Place{ChannelName: "alarms", Ts: "1.2"}}},
			"negative     posted     x:1  -> #alarms 1.2"},
		{"digest", entry{value: &feedbackv1.Notification{DigestId: "digest:positive:7", Route: "positive", State: feedbackv1.Notification_STATE_DIGESTED, EventIds: []string{"a", "b"}}},
			"positive     digested   digest:positive:7  2 events"},
		{"collapsed", entry{value: &feedbackv1.Notification{EventId: "x:2", Route: "negative", State: feedbackv1.Notification_STATE_COLLAPSED, CollapsedInto: "x:1"}},
			"negative     collapsed  x:2  into x:1"},
		{"skipped", entry{value: &feedbackv1.Notification{EventId: "x:2", Route: "negative", State: feedbackv1.Notification_STATE_SKIPPED, Reason: "too old"}},
			"negative     skipped    x:2  (too old)"},
		{"budget", entry{value: &feedbackv1.Budget{Day: "2026-11-22", Used: 3, Limit: 10}}, "budget  3 taken by this instance of 10 for all on 2026-11-22"},
		{"checkpoint", entry{value: &feedbackv1.SourceState{Source: "mentions", Windows: []*feedbackv1.Window{{Scope: "q", Newest: "9"}}, Budget: &feedbackv1.Budget{Day: "2026-11-22", Used: 3, Limit: 10}}},
			"checkpoint  mentions  q up to 9, 0 gaps  3 of 10 posts on 2026-11-22"},
		{"health", entry{value: &feedbackv1.Health{Component: "notifier", Instance: "one", Level: feedbackv1.Health_LEVEL_FAILED, Gauges: map[string]float64{"pending": 2},
			Conditions: []*feedbackv1.Health_Condition{{Name: "slack", Level: feedbackv1.Health_LEVEL_FAILED, Reason: "TokenRefused", Message: "give a new token"}, {Name: "kafka", Level: feedbackv1.Health_LEVEL_GOOD}}}},
			"health  notifier/one  failed  slack: TokenRefused: give a new token  pending=2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.give.record.Time = at.In(time.FixedZone("x", 3600))
			if diff := cmp.Diff("14:03:22  "+test.want, test.give.text(time.UTC)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTopics(t *testing.T) {
	b := newBroker(t, "feedback", "scored", "notifications", "state")
	for _, id := range []string{"x:1", "x:2", "x:3"} {
		b.scored(id, "mentions", "en", "text", 0.5)
	}
	b.consume(testPrefix+".notifier.negative", testPrefix+".scored", 3)
	b.consume("team.azure2.notifier.other", testPrefix+".scored", 3)
	b.scored("x:4", "mentions", "en", "text", 0.5)

	var list []topicLine
	if err := json.Unmarshal([]byte(b.run("topics", "-o", "json").ok(t).out), &list); err != nil {
		t.Fatal(err)
	}
	scored := list[1]
	if got, want := scored.Records, int64(4); got != want || len(scored.Partitions) != 2 {
		t.Errorf("scored: %d records in %d partitions, want %d in 2", got, len(scored.Partitions), want)
	}
	if len(scored.Groups) != 1 || scored.Groups[0].Group != testPrefix+".notifier.negative" || scored.Groups[0].Lag != 1 {
		t.Errorf("groups of scored %+v, want notifier.negative with lag 1", scored.Groups)
	}
	text := b.run("topics", "--partitions", "--group", "team.azure2.notifier.other").ok(t).out
	for _, want := range []string{"team.azure.dead-letters", "(does not exist)", "team.azure2.notifier.other", "[1]"} {
		if !strings.Contains(text, want) {
			t.Errorf("stdout %q, want %q in it", text, want)
		}
	}
}

// consume reads n records as a member of a group and commits them.
func (b *broker) consume(group, topic string, n int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	err := b.client.Consume(ctx, kafka.Subscription{Group: group, Topic: topic}, func(ctx context.Context, g *kafka.Generation) error {
		for n > 0 {
			recs, err := g.Fetch(ctx)
			if err != nil {
				return nil
			}
			for _, r := range recs {
				g.Done(r.Partition, r.Offset+1)
			}
			n -= len(recs)
		}
		cancel()
		return nil
	})
	if err != nil || n > 0 {
		b.t.Fatalf("consume as %s: %v, %d records left", group, err, n)
	}
}

func TestBrokerThatIsNotThere(t *testing.T) {
	env := map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "FEEDBACK_PREFIX": testPrefix}
	for _, args := range [][]string{{"tail"}, {"topics"}} {
		got := call{env: env}.run(t, args...)
		if got.code != exitFailed || !strings.Contains(got.err, "127.0.0.1:1") || !strings.Contains(got.err, "nothing listens there") {
			t.Errorf("%v: %+v, want status 1, the address and what to do", args, got)
		}
	}
}
