package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
)

func recorder(opts ...sdktrace.TracerProviderOption) (*tracing.Tracer, *tracetest.InMemoryExporter) {
	memory := tracetest.NewInMemoryExporter()
	return tracing.New(sdktrace.NewTracerProvider(append(opts, sdktrace.WithSyncer(memory))...)), memory
}

// named are the spans of that name.
func named(spans tracetest.SpanStubs, name string) tracetest.SpanStubs {
	var out tracetest.SpanStubs
	for _, s := range spans {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

func value(s tracetest.SpanStub, key attribute.Key) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

func linked(s tracetest.SpanStub, to trace.SpanContext) bool {
	for _, l := range s.Links {
		if l.SpanContext.SpanID() == to.SpanID() && l.SpanContext.TraceID() == to.TraceID() {
			return true
		}
	}
	return false
}

// TestATraceFollowsAnEvent sends three events, of which one cannot be handled, through the real
// loop on a broker, and posts one of them by itself and both as a digest.
func TestATraceFollowsAnEvent(t *testing.T) {
	tr, memory := recorder()
	b := kafkatest.Embedded(t)
	in, out, dead := b.Topic(t, 1), b.Topic(t, 1), b.Topic(t, 1)
	c := b.Client(t)
	events := []kafka.Record{
		{Topic: in, Key: []byte("x:1"), Value: []byte("the text"), Headers: []kafka.Header{{Key: feedback.HeaderSource, Value: []byte("/mentions")}}},
		{Topic: in, Key: []byte("x:2"), Value: []byte("the text")},
		{Topic: in, Key: []byte("x:3"), Value: []byte("the text")},
	}
	if err := tr.Sending(c.Write)(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	if len(events[0].Headers) != 1 {
		t.Errorf("the caller's record has headers %v, want it untouched", events[0].Headers)
	}
	through(t, tr, c, in, out, dead)

	told := read(t, c, out)
	contexts := []trace.SpanContext{tr.Of(told[0]), tr.Of(told[1])}
	_, post := tr.Post(t.Context(), "negative", "chat.postMessage", false, contexts[0])
	post.End("C1", "1.5", "")
	_, digest := tr.Post(t.Context(), "positive", "chat.postMessage", true, contexts...)
	digest.End("C2", "", "RateLimited")

	spans := memory.GetSpans()
	sent, scored, process, posts := named(spans, "send "+in), named(spans, "send "+out), named(spans, "process "+in), named(spans, "post")
	letters := named(spans, "send "+dead)
	if len(sent) != 3 || len(scored) != 2 || len(process) != 1 || len(posts) != 2 || len(letters) != 1 {
		t.Fatalf("spans: %d sent, %d scored, %d batches, %d posts, %d dead letters, want 3, 2, 1, 2, 1", len(sent), len(scored), len(process), len(posts), len(letters))
	}
	for _, s := range append(named(spans, "send "+out), letters...) {
		if s.Parent.TraceID() != s.SpanContext.TraceID() || !linked(s, process[0].SpanContext) {
			t.Errorf("%s of %s: it is not within its event's trace, or has no link to its batch", s.Name, value(s, "messaging.kafka.message.key"))
		}
	}
	for i, s := range sent {
		if s.SpanContext.TraceID() == process[0].SpanContext.TraceID() || !linked(process[0], s.SpanContext) {
			t.Errorf("the batch does not link to event %d", i)
		}
	}
	if got, want := posts[0].SpanContext.TraceID(), sent[0].SpanContext.TraceID(); got != want {
		t.Errorf("the post is of trace %s, want the event's %s", got, want)
	}
	if posts[0].Parent.SpanID() != scored[0].SpanContext.SpanID() || scored[0].Parent.SpanID() != sent[0].SpanContext.SpanID() {
		t.Error("want send feedback > send scored > post, each the parent of the next")
	}
	if d := posts[1]; len(d.Links) != 2 || !linked(d, contexts[0]) || !linked(d, contexts[1]) || d.Parent.IsValid() {
		t.Errorf("the digest has parent %v and links %v, want none and two", d.Parent, d.Links)
	}
	checkAttributes(t, sent[0], process[0], letters[0], posts[0], posts[1])
	if letter := read(t, c, dead)[0]; tr.Of(letter).TraceID() != sent[1].SpanContext.TraceID() {
		t.Error("the dead letter lost its event's trace")
	}
}

func checkAttributes(t *testing.T, sent, process, letter, post, digest tracetest.SpanStub) {
	t.Helper()
	for _, c := range []struct {
		span tracetest.SpanStub
		key  attribute.Key
		want string
	}{
		{sent, "messaging.system", "kafka"}, {sent, "messaging.operation.type", "send"}, {sent, "messaging.kafka.message.key", "x:1"},
		{sent, tracing.KeySource, "mentions"}, {process, "messaging.operation.type", "process"},
		{process, "messaging.batch.message_count", "3"}, {process, "messaging.consumer.group.name", "g"},
		{letter, tracing.KeyDeadLetter, "Permanent"}, {letter, "error.type", "Permanent"},
		{post, tracing.KeyMethod, "chat.postMessage"}, {post, tracing.KeyChannel, "C1"}, {post, tracing.KeyTS, "1.5"},
		{post, tracing.KeyRoute, "negative"}, {digest, "error.type", "RateLimited"},
	} {
		if got := value(c.span, c.key); got != c.want {
			t.Errorf("%s: %s = %q, want %q", c.span.Name, c.key, got, c.want)
		}
	}
	offsets := ""
	for _, l := range process.Links {
		set := attribute.NewSet(l.Attributes...)
		offsets += set.Encoded(attribute.DefaultEncoder()) + ";"
	}
	if want := "messaging.destination.partition.id=0,messaging.kafka.offset=0;messaging.destination.partition.id=0,messaging.kafka.offset=1;messaging.destination.partition.id=0,messaging.kafka.offset=2;"; offsets != want {
		t.Errorf("links are to %s, want %s", offsets, want)
	}
	// Nobody's words: neither the value nor an error's text.
	if all := fmt.Sprintf("%+v %+v %+v", sent, process, letter); strings.Contains(all, "the text") {
		t.Errorf("a span holds what was said: %s", all)
	}
}

// through runs the loop until it has handled what is in the topic. Record x:2 fails, with an
// error that quotes it.
func through(t *testing.T, tr *tracing.Tracer, c *kafka.Client, in, out, dead string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := &stream.Loop{
		Consume: c.Consume, DeadLetters: dead, Log: slog.New(slog.DiscardHandler), Traces: tr,
		Subscription: kafka.Subscription{Group: "g", Topic: in},
		Write: func(ctx context.Context, recs ...kafka.Record) error {
			defer cancel()
			return c.Write(ctx, recs...)
		},
		Handle: func(_ context.Context, recs []kafka.Record) ([]kafka.Record, error) {
			var made []kafka.Record
			for _, r := range recs {
				if string(r.Key) == "x:2" {
					return nil, stream.Permanent(fmt.Errorf("cannot read %q", r.Value))
				}
				made = append(made, kafka.Record{Topic: out, Key: r.Key, Value: r.Value, Headers: r.Headers})
			}
			return made, nil
		},
	}
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c *kafka.Client, topic string) []kafka.Record {
	t.Helper()
	var out []kafka.Record
	if err := c.Scan(t.Context(), topic, func(r kafka.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnUnsampledEventStaysUnsampled(t *testing.T) {
	tr, memory := recorder(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())))
	var sent []kafka.Record
	keep := func(_ context.Context, recs ...kafka.Record) error { sent = append(sent, recs...); return nil }
	if err := tr.Sending(keep)(t.Context(), kafka.Record{Topic: "feedback"}); err != nil {
		t.Fatal(err)
	}
	all, spans := recorder() // a scorer that would sample everything
	if err := all.Sending(keep)(t.Context(), sent[0]); err != nil {
		t.Fatal(err)
	}
	if n := len(memory.GetSpans()) + len(spans.GetSpans()); n != 0 {
		t.Errorf("%d spans of an event that its source did not sample, want none", n)
	}
	if got, want := all.Of(sent[1]).TraceID(), tr.Of(sent[0]).TraceID(); got != want || got == (trace.TraceID{}) {
		t.Errorf("trace %s after the second hop, want %s", got, want)
	}
	if n := strings.Count(fmt.Sprint(sent[1].Headers), feedback.HeaderTrace); n != 1 {
		t.Errorf("%d traceparent headers after two hops, want one", n)
	}
}

func TestTraceStateAndOtherHeadersAreKept(t *testing.T) {
	tr, _ := recorder()
	r := kafka.Record{Headers: []kafka.Header{
		{Key: "ce_id", Value: []byte("1")},
		{Key: feedback.HeaderTrace, Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		{Key: "tracestate", Value: []byte("vendor=1")},
	}}
	var got kafka.Record
	_ = tr.Sending(func(_ context.Context, recs ...kafka.Record) error { got = recs[0]; return nil })(t.Context(), r)
	if tr.Of(got).TraceState().Get("vendor") != "1" || feedback.Header(got, "ce_id") != "1" || tr.Of(got).TraceID() != tr.Of(r).TraceID() {
		t.Errorf("headers %v, want the trace, its state and ce_id kept", got.Headers)
	}
	if tr.Of(got).SpanID() == tr.Of(r).SpanID() {
		t.Error("the header still names the span before")
	}
}

func TestAWriteThatFailsMarksWhatFailed(t *testing.T) {
	tr, memory := recorder()
	_ = tr.Sending(func(context.Context, ...kafka.Record) error {
		return &kafka.WriteError{Failed: []int{1}, Err: errors.New("gone")}
	})(t.Context(), kafka.Record{Topic: "a"}, kafka.Record{Topic: "b"})
	spans := memory.GetSpans()
	if got := value(spans[0], "error.type") + "|" + value(spans[1], "error.type"); got != "|not_acknowledged" {
		t.Errorf("errors %q, want the second alone to have failed", got)
	}
}

func TestOffCostsNothing(t *testing.T) {
	off := tracing.New(nil)
	recs := []kafka.Record{{Topic: "feedback", Key: []byte("x:1")}}
	ctx := t.Context()
	write := off.Sending(func(context.Context, ...kafka.Record) error { return nil })
	allocs := testing.AllocsPerRun(100, func() {
		_, batch := off.Process(ctx, "g", "feedback", recs)
		batch.Send(recs)
		batch.End(recs, nil)
		_ = off.Of(recs[0])
		_, post := off.Post(ctx, "negative", "chat.postMessage", false)
		post.End("C", "1", "")
		_ = write(ctx, recs...)
	})
	if allocs != 0 || len(recs[0].Headers) != 0 {
		t.Errorf("%v allocations and headers %v while tracing is off, want none", allocs, recs[0].Headers)
	}
}

// BenchmarkBatch is what tracing adds to a batch of 100 records.
func BenchmarkBatch(b *testing.B) {
	sampled := func(s sdktrace.Sampler) *tracing.Tracer {
		return tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSampler(s), sdktrace.WithBatcher(tracetest.NewNoopExporter(), sdktrace.WithBatchTimeout(time.Second))))
	}
	for _, c := range []struct {
		name string
		t    *tracing.Tracer
	}{{"off", nil}, {"sampled=0", sampled(sdktrace.ParentBased(sdktrace.NeverSample()))}, {"sampled=1", sampled(sdktrace.ParentBased(sdktrace.AlwaysSample()))}} {
		b.Run(c.name, func(b *testing.B) {
			recs, ctx := make([]kafka.Record, 100), context.Background()
			for i := range recs {
				recs[i] = kafka.Record{Topic: "feedback", Key: fmt.Append(nil, i)}
			}
			_ = c.t.Sending(func(_ context.Context, sent ...kafka.Record) error { copy(recs, sent); return nil })(ctx, recs...)
			out := make([]kafka.Record, len(recs))
			b.ReportAllocs()
			for b.Loop() {
				copy(out, recs)
				_, batch := c.t.Process(ctx, "g", "feedback", recs)
				batch.Send(out)
				batch.End(recs, nil)
			}
		})
	}
}
