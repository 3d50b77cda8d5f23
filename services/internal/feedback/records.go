// Package feedback is what an event is on the wire: its id, its key, its headers and its
// value, and which events a match asks for.
//
// It guarantees that an event's id is derived from where it comes from and never random, so
// that whatever is sent twice can be told to be the same.
package feedback

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// Topics are the names of a pipeline's topics. Embed it with `envPrefix:"TOPIC_"`.
type Topics struct {
	Feedback      string `env:"FEEDBACK" envDefault:"feedback" help:"topic of events"`
	Scored        string `env:"SCORED" envDefault:"scored" help:"topic of scored events"`
	Notifications string `env:"NOTIFICATIONS" envDefault:"notifications" help:"compacted topic of what was told"`
	DeadLetters   string `env:"DEAD_LETTERS" envDefault:"dead-letters" help:"topic of records that cannot be handled"`
	State         string `env:"STATE" envDefault:"state" help:"compacted topic of checkpoints and health"`
}

// Format is how a value is encoded. Readers tell by the content-type header and take both.
type Format string

const (
	// Protobuf is the binary encoding; content-type application/protobuf.
	Protobuf Format = "Protobuf"
	// JSON is Protobuf's JSON mapping; content-type application/json.
	JSON Format = "JSON"
)

// Header names. The ce_ ones are CloudEvents' Kafka binary mode.
const (
	HeaderID          = "ce_id"
	HeaderSource      = "ce_source"
	HeaderType        = "ce_type"
	HeaderTime        = "ce_time"
	HeaderSpec        = "ce_specversion"
	HeaderContentType = "content-type"
	HeaderTrace       = "traceparent"
)

// Headers of a dead letter, beside those of the record itself.
const (
	HeaderReason    = "dead-letter-reason"
	HeaderError     = "dead-letter-error"
	HeaderTopic     = "dead-letter-topic"
	HeaderPartition = "dead-letter-partition"
	HeaderOffset    = "dead-letter-offset"
	HeaderAttempts  = "dead-letter-attempts"
)

const (
	contentProtobuf = "application/protobuf"
	contentJSON     = "application/json"
	typePrefix      = "dev.feedbackpipeline."
)

// ParseFormat takes Protobuf or JSON.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); f == Protobuf || f == JSON {
		return f, nil
	}
	return "", fmt.Errorf("format %q: set it to Protobuf or JSON", s)
}

// SlackID is the id of the message ts in the channel of the team.
func SlackID(team, channel, ts string) string { return "slack:" + team + ":" + channel + ":" + ts }

// XID is the id of the post whose edit history begins with firstID.
func XID(firstID string) string { return "x:" + firstID }

// NotificationKey is the key of what became of the event (or digest) on the route.
func NotificationKey(eventID, route string) string { return eventID + "/" + route }

// CheckpointKey is the key of a source's checkpoint in the state topic.
func CheckpointKey(source string) string { return "checkpoint/" + source }

// HealthKey is the key of an instance's health in the state topic.
func HealthKey(component, instance string) string { return "health/" + component + "/" + instance }

// BudgetKey is the key of what an instance of a component has taken of its component's budget, in the state topic.
func BudgetKey(component, instance string) string { return BudgetKeys(component) + instance }

// BudgetKeys is what the keys of all instances of a component begin with.
func BudgetKeys(component string) string { return "budget/" + component + "/" }

// EventRecord is the record of an event.
func EventRecord(topic string, f Format, e *feedbackv1.Event) (kafka.Record, error) {
	return record(topic, f, e.GetId(), e, "event.v1", e.GetSource(), revisionID(e), e.GetRevisedAt().AsTime())
}

// ScoredRecord is the record of a scored event.
func ScoredRecord(topic string, f Format, s *feedbackv1.ScoredEvent) (kafka.Record, error) {
	e := s.GetEvent()
	return record(topic, f, e.GetId(), s, "scored.v1", e.GetSource(), revisionID(e), s.GetScoredAt().AsTime())
}

// ScoredRecordOf is ScoredRecord for an event that was decoded from the record in. Where both are
// Protobuf the event's bytes are taken over as they are: that costs less than to encode them anew.
func ScoredRecordOf(in kafka.Record, topic string, f Format, s *feedbackv1.ScoredEvent) (kafka.Record, error) {
	if f != Protobuf || isJSON(in) {
		return ScoredRecord(topic, f, s)
	}
	value, err := appendScored(in.Value, s)
	if err != nil {
		return kafka.Record{}, fmt.Errorf("encode scored event for %s: %w", topic, err)
	}
	e := s.GetEvent()
	r := envelope(topic, e.GetId(), "scored.v1", e.GetSource(), revisionID(e), contentProtobuf, s.GetScoredAt().AsTime())
	r.Value = value
	return r, nil
}

// appendScored encodes s with the bytes of its event.
func appendScored(event []byte, s *feedbackv1.ScoredEvent) ([]byte, error) {
	const eventField = 1
	rest := &feedbackv1.ScoredEvent{Sentiment: s.GetSentiment(), ScoredAt: s.GetScoredAt()}
	size := protowire.SizeTag(eventField) + protowire.SizeBytes(len(event)) + proto.Size(rest)
	b := protowire.AppendTag(make([]byte, 0, size), eventField, protowire.BytesType)
	b = protowire.AppendBytes(b, event)
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, rest)
}

// NotificationRecord is the record of what became of an event or a digest on a route.
func NotificationRecord(topic string, f Format, n *feedbackv1.Notification) (kafka.Record, error) {
	id := n.GetEventId()
	if id == "" {
		id = n.GetDigestId()
	}
	key := NotificationKey(id, n.GetRoute())
	return record(topic, f, key, n, "notification.v1", n.GetRoute(), key+"@"+n.GetState().String(), n.GetObservedAt().AsTime())
}

// CheckpointRecord is the record of a source's checkpoint.
func CheckpointRecord(topic string, f Format, s *feedbackv1.SourceState) (kafka.Record, error) {
	key := CheckpointKey(s.GetSource())
	return record(topic, f, key, s, "checkpoint.v1", s.GetSource(), key, s.GetObservedAt().AsTime())
}

// HealthRecord is the record of an instance's health.
func HealthRecord(topic string, f Format, h *feedbackv1.Health) (kafka.Record, error) {
	key := HealthKey(h.GetComponent(), h.GetInstance())
	return record(topic, f, key, h, "health.v1", h.GetComponent(), key, h.GetObservedAt().AsTime())
}

// BudgetRecord is the record of what an instance of a component has taken of its component's budget.
func BudgetRecord(topic string, f Format, component, instance string, b *feedbackv1.Budget, at time.Time) (kafka.Record, error) {
	key := BudgetKey(component, instance)
	return record(topic, f, key, b, "budget.v1", component, key, at)
}

func revisionID(e *feedbackv1.Event) string {
	return e.GetId() + "@" + strconv.FormatUint(e.GetRevision(), 10)
}

func record(topic string, f Format, key string, m proto.Message, typ, source, id string, at time.Time) (kafka.Record, error) {
	value, content, err := encode(f, m)
	if err != nil {
		return kafka.Record{}, fmt.Errorf("encode %s for %s: %w", typ, topic, err)
	}
	r := envelope(topic, key, typ, source, id, content, at)
	r.Value = value
	return r, nil
}

// envelope is a record without its value. Its key and what its headers say lie in one piece of
// memory: records are made by the hundred thousand.
func envelope(topic, key, typ, source, id, content string, at time.Time) kafka.Record {
	const rest = len("1.0/") + len(typePrefix) + len(time.RFC3339Nano)
	buffer := make([]byte, 0, len(key)+len(typ)+len(source)+len(id)+len(content)+rest)
	put := func(parts ...string) []byte {
		from := len(buffer)
		for _, p := range parts {
			buffer = append(buffer, p...)
		}
		return buffer[from:len(buffer):len(buffer)]
	}
	r := kafka.Record{Topic: topic, Key: put(key), Headers: make([]kafka.Header, 0, 8)} // and two of a trace
	r.Headers = append(r.Headers,
		kafka.Header{Key: HeaderSpec, Value: put("1.0")},
		kafka.Header{Key: HeaderID, Value: put(id)},
		kafka.Header{Key: HeaderSource, Value: put("/", source)},
		kafka.Header{Key: HeaderType, Value: put(typePrefix, typ)},
		kafka.Header{Key: HeaderContentType, Value: put(content)},
		kafka.Header{Key: HeaderTime, Value: at.UTC().AppendFormat(buffer[len(buffer):], time.RFC3339Nano)},
	)
	return r
}

func encode(f Format, m proto.Message) ([]byte, string, error) {
	if f == JSON {
		b, err := protojson.Marshal(m)
		return b, contentJSON, err
	}
	b, err := proto.Marshal(m)
	return b, contentProtobuf, err
}

// DecodeEvent reads the value of a record of the feedback topic. An error means that
// reading it again cannot help.
func DecodeEvent(r kafka.Record) (*feedbackv1.Event, error) {
	e := &feedbackv1.Event{}
	if err := decode(r, e); err != nil {
		return nil, err
	}
	return e, checkEvent(e)
}

// checkEvent refuses what no reader could use or write again.
func checkEvent(e *feedbackv1.Event) error {
	if e.GetId() == "" {
		return errors.New("decode event: no id")
	}
	return checkTimes(instant{"created_at", e.GetCreatedAt()}, instant{"revised_at", e.GetRevisedAt()}, instant{"ingested_at", e.GetIngestedAt()})
}

// instant is a field that is a time.
type instant struct {
	field string
	at    *timestamppb.Timestamp
}

// checkTimes refuses times that lie outside of the years 1 to 9999; a missing one is fine.
func checkTimes(times ...instant) error {
	for _, t := range times {
		if t.at == nil {
			continue
		}
		if err := t.at.CheckValid(); err != nil {
			return fmt.Errorf("decode: %s is no time: %w", t.field, err)
		}
	}
	return nil
}

// DecodeScored reads the value of a record of the scored topic.
func DecodeScored(r kafka.Record) (*feedbackv1.ScoredEvent, error) {
	s := &feedbackv1.ScoredEvent{}
	if err := decode(r, s); err != nil {
		return nil, err
	}
	if v := s.GetSentiment(); v != nil && v.Score != nil && !(*v.Score >= 0 && *v.Score <= 1) {
		return nil, fmt.Errorf("decode scored event: the score %v lies not between 0 and 1", *v.Score)
	}
	if err := checkTimes(instant{"scored_at", s.GetScoredAt()}); err != nil {
		return nil, err
	}
	return s, checkEvent(s.GetEvent())
}

// DecodeNotification reads the value of a record of the notifications topic.
func DecodeNotification(r kafka.Record) (*feedbackv1.Notification, error) {
	n := &feedbackv1.Notification{}
	if err := decode(r, n); err != nil {
		return nil, err
	}
	return n, checkTimes(instant{"observed_at", n.GetObservedAt()}, instant{"created_at", n.GetCreatedAt()}, instant{"lease_until", n.GetLeaseUntil()})
}

// DecodeSourceState reads the value of a checkpoint.
func DecodeSourceState(r kafka.Record) (*feedbackv1.SourceState, error) {
	s := &feedbackv1.SourceState{}
	return s, decode(r, s)
}

// DecodeHealth reads the value of an instance's health.
func DecodeHealth(r kafka.Record) (*feedbackv1.Health, error) {
	h := &feedbackv1.Health{}
	return h, decode(r, h)
}

// DecodeBudget reads the value of a component's budget.
func DecodeBudget(r kafka.Record) (*feedbackv1.Budget, error) {
	b := &feedbackv1.Budget{}
	return b, decode(r, b)
}

func decode(r kafka.Record, m proto.Message) error {
	var err error
	switch {
	case len(r.Value) == 0:
		return fmt.Errorf("decode %s: the value is empty", m.ProtoReflect().Descriptor().Name())
	case isJSON(r):
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(r.Value, m)
	default:
		err = proto.Unmarshal(r.Value, m)
	}
	if err != nil {
		return fmt.Errorf("decode %s of %d bytes: %w", m.ProtoReflect().Descriptor().Name(), len(r.Value), err)
	}
	return nil
}

// isJSON tells by its content-type whether the value is JSON; else it is Protobuf.
func isJSON(r kafka.Record) bool {
	for _, h := range r.Headers {
		if h.Key == HeaderContentType {
			content, _, _ := bytes.Cut(h.Value, []byte(";"))
			return string(content) == contentJSON
		}
	}
	return false
}

// Header returns the value of the record's header, "" if it has none of that name.
func Header(r kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// maxDeadLetter is how much of a record's value a dead letter keeps: a record that is too
// large for its topic would be too large for the dead letters as well.
const maxDeadLetter = 900_000

// DeadLetter is the record that keeps r, which cannot be handled, with why and where from:
// r as it was, and headers for the reason (a word), the error, its origin and the attempts.
// Of a value over 900,000 bytes it keeps the head.
func DeadLetter(topic string, r kafka.Record, reason string, cause error, attempts int) kafka.Record {
	text := cause.Error()
	if len(text) > 1000 {
		text = text[:1000] + "…"
	}
	headers := slices.Concat(r.Headers, []kafka.Header{
		{Key: HeaderReason, Value: []byte(reason)},
		{Key: HeaderError, Value: []byte(text)},
		{Key: HeaderTopic, Value: []byte(r.Topic)},
		{Key: HeaderPartition, Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
		{Key: HeaderOffset, Value: strconv.AppendInt(nil, r.Offset, 10)},
		{Key: HeaderAttempts, Value: strconv.AppendInt(nil, int64(attempts), 10)},
	})
	return kafka.Record{Topic: topic, Key: r.Key, Value: r.Value[:min(len(r.Value), maxDeadLetter)], Headers: headers}
}
