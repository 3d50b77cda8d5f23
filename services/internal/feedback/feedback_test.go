package feedback

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

func event() *feedbackv1.Event {
	return &feedbackv1.Event{
		Id: SlackID("T1", "C1", "1700000000.000100"), Revision: 7, Source: "community", Text: "Azure is down 😡",
		Author: &feedbackv1.Author{Id: "U1", Handle: "ana"}, RevisedAt: timestamppb.New(time.Unix(1700000000, 0)),
		Origin: &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{TeamId: "T1", ChannelId: "C1"}},
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	score := 0.25
	scored := &feedbackv1.ScoredEvent{Event: event(), Sentiment: &feedbackv1.Sentiment{Score: &score}, ScoredAt: timestamppb.Now()}
	note := &feedbackv1.Notification{EventId: event().Id, Route: "negative", State: feedbackv1.Notification_STATE_POSTED}
	for _, f := range []Format{Protobuf, JSON} {
		t.Run(string(f), func(t *testing.T) {
			check(t, f, event(), "slack:T1:C1:1700000000.000100", EventRecord, DecodeEvent)
			check(t, f, scored, "slack:T1:C1:1700000000.000100", ScoredRecord, DecodeScored)
			check(t, f, note, "slack:T1:C1:1700000000.000100/negative", NotificationRecord, DecodeNotification)
			check(t, f, &feedbackv1.Notification{DigestId: "digest:negative:1", Route: "negative"}, "digest:negative:1/negative", NotificationRecord, DecodeNotification)
			check(t, f, &feedbackv1.SourceState{Source: "x"}, "checkpoint/x", CheckpointRecord, DecodeSourceState)
			check(t, f, &feedbackv1.Health{Component: "notifier", Instance: "n-0"}, "health/notifier/n-0", HealthRecord, DecodeHealth)
		})
	}
}

func check[M proto.Message](t *testing.T, f Format, m M, key string,
	encode func(string, Format, M) (kafka.Record, error), decode func(kafka.Record) (M, error)) {
	t.Helper()
	r, err := encode("topic", f, m)
	if err != nil {
		t.Fatal(err)
	}
	if r.Topic != "topic" || string(r.Key) != key {
		t.Errorf("record of topic %q with key %q, want key %q", r.Topic, r.Key, key)
	}
	got, err := decode(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got, protocmp.Transform()); diff != "" {
		t.Errorf("decoded differs (-want +got):\n%s", diff)
	}
}

func TestHeadersAreCloudEvents(t *testing.T) {
	r, err := EventRecord("feedback", JSON, event())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		HeaderSpec: "1.0", HeaderID: "slack:T1:C1:1700000000.000100@7", HeaderSource: "/community",
		HeaderType: "dev.feedbackpipeline.event.v1", HeaderTime: "2023-11-14T22:13:20Z", HeaderContentType: "application/json",
	} {
		if got := Header(r, name); got != want {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		r    kafka.Record
		want string
	}{
		{"nothing", kafka.Record{}, "the value is empty"},
		{"no Protobuf", kafka.Record{Value: []byte("hello world")}, "decode Event of 11 bytes"},
		{"no JSON", kafka.Record{Value: []byte("{"), Headers: []kafka.Header{{Key: HeaderContentType, Value: []byte("application/json")}}}, "decode Event of 1 bytes"},
		{"no id", kafka.Record{Value: []byte{0x22, 1, 'a'}}, "no id"},
		{"no time", value(t, &feedbackv1.Event{Id: "x:1", CreatedAt: &timestamppb.Timestamp{Seconds: math.MaxInt64}}), "created_at is no time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodeEvent(c.r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("DecodeEvent = %v, want %q", err, c.want)
			}
		})
	}
}

func value(t *testing.T, m proto.Message) kafka.Record {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return kafka.Record{Value: b}
}

func TestDecodeScoredRefusesScoresThatAreNone(t *testing.T) {
	for _, score := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		r := value(t, &feedbackv1.ScoredEvent{Event: event(), Sentiment: &feedbackv1.Sentiment{Score: &score}})
		if _, err := DecodeScored(r); err == nil || !strings.Contains(err.Error(), "between 0 and 1") {
			t.Errorf("DecodeScored with score %v = %v, want it refused", score, err)
		}
	}
}

func TestJSONIsToldByItsContentTypeWithParametersToo(t *testing.T) {
	r, err := EventRecord("feedback", JSON, event())
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Headers {
		if r.Headers[i].Key == HeaderContentType {
			r.Headers[i].Value = []byte("application/json; charset=utf-8")
		}
	}
	if _, err := DecodeEvent(r); err != nil {
		t.Errorf("DecodeEvent = %v, want nil", err)
	}
}

func TestDeadLetterKeepsTheHead(t *testing.T) {
	r := kafka.Record{Topic: "feedback", Partition: 2, Offset: 9, Key: []byte("k"), Value: make([]byte, 2_000_000)}
	d := DeadLetter("dead", r, "TooLarge", errors.New(strings.Repeat("e", 5000)), 1)
	if len(d.Value) != maxDeadLetter || len(Header(d, HeaderError)) > 1100 {
		t.Errorf("dead letter of %d bytes with an error of %d, want them cut", len(d.Value), len(Header(d, HeaderError)))
	}
	if got := Header(d, HeaderTopic) + Header(d, HeaderPartition) + Header(d, HeaderOffset); got != "feedback29" {
		t.Errorf("origin = %q, want feedback, 2, 9", got)
	}
}

func TestMatch(t *testing.T) {
	score := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name, match string
		score       *float64
		language    string
		want        bool
	}{
		{"zero means all", ``, nil, "", true},
		{"below", `{"scoreBelow":0.3}`, score(0.29), "", true},
		{"not below at the bound", `{"scoreBelow":0.3}`, score(0.3), "", false},
		{"above", `{"scoreAbove":0.9}`, score(0.91), "", true},
		{"not above at the bound", `{"scoreAbove":0.9}`, score(0.9), "", false},
		{"unscored matches no score", `{"scoreBelow":1}`, nil, "", false},
		{"unscored matches by keyword", `{"keywords":["DOWN"]}`, nil, "", true},
		{"any keyword, any case, inside a word", `{"keywords":["nope","zur"]}`, nil, "", true},
		{"no keyword", `{"keywords":["nope"]}`, nil, "", false},
		{"excluded", `{"keywords":["azure"],"excludeKeywords":["down"]}`, nil, "", false},
		{"source", `{"sources":["community"]}`, nil, "", true},
		{"other source", `{"sources":["mentions"]}`, nil, "", false},
		{"language and its regions", `{"languages":["en"]}`, nil, "en-GB", true},
		{"not a longer tag", `{"languages":["e"]}`, nil, "en", false},
		{"author by handle", `{"authors":["@Ana"]}`, nil, "", true},
		{"author by id", `{"authors":["U1"]}`, nil, "", true},
		{"excluded author", `{"excludeAuthors":["ana"]}`, nil, "", false},
		{"all fields must hold", `{"scoreBelow":0.3,"keywords":["azure"]}`, score(0.5), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Match
			if err := m.UnmarshalText([]byte(c.match)); err != nil {
				t.Fatal(err)
			}
			s := &feedbackv1.ScoredEvent{Event: event(), Sentiment: &feedbackv1.Sentiment{Score: c.score, Language: &feedbackv1.Language{Tag: c.language}}}
			if got := m.Scored(s); got != c.want {
				t.Errorf("Scored(%s) = %t, want %t", c.match, got, c.want)
			}
		})
	}
}

func TestMatchRefuses(t *testing.T) {
	for _, c := range []struct{ match, want string }{
		{`{"keyword":["a"]}`, `unknown field "keyword"`},
		{`{"scoreBelow":3}`, "scores lie between 0 and 1"},
		{`{"scoreBelow":0.3,"scoreAbove":0.9}`, "no score is above the one and below the other"},
		{`{"scoreBelow":0.3} {"scoreAbove":0.9}`, "something follows the match"},
		{`{"keywords":[" "]}`, "a keyword has at least one character"},
	} {
		var m Match
		err := errors.Join(m.UnmarshalText([]byte(c.match)), m.Validate())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.match, err, c.want)
		}
	}
}

// The event's bytes are taken over, so that fields of a later version that it holds stay.
func TestScoredRecordOfIsScoredRecord(t *testing.T) {
	event := &feedbackv1.Event{Id: "x:1", Source: "mentions", Text: "fine", CreatedAt: timestamppb.New(time.Unix(1, 0))}
	event.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 7))
	for _, in := range []Format{Protobuf, JSON} {
		for _, out := range []Format{Protobuf, JSON} {
			t.Run(string(in)+" to "+string(out), func(t *testing.T) {
				from, err := EventRecord("feedback", in, event)
				if err != nil {
					t.Fatal(err)
				}
				decoded, err := DecodeEvent(from)
				if err != nil {
					t.Fatal(err)
				}
				scored := &feedbackv1.ScoredEvent{
					Event: decoded, ScoredAt: timestamppb.New(time.Unix(2, 3)),
					Sentiment: &feedbackv1.Sentiment{Score: proto.Float64(0.25), Model: "m", Language: &feedbackv1.Language{Tag: "en"}},
				}
				got, err := ScoredRecordOf(from, "scored", out, scored)
				if err != nil {
					t.Fatal(err)
				}
				want, err := ScoredRecord("scored", out, scored)
				if err != nil {
					t.Fatal(err)
				}
				gotEvent, err := DecodeScored(got)
				if err != nil {
					t.Fatal(err)
				}
				wantEvent, err := DecodeScored(want)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(wantEvent, gotEvent, protocmp.Transform()); diff != "" {
					t.Errorf("value (-want +got):\n%s", diff)
				}
				got.Value, want.Value = nil, nil
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("record (-want +got):\n%s", diff)
				}
			})
		}
	}
}
