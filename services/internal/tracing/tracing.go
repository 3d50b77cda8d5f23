// Package tracing follows an event from its source to the people who are told: OpenTelemetry
// spans by the semantic conventions for messaging, and their context in Kafka's headers.
//
// An event has one trace: `send feedback` by its source, `send scored` by the scorer, `post` by
// the notifier, each a child of the one before. What is done with many events at once, a batch
// or a digest, has a trace of its own with a link to each of theirs.
//
// It guarantees that no span holds what somebody said, who said it, or a token; and that a nil
// *Tracer, which is what a service has while tracing is off, does nothing, allocates nothing and
// adds no header.
package tracing

import (
	"context"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"

// headerState is W3C's tracestate; traceparent is feedback.HeaderTrace.
const headerState = "tracestate"

// Attributes beside those of the semantic conventions.
const (
	// KeySource is the name of the source of an event.
	KeySource = attribute.Key("feedback.source")
	// KeyDeadLetter is the reason of a dead letter.
	KeyDeadLetter = attribute.Key("feedback.dead_letter.reason")
	// KeyRoute is the route that tells.
	KeyRoute = attribute.Key("feedback.route")
	// KeyMethod is the method of Slack's Web API, KeyChannel the channel's id and KeyTS the
	// message's timestamp there, which is its id.
	KeyMethod  = attribute.Key("slack.method")
	KeyChannel = attribute.Key("slack.channel.id")
	KeyTS      = attribute.Key("slack.message.ts")
)

// Write writes records and returns when they are acknowledged; kafka.Client's Write is one.
type Write = func(ctx context.Context, recs ...kafka.Record) error

// Tracer makes the spans of one service. A nil one makes none.
type Tracer struct{ t trace.Tracer }

// New returns a tracer; nil for nil, which is run.Process's Traces while tracing is off.
func New(p trace.TracerProvider) *Tracer {
	if p == nil {
		return nil
	}
	return &Tracer{p.Tracer(Scope, trace.WithSchemaURL(semconv.SchemaURL))}
}

// Of gives the trace context that stands in the record's headers; it is not valid where there
// is none, nor from a nil t.
func (t *Tracer) Of(r kafka.Record) trace.SpanContext {
	if t == nil {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(within(r))
}

// Sending returns write with a span around each record, which begins its trace or goes on with
// the one in its headers. The records that write gets are copies whose headers hold the span's
// context. It returns write itself for a nil t.
func (t *Tracer) Sending(write Write) Write {
	if t == nil {
		return write
	}
	return func(ctx context.Context, recs ...kafka.Record) error {
		recs = slices.Clone(recs)
		spans := t.send(recs, trace.SpanContext{})
		err := write(ctx, recs...)
		end(spans, err)
		return err
	}
}

// send begins the span of each record and puts its context into the headers. by, if valid, is
// the span of the batch that the records come from.
func (t *Tracer) send(recs []kafka.Record, by trace.SpanContext) []trace.Span {
	spans := make([]trace.Span, len(recs))
	for i := range recs {
		r := &recs[i]
		attrs := append(destination(r.Topic, "send"), semconv.MessagingOperationTypeSend, semconv.MessagingKafkaMessageKey(string(r.Key)))
		if source := feedback.Header(*r, feedback.HeaderSource); len(source) > 1 {
			attrs = append(attrs, KeySource.String(source[1:]))
		}
		opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer)}
		if by.IsSampled() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: by}))
		}
		reason := feedback.Header(*r, feedback.HeaderReason)
		if reason != "" {
			attrs = append(attrs, KeyDeadLetter.String(reason))
		}
		ctx, span := t.t.Start(within(*r), "send "+r.Topic, append(opts, trace.WithAttributes(attrs...))...)
		if reason != "" {
			fail(span, reason)
		}
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h kafka.Header) bool { return h.Key == feedback.HeaderTrace || h.Key == headerState })
		propagation.TraceContext{}.Inject(ctx, carrier{&r.Headers})
		spans[i] = span
	}
	return spans
}

// end ends the spans of a write; err tells which failed.
func end(spans []trace.Span, err error) {
	failed := kafka.Failed(err, len(spans))
	for _, i := range failed {
		fail(spans[i], "not_acknowledged")
	}
	for _, s := range spans {
		s.End()
	}
}

// fail marks a span as failed by one word: an error's text might quote what was said.
func fail(s trace.Span, reason string) {
	s.SetAttributes(semconv.ErrorTypeKey.String(reason))
	s.SetStatus(codes.Error, reason)
}

// within is a context in which spans go on with the record's trace.
func within(r kafka.Record) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), carrier{&r.Headers})
}

// destination are the attributes that every span around Kafka has.
func destination(topic, operation string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKafka, semconv.MessagingDestinationName(topic), semconv.MessagingOperationName(operation),
	}
}

// carrier reads and writes a record's headers.
type carrier struct{ headers *[]kafka.Header }

// Get returns the header's value, "" if there is none.
func (c carrier) Get(key string) string {
	return feedback.Header(kafka.Record{Headers: *c.headers}, key)
}

// Set appends a header.
func (c carrier) Set(key, value string) {
	*c.headers = append(*c.headers, kafka.Header{Key: key, Value: []byte(value)})
}

// Keys lists the headers' names.
func (c carrier) Keys() []string {
	out := make([]string, 0, len(*c.headers))
	for _, h := range *c.headers {
		out = append(out, h.Key)
	}
	return out
}

// Batch is the span of one batch of records: of its handling, and of writing what it produced.
// A nil one does nothing.
type Batch struct {
	t      *Tracer
	span   trace.Span
	linked int
	sent   []trace.Span
}

// Process begins the span of a batch that a member of the group handles, in a trace of its own
// with links to those of its records. The context is for the handler.
func (t *Tracer) Process(ctx context.Context, group, topic string, batch []kafka.Record) (context.Context, *Batch) {
	if t == nil {
		return ctx, nil
	}
	attrs := append(destination(topic, "process"), semconv.MessagingOperationTypeProcess, semconv.MessagingConsumerGroupName(group))
	ctx, span := t.t.Start(ctx, "process "+topic, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attrs...), trace.WithLinks(links(batch)...))
	return ctx, &Batch{t: t, span: span, linked: len(batch)}
}

// links are links to the records' traces, with their places; those that are not sampled lead
// nowhere.
func links(batch []kafka.Record) []trace.Link {
	var out []trace.Link
	for i := range batch {
		r := &batch[i]
		if sc := trace.SpanContextFromContext(within(*r)); sc.IsSampled() {
			out = append(out, trace.Link{SpanContext: sc, Attributes: []attribute.KeyValue{
				semconv.MessagingDestinationPartitionID(strconv.Itoa(r.Partition)), semconv.MessagingKafkaOffset(int(r.Offset)),
			}})
		}
	}
	return out
}

// Send begins a span for each record that is to be written, within the trace in its headers, and
// puts its context there in their place.
func (b *Batch) Send(out []kafka.Record) {
	if b != nil {
		b.sent = b.t.send(out, b.span.SpanContext())
	}
}

// End ends the batch's span and those of Send. batch is what was handled in the end: more than
// it began with if further records were taken. err is why it was left to the next owner.
func (b *Batch) End(batch []kafka.Record, err error) {
	if b == nil {
		return
	}
	for _, l := range links(batch[min(b.linked, len(batch)):]) {
		b.span.AddLink(l)
	}
	b.span.SetAttributes(semconv.MessagingBatchMessageCount(len(batch)))
	end(b.sent, err)
	if err != nil {
		fail(b.span, "left_to_next_owner")
	}
	b.span.End()
}
