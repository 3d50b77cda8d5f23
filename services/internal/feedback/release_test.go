package feedback

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

var update = flag.Bool("update", false, "write the golden records that are missing")

// released is what testdata/release holds: a record as a release wrote it. A later release that
// adds fields adds a case under a new name; a case, and its files, are never changed.
type released struct {
	name   string
	want   proto.Message
	record func(topic string, f Format) (kafka.Record, error)
	decode func(kafka.Record) (proto.Message, error)
}

func releasedCase[M proto.Message](name string, m M, encode func(string, Format, M) (kafka.Record, error), decode func(kafka.Record) (M, error)) released {
	return released{
		name, m,
		func(topic string, f Format) (kafka.Record, error) { return encode(topic, f, m) },
		func(r kafka.Record) (proto.Message, error) { return decode(r) },
	}
}

func allReleased() []released {
	return []released{
		releasedCase("event-slack", releasedEvent(), EventRecord, DecodeEvent),
		releasedCase("event-x", releasedPost(), EventRecord, DecodeEvent),
		releasedCase("scored", releasedScored(), ScoredRecord, DecodeScored),
		releasedCase("scored-without-score", releasedUnscored(), ScoredRecord, DecodeScored),
		releasedCase("scored-by-fallback", releasedByFallback(), ScoredRecord, DecodeScored),
		releasedCase("notification", releasedNotification(), NotificationRecord, DecodeNotification),
		releasedCase("notification-digest", releasedDigest(), NotificationRecord, DecodeNotification),
		releasedCase("checkpoint", releasedState(), CheckpointRecord, DecodeSourceState),
		releasedCase("budget", &feedbackv1.Budget{Day: "2025-11-22", Used: 421, Limit: 1000000}, budgetRecord, DecodeBudget),
		releasedCase("health", releasedHealth(), HealthRecord, DecodeHealth),
	}
}

func TestRecordsOfTheLastReleaseAreRead(t *testing.T) {
	for _, c := range allReleased() {
		for _, f := range []struct {
			format    Format
			extension string
		}{{Protobuf, ".bin"}, {JSON, ".json"}} {
			t.Run(c.name+f.extension, func(t *testing.T) {
				written, err := c.record("topic", f.format)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join("testdata", "release", c.name+f.extension)
				r := goldenRecord(t, path, written)
				got, err := c.decode(r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got, protocmp.Transform()); diff != "" {
					t.Errorf("%s reads otherwise (-want +got):\n%s", path, diff)
				}
				// In a compacted topic a key that changes makes two of one; a reader filters by headers.
				if got, want := string(written.Key), string(r.Key); got != want {
					t.Errorf("key = %q, want %q as in %s", got, want, path)
				}
				for _, h := range r.Headers {
					if got, want := Header(written, h.Key), string(h.Value); got != want {
						t.Errorf("header %s = %q, want %q as in %s", h.Key, got, want, path)
					}
				}
			})
		}
	}
}

// goldenRecord reads the record of the file. With -update it writes first, if the file is
// missing; it never overwrites what a release wrote.
func goldenRecord(t *testing.T, path string, r kafka.Record) kafka.Record {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		data = marshalRecord(r)
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatalf("%v; write it with go test -update", err)
	}
	r, err = unmarshalRecord(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r
}

// marshalRecord is the record as text like an HTTP message: a line for the key, a line for each
// header, an empty line, and the value as it is.
func marshalRecord(r kafka.Record) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "key: %s\n", r.Key)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	b.WriteByte('\n')
	b.Write(r.Value)
	return b.Bytes()
}

func unmarshalRecord(data []byte) (kafka.Record, error) {
	head, value, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		return kafka.Record{}, errors.New("no empty line before the value")
	}
	r := kafka.Record{Value: value}
	for line := range strings.SplitSeq(string(head), "\n") {
		name, text, ok := strings.Cut(line, ": ")
		switch {
		case !ok:
			return r, fmt.Errorf("line %q: want name: value", line)
		case name == "key":
			r.Key = []byte(text)
		default:
			r.Headers = append(r.Headers, kafka.Header{Key: name, Value: []byte(text)})
		}
	}
	return r, nil
}

// TestReleasedRecordsUseEveryField fails where the contract has a field that no golden record
// has: a release that adds one adds a record with it.
func TestReleasedRecordsUseEveryField(t *testing.T) {
	used := map[protoreflect.FullName]bool{}
	var use func(m protoreflect.Message)
	use = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			used[f.FullName()] = true
			switch {
			case f.IsMap() || f.Message() == nil:
			case f.IsList():
				for i := range v.List().Len() {
					use(v.List().Get(i).Message())
				}
			default:
				use(v.Message())
			}
			return true
		})
	}
	for _, c := range allReleased() {
		use(c.want.ProtoReflect())
	}
	for _, m := range []proto.Message{
		&feedbackv1.Event{}, &feedbackv1.Author{}, &feedbackv1.Parent{}, &feedbackv1.SlackOrigin{}, &feedbackv1.XOrigin{},
		&feedbackv1.ScoredEvent{}, &feedbackv1.Sentiment{}, &feedbackv1.Language{},
		&feedbackv1.Notification{}, &feedbackv1.Place{}, &feedbackv1.OffsetRange{},
		&feedbackv1.SourceState{}, &feedbackv1.Window{}, &feedbackv1.Gap{}, &feedbackv1.Budget{},
		&feedbackv1.Health{}, &feedbackv1.Health_Condition{},
	} {
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if name := fields.Get(i).FullName(); !used[name] {
				t.Errorf("no golden record has %s: add a case with it, under a new name", name)
			}
		}
	}
}

func budgetRecord(topic string, f Format, b *feedbackv1.Budget) (kafka.Record, error) {
	return BudgetRecord(topic, f, "sentiment-scorer", "azure-scorer-0", b, releasedAt(5).AsTime())
}

func releasedByFallback() *feedbackv1.ScoredEvent {
	s := releasedScored()
	s.Sentiment.Fallback = &feedbackv1.Fallback{Backend: "llm", Reason: "it answered 503 Service Unavailable", Since: releasedAt(3)}
	return s
}

// releasedAt is a moment, some microseconds and seconds after the others.
func releasedAt(seconds int64) *timestamppb.Timestamp {
	return timestamppb.New(time.Unix(1763805600+seconds, 123456000))
}

func releasedEvent() *feedbackv1.Event {
	return &feedbackv1.Event{
		Id: "slack:T012AB3CD:C0FEED:1763805600.123456", Revision: 1763805660123456, Source: "community",
		Kind:   feedbackv1.SourceKind_SOURCE_KIND_SLACK,
		Author: &feedbackv1.Author{Id: "U0ANA", Handle: "ana", DisplayName: "Ana Žižek", Bot: true},
		Text:   "Azure is down again 😡\nsince \"noon\" & <nobody> says why", Language: "en-GB",
		CreatedAt: releasedAt(0), RevisedAt: releasedAt(60), IngestedAt: releasedAt(61),
		Url:    "https://example.slack.com/archives/C0FEED/p1763805600123456",
		Parent: &feedbackv1.Parent{Id: "slack:T012AB3CD:C0FEED:1763805000.000001", Excerpt: "How is it going?", Url: "https://example.slack.com/archives/C0FEED/p1763805000000001"},
		Origin: &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{
			TeamId: "T012AB3CD", ChannelId: "C0FEED", ChannelName: "feedback", Ts: "1763805600.123456", ThreadTs: "1763805000.000001",
		}},
		Backfilled: true,
	}
}

func releasedPost() *feedbackv1.Event {
	return &feedbackv1.Event{
		Id: "x:1992160000000000001", Source: "mentions", Kind: feedbackv1.SourceKind_SOURCE_KIND_X, Deleted: true,
		CreatedAt: releasedAt(0), RevisedAt: releasedAt(0), IngestedAt: releasedAt(2), RepostOf: "x:1992150000000000000",
		Origin: &feedbackv1.Event_X{X: &feedbackv1.XOrigin{
			PostId: "1992160000000000002", ConversationId: "1992150000000000000",
			EditHistoryIds: []string{"1992160000000000001", "1992160000000000002"},
			RetweetedId:    "1992150000000000000", QuotedId: "1992140000000000000", RepliedToId: "1992130000000000000",
		}},
	}
}

func releasedScored() *feedbackv1.ScoredEvent {
	return &feedbackv1.ScoredEvent{
		Event: releasedEvent(), ScoredAt: releasedAt(62),
		Sentiment: &feedbackv1.Sentiment{
			Score: proto.Float64(0), Label: feedbackv1.Label_LABEL_NEGATIVE, Model: "vader/govader-f6505c8d03cc",
			Language: &feedbackv1.Language{Tag: "en", Confidence: 0.875, Origin: feedbackv1.LanguageOrigin_LANGUAGE_ORIGIN_DETECTED},
		},
	}
}

func releasedUnscored() *feedbackv1.ScoredEvent {
	return &feedbackv1.ScoredEvent{
		Event: releasedPost(), ScoredAt: releasedAt(62),
		Sentiment: &feedbackv1.Sentiment{UnscoredReason: feedbackv1.UnscoredReason_UNSCORED_REASON_DELETED, UnscoredDetail: "the event is a deletion"},
	}
}

func releasedNotification() *feedbackv1.Notification {
	return &feedbackv1.Notification{
		EventId: "slack:T012AB3CD:C0FEED:1763805600.123456", Revision: 1763805660123456, Route: "negative",
		State: feedbackv1.Notification_STATE_INTENT, Reason: "Slack does not answer",
		Place:         &feedbackv1.Place{ChannelId: "C0NEG", ChannelName: "negative-feedback", Ts: "1763805663.000200"},
		CollapsedInto: "x:1992150000000000000", CollapseKey: "5f2b8c1d", Count: 3, Score: proto.Float64(0),
		ObservedAt: releasedAt(63), CreatedAt: releasedAt(0), Owner: "notifier-0/1763805600", LeaseUntil: releasedAt(93),
	}
}

func releasedDigest() *feedbackv1.Notification {
	return &feedbackv1.Notification{
		DigestId: "digest:positive:1763802000", Route: "positive", State: feedbackv1.Notification_STATE_DIGESTED,
		Ranges:     []*feedbackv1.OffsetRange{{Partition: 2, First: 7, Last: 1 << 40}},
		EventIds:   []string{"x:1992160000000000001", "slack:T012AB3CD:C0FEED:1763805600.123456"},
		ObservedAt: releasedAt(64),
	}
}

func releasedState() *feedbackv1.SourceState {
	return &feedbackv1.SourceState{
		Source: "community", ObservedAt: releasedAt(65),
		Windows: []*feedbackv1.Window{{
			Scope: "C0FEED", Newest: "1763805600.123456", NewestAt: releasedAt(0),
			Gaps: []*feedbackv1.Gap{{After: "1763805000.000001", Until: "1763805500.000001", AfterTime: releasedAt(-3600)}},
		}},
		Budget: &feedbackv1.Budget{Day: "2025-11-22", Used: 421, Limit: 10000},
	}
}

func releasedHealth() *feedbackv1.Health {
	return &feedbackv1.Health{
		Component: "slack-ingest/community", Instance: "azure-slack-ingest-community-0", ObservedAt: releasedAt(66), StartedAt: releasedAt(-60),
		Level: feedbackv1.Health_LEVEL_DEGRADED, LastEventAt: releasedAt(61), Gauges: map[string]float64{"open_gaps": 1},
		Conditions: []*feedbackv1.Health_Condition{{
			Name: "slack", Level: feedbackv1.Health_LEVEL_DEGRADED, Reason: "Reconnecting", Message: "Slack asked to connect anew", Since: releasedAt(60),
		}},
	}
}
