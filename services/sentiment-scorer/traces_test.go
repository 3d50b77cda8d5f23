package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// receiver takes spans by OTLP over HTTP, as a collector does.
type receiver struct {
	mu       sync.Mutex
	requests []*collector.ExportTraceServiceRequest
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	got := &collector.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, got); err != nil || req.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, got)
}

// spans are those of the name, and who sent them.
func (r *receiver) spans(name string) (out []*otlp.Span, resource string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, req := range r.requests {
		for _, rs := range req.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					if s.GetName() == name {
						out, resource = append(out, s), rs.GetResource().String()
					}
				}
			}
		}
	}
	return out, resource
}

// TestProcessExportsTraces has a real process send its spans to a collector.
func TestProcessExportsTraces(t *testing.T) {
	r := &receiver{}
	server := httptest.NewServer(r)
	defer server.Close()
	p := startProcess(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL)
	eventually(t, "readiness", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
	const trace = "0af7651916cd43dd8448eb211c80319c"
	record, err := feedback.EventRecord(p.topics.Feedback, feedback.Protobuf, &feedbackv1.Event{
		Id: "slack:T:C:1", Source: "community", Text: "I love secrets", Author: &feedbackv1.Author{DisplayName: "Rosalind"},
	})
	if err != nil {
		t.Fatal(err)
	}
	record.Headers = append(record.Headers, kafka.Header{Key: feedback.HeaderTrace, Value: []byte("00-" + trace + "-b7ad6b7169203331-01")})
	if err := p.client.Write(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	eventually(t, "scored event", func() bool { return len(p.scan(t, p.topics.Scored)) == 1 })
	p.checkGRPC(t)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("exit: %v, want status 0", err)
	}
	sent, resource := r.spans("send t.scored")
	batches, _ := r.spans("process t.feedback")
	if len(sent) != 1 || hex.EncodeToString(sent[0].GetTraceId()) != trace || hex.EncodeToString(sent[0].GetParentSpanId()) != "b7ad6b7169203331" {
		t.Fatalf("send t.scored: %v, want one span below the event's", sent)
	}
	if len(batches) != 1 || len(batches[0].GetLinks()) != 1 || hex.EncodeToString(batches[0].GetLinks()[0].GetTraceId()) != trace {
		t.Errorf("process t.feedback: %v, want one with a link to the event", batches)
	}
	if calls, _ := r.spans("feedback.v1.SentimentScorerService/Score"); len(calls) != 1 {
		t.Errorf("%d spans of requests by gRPC, want 1", len(calls))
	}
	for _, want := range []string{"sentiment-scorer", "default/local", "one"} {
		if !strings.Contains(resource, `"`+want+`"`) {
			t.Errorf("the resource does not name %s: %s", want, resource)
		}
	}
	if header := feedback.Header(p.scan(t, p.topics.Scored)[0], feedback.HeaderTrace); header != fmt.Sprintf("00-%s-%x-01", trace, sent[0].GetSpanId()) {
		t.Errorf("the scored event's traceparent = %s, want its span's", header)
	}
	if all := fmt.Sprint(r.requests); strings.Contains(all, "love") || strings.Contains(all, "Rosalind") {
		t.Errorf("a span holds what was said, or who said it: %s", all)
	}
}
