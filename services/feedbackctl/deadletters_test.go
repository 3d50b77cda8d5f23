package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// eachBroker runs f with a pipeline's topics, of one partition each, on every broker there is.
func eachBroker(t *testing.T, f func(t *testing.T, b *broker)) {
	kafkatest.Each(t, func(t *testing.T, kb *kafkatest.Broker) { f(t, pipelineOn(t, kb)) })
}

// embedded is one of them on the embedded broker.
func embedded(t *testing.T) *broker { return pipelineOn(t, kafkatest.Embedded(t)) }

func pipelineOn(t *testing.T, kb *kafkatest.Broker) *broker {
	b := &broker{t: t, client: kb.Client(t), topics: map[string]string{}, env: map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": strings.Join(kb.Servers, ","), "FEEDBACK_PREFIX": fmt.Sprintf("p%d", time.Now().UnixNano()),
	}}
	for _, short := range shortNames {
		b.topics[short] = kb.Topic(t, 1)
		b.env["TOPIC_"+strings.ToUpper(strings.ReplaceAll(short, "-", "_"))] = b.topics[short]
	}
	return b
}

// answer runs a command with an answer on stdin.
func (b *broker) answer(in string, args ...string) result {
	b.t.Helper()
	return call{env: b.env, in: strings.NewReader(in)}.run(b.t, args...)
}

// eventOf is a record of the feedback topic, which is not written.
func (b *broker) eventOf(id, source, text string) kafka.Record {
	b.t.Helper()
	r, err := feedback.EventRecord(b.topics["feedback"], feedback.Protobuf, &feedbackv1.Event{Id: id, Source: source, Text: text})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// bury writes a dead letter of the record, so old.
func (b *broker) bury(r kafka.Record, reason string, old time.Duration) {
	b.t.Helper()
	l := feedback.DeadLetter(b.topics["dead-letters"], r, reason, errors.New("why it "+reason), 3)
	l.Time = time.Now().Add(-old)
	b.write(l, nil)
}

// fiveLetters are written to a pipeline: 0@0 to 0@4.
func (b *broker) fiveLetters() {
	b.t.Helper()
	one := b.eventOf("x:1", "mentions", "one")
	one.Partition, one.Offset = 0, 17
	one.Headers = append(one.Headers, kafka.Header{Key: "traceparent", Value: []byte("00-1")})
	b.bury(one, "HandlerFailed", 3*time.Hour)
	b.bury(b.eventOf("slack:2", "community", "two"), "HandlerFailed", 2*time.Hour)
	huge := b.eventOf("slack:3", "community", strings.Repeat("x", 1_100_000))
	b.bury(huge, "TooLarge", 90*time.Minute)
	scored, err := feedback.ScoredRecord(b.topics["scored"], feedback.JSON, &feedbackv1.ScoredEvent{Event: &feedbackv1.Event{Id: "x:4", Source: "mentions", Text: "four"}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.bury(scored, "Malformed", time.Hour)
	b.bury(kafka.Record{Topic: b.topics["feedback"], Partition: -1, Offset: -1, Key: []byte("mentions"), Value: []byte(`{"id":`),
		Headers: []kafka.Header{{Key: feedback.HeaderContentType, Value: []byte("application/json")}}}, "MalformedPost", time.Minute)
}

// listed are the places that list -o json shows, with what was done to them.
func (b *broker) listed(args ...string) string {
	b.t.Helper()
	var out []string
	for line := range strings.Lines(b.run(append([]string{"dead-letters", "list", "-o", "json"}, args...)...).ok(b.t).out) {
		var l letterLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			b.t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%d:%s", l.Offset, l.Handled), ":"))
	}
	return strings.Join(out, " ")
}

func TestDeadLettersAreListedBy(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.fiveLetters()
		for _, test := range []struct {
			name string
			args []string
			want string
		}{
			{"all", nil, "0 1 2 3 4"},
			{"reason, in any case", []string{"--reason", "handlerfailed"}, "0 1"},
			{"reasons", []string{"--reason", "TooLarge,Malformed"}, "2 3"},
			{"source", []string{"--source", "mentions"}, "0 3"},
			{"source of a head", []string{"--source", "community"}, "1 2"},
			{"since", []string{"--since", "100m"}, "2 3 4"},
			{"until", []string{"--until", "100m"}, "0 1"},
			{"between", []string{"--since", "150m", "--until", "30m"}, "1 2 3"},
			{"since a time", []string{"--since", time.Now().Add(-10 * time.Minute).Format(time.RFC3339)}, "4"},
			{"topic of origin", []string{"--topic", "scored"}, "3"},
			{"all together", []string{"--topic", "feedback", "--source", "community", "--reason", "HandlerFailed"}, "1"},
			{"none", []string{"--source", "nobody"}, ""},
		} {
			if got := b.listed(test.args...); got != test.want {
				t.Errorf("%s: list %v = %q, want %q", test.name, test.args, got, test.want)
			}
		}
		text := b.run("dead-letters", "list").ok(t).out
		for _, want := range []string{"AT ", "0@0", "3h", "HandlerFailed", "mentions", b.topics["feedback"] + "[0]@17", "900000", "why it TooLarge"} {
			if !strings.Contains(text, want) {
				t.Errorf("list = %s\nwant %q in it", text, want)
			}
		}
	})
}

func TestDeadLettersAreShown(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.fiveLetters()
		got := b.run("dead-letters", "show", "0@0", "0@4").ok(t)
		for _, want := range []string{"0@0 of", "HandlerFailed", "[0]@17", "3", `"text": "one"`, "traceparent: 00-1", "possible", "cannot be decoded", "never was a record"} {
			if !strings.Contains(got.out, want) {
				t.Errorf("show = %s\nwant %q in it", got.out, want)
			}
		}
		var l letterLine
		if err := json.Unmarshal([]byte(b.run("dead-letters", "show", "0@3", "-o", "json").ok(t).out), &l); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(l.Value), `"four"`) || l.Headers["content-type"] != "application/json" || l.Reason != "Malformed" {
			t.Errorf("show -o json = %+v, want the decoded value", l)
		}
		if got := b.run("dead-letters", "show", "0@99"); got.code != exitFailed || !strings.Contains(got.err, "0@99") {
			t.Errorf("show of what is not there = %+v, want status 1 and its place", got)
		}
	})
}

func TestRedriveWritesBackAndRemembers(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.fiveLetters()
		got := b.run("dead-letters", "redrive", "--dry-run")
		if got.code != exitFailed || strings.Count(got.out, "would be redriven") != 3 ||
			!strings.Contains(got.err, "only the first 900000 bytes") || !strings.Contains(got.err, "never was a record") {
			t.Errorf("redrive --dry-run = %+v, want 3 lines, and why two are left", got)
		}
		if n := len(b.records("feedback")); n != 0 {
			t.Errorf("%d records were written by a dry run, want none", n)
		}
		for _, in := range []string{"n\n", "\n", ""} {
			if got := b.answer(in, "dead-letters", "redrive", "--source", "mentions"); got.code == exitOK || !strings.Contains(got.err, "Write 2 dead letters back, 1 to ") || !strings.Contains(got.err, "nothing was done") {
				t.Errorf("redrive answered by %q = %+v, want that nothing was done", in, got)
			}
		}
		b.answer("y\n", "dead-letters", "redrive", "--source", "mentions", "--limit", "1").ok(t)
		if got, want := b.listed("--all"), "0:redriven 1 2 3 4"; got != want {
			t.Errorf("list --all = %q, want %q", got, want)
		}
		b.run("dead-letters", "redrive", "--reason", "HandlerFailed,Malformed", "--yes", "--rate", "1000").ok(t)
		if got, want := b.listed(), "2 4"; got != want {
			t.Errorf("list = %q, want %q", got, want)
		}
		recs := b.records("feedback")
		if len(recs) != 2 || len(b.records("scored")) != 1 {
			t.Fatalf("%d records in feedback, %d in scored, want 2 and 1", len(recs), len(b.records("scored")))
		}
		e, err := feedback.DecodeEvent(recs[0])
		if err != nil || e.GetText() != "one" || string(recs[0].Key) != "x:1" || feedback.Header(recs[0], "traceparent") != "00-1" {
			t.Errorf("redriven record: %v, %v, key %s, want the original", e, err, recs[0].Key)
		}
		history := feedback.Header(recs[0], headerHistory)
		if want := "HandlerFailed@" + b.topics["feedback"] + "[0]@17@"; !strings.HasPrefix(history, want) || !strings.HasSuffix(history, "3 attempts") {
			t.Errorf("history %q, want %s…, 3 attempts", history, want)
		}
		for _, h := range recs[0].Headers {
			if strings.HasPrefix(h.Key, "dead-letter-") && h.Key != headerHistory {
				t.Errorf("the redriven record bears %s", h.Key)
			}
		}
		if got := b.run("dead-letters", "redrive", "0@0", "--yes"); got.code != exitFailed || !strings.Contains(got.err, "--all") {
			t.Errorf("redrive of what was redriven = %+v, want status 1 and --all", got)
		}
	})
}

// TestARedrivenRecordThatDiesAgainKeepsItsHistory: and gets a second line of it.
func TestARedrivenRecordThatDiesAgainKeepsItsHistory(t *testing.T) {
	b := embedded(t)
	b.bury(b.eventOf("x:1", "mentions", "one"), "HandlerFailed", time.Hour)
	b.run("dead-letters", "redrive", "--yes").ok(t)
	b.bury(b.records("feedback")[0], "Permanent", time.Minute)
	if got, want := b.listed(), "2"; got != want {
		t.Errorf("list = %q, want %q", got, want)
	}
	b.run("dead-letters", "redrive", "--yes").ok(t)
	var history []string
	for _, h := range b.records("feedback")[1].Headers {
		if h.Key == headerHistory {
			history = append(history, strings.SplitN(string(h.Value), "@", 2)[0])
		}
	}
	if diff := cmp.Diff([]string{"HandlerFailed", "Permanent"}, history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestDropMarks(t *testing.T) {
	b := embedded(t)
	b.fiveLetters()
	if got := b.run("dead-letters", "drop", "--reason", "TooLarge", "--dry-run").ok(t); !strings.Contains(got.out, "would be dropped  0@2") {
		t.Errorf("drop --dry-run = %+v, want 0@2", got)
	}
	if got := b.answer("yes\n", "dead-letters", "drop", "--reason", "TooLarge").ok(t); !strings.Contains(got.err, "Mark 1 dead letter of ") {
		t.Errorf("drop = %+v, want it to ask", got)
	}
	b.run("dead-letters", "drop", "0@4", "-y").ok(t)
	if got, want := b.listed("--all"), "0 1 2:dropped 3 4:dropped"; got != want {
		t.Errorf("list --all = %q, want %q", got, want)
	}
	if got := b.run("dead-letters", "redrive", "-y").ok(t); strings.Count(got.out, "redriven") != 3 {
		t.Errorf("redrive = %+v, want the three that were not dropped", got)
	}
	if got := b.run("tail", "dead-letters", "--no-follow").ok(t); !strings.Contains(got.out, "0@2  (was dropped)") {
		t.Errorf("tail = %q, want what was dropped", got.out)
	}
}

// TestARecordOfATopicThatIsGoneIsLeft: and all others are redriven.
func TestARecordOfATopicThatIsGoneIsLeft(t *testing.T) {
	b := newBroker(t, "feedback", "dead-letters")
	b.bury(b.eventOf("x:1", "mentions", "one"), "HandlerFailed", time.Hour)
	gone := b.eventOf("x:2", "mentions", "two")
	gone.Topic = "before.feedback"
	b.bury(gone, "HandlerFailed", time.Hour)
	got := b.run("dead-letters", "redrive", "--yes")
	if got.code != exitFailed || !strings.Contains(got.err, "its topic before.feedback does not exist") || !strings.Contains(got.err, "1 dead letter cannot be redriven") {
		t.Errorf("redrive = %+v, want status 1 and the topic's name", got)
	}
	if recs := b.records("feedback"); len(recs) != 1 || string(recs[0].Key) != "x:1" {
		t.Errorf("%d records in feedback, want the one whose topic is there", len(recs))
	}
}

// TestOnlyTheHeadIsKept holds the limit against the package that cuts.
func TestOnlyTheHeadIsKept(t *testing.T) {
	l := feedback.DeadLetter("dead", kafka.Record{Value: make([]byte, 2_000_000)}, "TooLarge", errors.New("x"), 1)
	if got, want := len(l.Value), keptBytes; got != want {
		t.Errorf("a dead letter keeps %d bytes, want %d", got, want)
	}
}
