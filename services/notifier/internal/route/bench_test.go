package route

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// anywhere is a channel that takes everything at once.
type anywhere struct{ Sink }

func (anywhere) Open(context.Context) (sink.Place, error) { return sink.Place{Channel: "C1"}, nil }

func (anywhere) Post(_ context.Context, at sink.Place, _ sink.Message) (sink.Place, error) {
	at.TS = "1762093805.000001"
	return at, nil
}

// nothing marks nothing.
type nothing struct{ Generation }

func (nothing) Done(int, int64) {}

// BenchmarkPlan decides on scored records, a batch of 5,000 a time, and tells those that
// match by digests: everything but Kafka's and Slack's own time.
func BenchmarkPlan(b *testing.B) {
	for _, c := range []struct {
		name  string
		score float64
		texts int // different ones; equal ones are collapsed
	}{
		{"not matching", 0.9, 5000},
		{"told by digests", 0.1, 5000},
		{"half of them copies", 0.1, 2500},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkPlan(b, c.score, c.texts) })
	}
}

func benchmarkPlan(b *testing.B, value float64, texts int) {
	const batch = 5000
	written := 0
	a := newActive(b.Context(), &Route{
		Config: config(func(c *Config) { c.DigestAfter = 1 }), Pipeline: "default/test", Owner: "a", Topics: topics, Format: feedback.Protobuf,
		Write: func(_ context.Context, recs ...kafka.Record) error { written += len(recs); return nil },
		Sink:  anywhere{}, Pace: new(sink.Pacers).For, Quota: sink.NewQuota(), Health: health.New("notifier", "a"),
		Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, nothing{})
	b.ReportAllocs()
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		recs := scoredRecords(b, round*batch, batch, value, texts)
		a.alive = time.Now()
		b.StartTimer()
		a.take(recs)
		if len(a.waiting) > 0 {
			a.makeDigest(b.Context())
		}
		for a.digest != nil { // the machine was so busy that it may have been stopped
			a.alive = time.Now()
			a.postDigest(b.Context())
		}
		if err := a.flush(); err != nil {
			b.Fatal(err)
		}
		if a.track.held() > 0 || len(a.waiting) > 0 {
			b.Fatalf("%d records are held and %d events wait after a round, want none", a.track.held(), len(a.waiting))
		}
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(written)/float64(b.N)/batch, "written/record")
}

func scoredRecords(b *testing.B, from, n int, value float64, texts int) []kafka.Record {
	b.Helper()
	w := newWorld(nil)
	for i := range n {
		w.say(fmt.Sprintf("x:17%017d", from+i), fmt.Sprintf("The build of project %d has been broken for days, and nobody answers. https://example.com/%d", (from+i)%texts+from, i),
			score(value), func(s *feedbackv1.ScoredEvent) { s.Event.Author.Handle = "ada" })
	}
	var out []kafka.Record
	for p := range w.scored {
		for _, r := range w.scored[p] {
			r.Offset += int64(from)
			out = append(out, r)
		}
	}
	return out
}
