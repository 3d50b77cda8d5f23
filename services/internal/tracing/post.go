package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// Post is the span of one request that tells people of events. A nil one does nothing.
type Post struct{ span trace.Span }

// Post begins the span of a message of the route that tells events of these contexts: of one by
// itself within its trace, with links to those that it counts besides; a digest in a trace of its
// own with links to all.
func (t *Tracer) Post(ctx context.Context, route, method string, digest bool, events ...trace.SpanContext) (context.Context, *Post) {
	if t == nil {
		return ctx, nil
	}
	opts := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(KeyRoute.String(route), KeyMethod.String(method)),
	}
	switch {
	case digest || len(events) == 0:
		opts = append(opts, trace.WithNewRoot())
	default:
		ctx = trace.ContextWithRemoteSpanContext(ctx, events[0])
		events = events[1:]
	}
	for _, sc := range events {
		if sc.IsSampled() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
		}
	}
	ctx, span := t.t.Start(ctx, "post", opts...)
	return ctx, &Post{span}
}

// End ends the span: the channel's id and where the message stands there, or in one word why it
// does not.
func (p *Post) End(channel, ts, reason string) {
	if p == nil {
		return
	}
	p.span.SetAttributes(KeyChannel.String(channel))
	if ts != "" {
		p.span.SetAttributes(KeyTS.String(ts))
	}
	if reason != "" {
		fail(p.span, reason)
	}
	p.span.End()
}
