package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/feedback-pipelines/feedback-pipelines/proto/version"
)

const (
	// maxLinks is how many links a span may have unless OTEL_SPAN_LINK_COUNT_LIMIT says so: as
	// many as the largest digest tells events.
	maxLinks = 5000
	// exportGrace is what the last spans get to leave at a stop.
	exportGrace = 2 * time.Second
	// exportQuiet is the least time between two words in the log of an export that fails.
	exportQuiet = time.Minute
)

// traces is the OpenTelemetry set-up of a process; nil while tracing is off.
type traces struct{ provider *sdktrace.TracerProvider }

// newTraces sets tracing up as OpenTelemetry's standard variables say. It is off, and costs
// nothing, unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set; and
// with OTEL_SDK_DISABLED=true or OTEL_TRACES_EXPORTER=none. OTEL_EXPORTER_OTLP_PROTOCOL is
// http/protobuf, the default, or grpc. The rest (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_*) the SDK reads from the process itself.
func newTraces(ctx context.Context, name string, c *Config, environ []string, log *slog.Logger) (*traces, error) {
	vars := env.ToMap(environ)
	field, endpoint := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", vars["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
	if endpoint == "" {
		field, endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT", vars["OTEL_EXPORTER_OTLP_ENDPOINT"]
	}
	if endpoint == "" || strings.EqualFold(vars["OTEL_SDK_DISABLED"], "true") || vars["OTEL_TRACES_EXPORTER"] == "none" {
		return nil, nil
	}
	if e := vars["OTEL_TRACES_EXPORTER"]; e != "" && e != "otlp" {
		return nil, Invalid("OTEL_TRACES_EXPORTER", e, "set it to otlp or none")
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, Invalid(field, Secret(endpoint), "write it as a URL such as http://localhost:4318")
	}
	exporter, err := newExporter(ctx, vars)
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(&exportErrors{log: log})
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	log.Info("traces are exported", "to", u.Host)
	limits := sdktrace.NewSpanLimits()
	if vars["OTEL_SPAN_LINK_COUNT_LIMIT"] == "" {
		limits.LinkCountLimit = maxLinks
	}
	return &traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithRawSpanLimits(limits), sdktrace.WithResource(newResource(ctx, name, c)))}, nil
}

func newExporter(ctx context.Context, vars map[string]string) (sdktrace.SpanExporter, error) {
	field, protocol := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", vars["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]
	if protocol == "" {
		field, protocol = "OTEL_EXPORTER_OTLP_PROTOCOL", vars["OTEL_EXPORTER_OTLP_PROTOCOL"]
	}
	var client otlptrace.Client
	switch protocol {
	case "", "http/protobuf":
		client = otlptracehttp.NewClient()
	case "grpc":
		client = otlptracegrpc.NewClient()
	default:
		return nil, Invalid(field, protocol, "set it to http/protobuf or grpc")
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("export traces (OTEL_EXPORTER_OTLP_*): %w", err)
	}
	return exporter, nil
}

// newResource says whose spans these are; the environment's word on it wins.
func newResource(ctx context.Context, name string, c *Config) *resource.Resource {
	r, err := resource.New(ctx,
		resource.WithAttributes(
			semconv.ServiceName(name), semconv.ServiceNamespace(c.Pipeline),
			semconv.ServiceInstanceID(c.Instance), semconv.ServiceVersion(version.Read().Version),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		otel.Handle(err) // of OTEL_RESOURCE_ATTRIBUTES; what could be read stands
	}
	return r
}

// tracerProvider is nil while tracing is off.
func (t *traces) tracerProvider() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.provider
}

// close exports what is left, for exportGrace at most.
func (t *traces) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportGrace)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// exportErrors logs that spans cannot be exported, now and then: nothing waits for it.
type exportErrors struct {
	log *slog.Logger

	mu   sync.Mutex
	said time.Time
}

// Handle logs err unless one was logged within the last minute. An address may bear a user's
// password, so that of an error around one only the cause is shown.
func (e *exportErrors) Handle(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.said) < exportQuiet {
		return
	}
	e.said = time.Now()
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	e.log.Warn("traces cannot be exported; spans are lost, feedback is not", "error", err)
}
