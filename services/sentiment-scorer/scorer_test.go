package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/testing/protocmp"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment/fallback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

// fakeBackend is a sentiment.Backend of a function.
type fakeBackend struct {
	score func(documents []sentiment.Document) ([]*feedbackv1.Sentiment, error)
}

func (b fakeBackend) Score(_ context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	return b.score(documents)
}

func vader(t testing.TB) sentiment.Backend {
	t.Helper()
	b, err := sentiment.Open(sentiment.VaderName, sentiment.Options{AssumeLanguage: "en"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testScorer(backend sentiment.Backend, f feedback.Format) *scorer {
	m := newMetrics(prometheus.NewRegistry())
	return &scorer{
		backend: newPatient(m.measure("kafka", backend), health.New(name, "one"), false), topic: "scored", format: f, metrics: m,
		health: health.New(name, "test"), now: func() time.Time { return time.Unix(1_700_000_000, 0) },
	}
}

func eventRecord(t testing.TB, f feedback.Format, e *feedbackv1.Event) kafka.Record {
	t.Helper()
	r, err := feedback.EventRecord("feedback", f, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHandleScoresEachRevisionInOrder(t *testing.T) {
	for _, format := range []feedback.Format{feedback.Protobuf, feedback.JSON} {
		t.Run(string(format), func(t *testing.T) {
			events := []*feedbackv1.Event{
				{Id: "slack:T:C:1", Source: "community", Text: "I love Azure"},
				{Id: "slack:T:C:1", Source: "community", Revision: 1, Text: "I hate Azure"},
				{Id: "x:7", Source: "mentions", Text: "qué desastre de plataforma", Language: "es"},
				{Id: "slack:T:C:2", Source: "community"},
				{Id: "slack:T:C:1", Source: "community", Revision: 2, Deleted: true, Language: "en"},
			}
			batch := make([]kafka.Record, len(events))
			for i, e := range events {
				batch[i] = eventRecord(t, format, e)
			}
			s := testScorer(vader(t), format)
			out, err := s.handle(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := len(out), len(batch); got != want {
				t.Fatalf("%d records, want %d", got, want)
			}
			var reasons []string
			for i, r := range out {
				scored, err := feedback.DecodeScored(r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(events[i], scored.GetEvent(), protocmp.Transform()); diff != "" {
					t.Errorf("event %d (-want +got):\n%s", i, diff)
				}
				if got, want := string(r.Key), events[i].GetId(); got != want || r.Topic != "scored" {
					t.Errorf("record %d: topic %s key %s, want scored and %s", i, r.Topic, got, want)
				}
				reasons = append(reasons, word(scored.GetSentiment().GetLabel().String(), "LABEL_")+" "+
					word(scored.GetSentiment().GetUnscoredReason().String(), "UNSCORED_REASON_"))
			}
			want := []string{"positive unspecified", "negative unspecified", "unspecified language", "unspecified no_text", "unspecified deleted"}
			if diff := cmp.Diff(want, reasons); diff != "" {
				t.Errorf("labels and reasons (-want +got):\n%s", diff)
			}
			if got, want := testutil.ToFloat64(s.metrics.unscored.WithLabelValues("deleted", "en")), 1.0; got != want {
				t.Errorf("feedback_unscored_total{deleted,en} = %v, want %v", got, want)
			}
			if got, want := testutil.ToFloat64(s.metrics.scored.WithLabelValues("positive", "en")), 1.0; got != want {
				t.Errorf("feedback_scored_total{positive,en} = %v, want %v", got, want)
			}
		})
	}
}

func TestHandleCarriesTheTraceAndForeignAttributes(t *testing.T) {
	in := eventRecord(t, feedback.Protobuf, &feedbackv1.Event{Id: "x:1", Source: "mentions", Text: "fine"})
	in.Headers = append(in.Headers,
		kafka.Header{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		kafka.Header{Key: "ce_subject", Value: []byte("bill")},
		kafka.Header{Key: "dead-letter-reason", Value: []byte("replayed")})
	out, err := testScorer(vader(t), feedback.Protobuf).handle(t.Context(), []kafka.Record{in})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"traceparent":        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"ce_subject":         "bill",
		"ce_id":              "x:1@0",
		"ce_type":            "dev.feedbackpipeline.scored.v1",
		"dead-letter-reason": "",
	} {
		if got := feedback.Header(out[0], header); got != want {
			t.Errorf("header %s = %q, want %q", header, got, want)
		}
	}
}

func TestHandleRefusesForGoodWhatIsNoEvent(t *testing.T) {
	tests := map[string][]byte{"no Protobuf": []byte("\xff\xff\xff"), "empty": nil, "no id": {}}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			good := eventRecord(t, feedback.Protobuf, &feedbackv1.Event{Id: "x:1", Text: "fine"})
			s := testScorer(fakeBackend{score: func([]sentiment.Document) ([]*feedbackv1.Sentiment, error) {
				t.Error("the backend was asked before all records were read")
				return nil, nil
			}}, feedback.Protobuf)
			_, err := s.handle(t.Context(), []kafka.Record{good, {Topic: "feedback", Value: value}})
			if !stream.IsPermanent(err) {
				t.Errorf("handle: %v, want a permanent error", err)
			}
		})
	}
}

func TestHandleRetriesABackendThatFails(t *testing.T) {
	failure := errors.New("backend is away")
	tests := []struct {
		name string
		give func([]sentiment.Document) ([]*feedbackv1.Sentiment, error)
		want string
	}{
		{"an error", func([]sentiment.Document) ([]*feedbackv1.Sentiment, error) { return nil, failure }, "backend is away"},
		{"too few", func([]sentiment.Document) ([]*feedbackv1.Sentiment, error) { return nil, nil }, "0 sentiments for 1 documents"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := eventRecord(t, feedback.Protobuf, &feedbackv1.Event{Id: "x:1", Text: "fine"})
			_, err := testScorer(fakeBackend{score: test.give}, feedback.Protobuf).handle(t.Context(), []kafka.Record{in})
			if err == nil || stream.IsPermanent(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("handle: %v, want an error that may pass and says %q", err, test.want)
			}
		})
	}
}

// TestFallbackStandsInTheRecord: what a fallback scores says so in the scored event, and is counted.
func TestFallbackStandsInTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := fakeBackend{score: func([]sentiment.Document) ([]*feedbackv1.Sentiment, error) { return nil, errors.New("503") }}
		s := testScorer(fallback.New(t.Context(), fallback.Options{Main: away, Name: "azure", Spare: vader(t), Health: health.New(name, "one")}), feedback.Protobuf)
		out, err := s.handle(t.Context(), []kafka.Record{
			eventRecord(t, feedback.Protobuf, &feedbackv1.Event{Id: "x:1", Text: "I hate it"}), eventRecord(t, feedback.Protobuf, &feedbackv1.Event{Id: "x:2", Deleted: true}),
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []*feedbackv1.Sentiment
		for _, r := range out {
			scored, err := feedback.DecodeScored(r)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, scored.GetSentiment())
		}
		if f := got[0].GetFallback(); f.GetBackend() != "azure" || f.GetReason() != "503" || !strings.HasPrefix(got[0].GetModel(), "vader/") || got[0].GetScore() > 0.3 {
			t.Errorf("got %v, want vader's score in azure's place", got[0])
		}
		if got[1].GetFallback() != nil {
			t.Errorf("got %v, want a deletion, which nobody scores", got[1])
		}
		if n := testutil.ToFloat64(s.metrics.fallback); n != 1 {
			t.Errorf("%v texts are counted, want 1", n)
		}
	})
}

func TestLanguageLabelIsBounded(t *testing.T) {
	for tag, want := range map[string]string{"en": "en", "en-GB": "en", "und": "und", "fil": "other", "": "other", "x-anything": "other"} {
		if got := languageLabel(tag); got != want {
			t.Errorf("languageLabel(%q) = %q, want %q", tag, got, want)
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	s := testScorer(vader(b), feedback.Protobuf)
	batch := make([]kafka.Record, 500)
	for i := range batch {
		batch[i] = eventRecord(b, feedback.Protobuf, &feedbackv1.Event{
			Id: "x:1", Source: "mentions", Language: "en", Text: "Azure portal is down again, this is really frustrating!",
		})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := s.handle(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		n += len(batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
