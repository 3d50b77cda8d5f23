package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// entry is a record as far as it could be understood.
type entry struct {
	record kafka.Record
	// value is an Event, ScoredEvent, Notification, SourceState, Budget or Health; nil for a record
	// without a value (a deletion in a compacted topic) and for one that cannot be decoded.
	value proto.Message
	// dead is set for a dead letter; value is then that of the record that could not be
	// handled, if it can be decoded at all.
	dead bool
	// err is why the value could not be decoded.
	err error
}

// newEntry decodes a record by its CloudEvents type, and without one by the topic's short
// name.
func newEntry(r kafka.Record, short string) entry {
	e := entry{record: r, dead: feedback.Header(r, feedback.HeaderReason) != ""}
	if len(r.Value) == 0 {
		return e
	}
	decode, known := decoders[feedback.Header(r, feedback.HeaderType)]
	if !known {
		decode, known = decoders[typeOf(short, string(r.Key))]
	}
	if !known {
		e.err = fmt.Errorf("the record bears no type (header %s) that is known", feedback.HeaderType)
		return e
	}
	value, err := decode(r)
	if err != nil {
		e.err = err
		return e
	}
	e.value = value
	return e
}

// decoders are those of the values by CloudEvents type.
var decoders = map[string]func(kafka.Record) (proto.Message, error){
	"dev.feedbackpipeline.event.v1":        decoder(feedback.DecodeEvent),
	"dev.feedbackpipeline.scored.v1":       decoder(feedback.DecodeScored),
	"dev.feedbackpipeline.notification.v1": decoder(feedback.DecodeNotification),
	"dev.feedbackpipeline.checkpoint.v1":   decoder(feedback.DecodeSourceState),
	"dev.feedbackpipeline.budget.v1":       decoder(feedback.DecodeBudget),
	"dev.feedbackpipeline.health.v1":       decoder(feedback.DecodeHealth),
}

func decoder[M proto.Message](f func(kafka.Record) (M, error)) func(kafka.Record) (proto.Message, error) {
	return func(r kafka.Record) (proto.Message, error) { return f(r) }
}

// typeOf is the CloudEvents type of what stands in a topic under a key.
func typeOf(short, key string) string {
	switch {
	case short == "feedback":
		return "dev.feedbackpipeline.event.v1"
	case short == "scored", short == shadowTopic:
		return "dev.feedbackpipeline.scored.v1"
	case short == "notifications":
		return "dev.feedbackpipeline.notification.v1"
	case short == "state" && strings.HasPrefix(key, "checkpoint/"):
		return "dev.feedbackpipeline.checkpoint.v1"
	case short == "state" && strings.HasPrefix(key, "budget/"):
		return "dev.feedbackpipeline.budget.v1"
	case short == "state" && strings.HasPrefix(key, "health/"):
		return "dev.feedbackpipeline.health.v1"
	}
	return ""
}

// event is the event that the entry is about, or nil.
func (e entry) event() *feedbackv1.Event {
	switch v := e.value.(type) {
	case *feedbackv1.Event:
		return v
	case *feedbackv1.ScoredEvent:
		return v.GetEvent()
	}
	return nil
}

// scored is the entry as a scored event, an event as one without a score; nil if it is neither.
func (e entry) scored() *feedbackv1.ScoredEvent {
	event := e.event()
	if event == nil {
		return nil
	}
	if s, ok := e.value.(*feedbackv1.ScoredEvent); ok && s.GetSentiment() != nil {
		return s
	}
	return &feedbackv1.ScoredEvent{Event: event, Sentiment: &feedbackv1.Sentiment{}}
}

// entryLine is a line of tail -o json.
type entryLine struct {
	Topic     string            `json:"topic"`
	Partition int               `json:"partition"`
	Offset    int64             `json:"offset"`
	Time      time.Time         `json:"time"`
	Key       string            `json:"key"`
	Headers   map[string]string `json:"headers,omitempty"`
	// Value is the decoded value in Protobuf's JSON mapping; null for a deleted key.
	Value json.RawMessage `json:"value"`
	// Error is why there is no value, Raw the value's bytes then (base64).
	Error string `json:"error,omitempty"`
	Raw   []byte `json:"raw,omitempty"`
}

// line returns the entry as it stands in JSON.
func (e entry) line() (entryLine, error) {
	r := e.record
	l := entryLine{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time.UTC(),
		Key: string(r.Key), Value: json.RawMessage("null"),
	}
	for _, h := range r.Headers {
		if l.Headers == nil {
			l.Headers = map[string]string{}
		}
		l.Headers[h.Key] = string(h.Value)
	}
	var err error
	switch {
	case e.err != nil:
		l.Error, l.Raw = e.err.Error(), r.Value
	case e.value != nil:
		l.Value, err = valueJSON(e.value)
	}
	return l, err
}

// valueJSON is a value in Protobuf's JSON mapping, without white space.
func valueJSON(m proto.Message) (json.RawMessage, error) {
	value, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var compact bytes.Buffer // protojson varies its white space on purpose
	err = json.Compact(&compact, value)
	return compact.Bytes(), err
}
