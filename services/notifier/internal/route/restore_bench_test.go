package route

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// BenchmarkRestore reads a million notifications of one route from a broker, the embedded
// one and the real one if there is one, and takes them into the route's memory.
func BenchmarkRestore(b *testing.B) {
	const n = 1_000_000
	b.Run("embedded", func(b *testing.B) { benchmarkRestore(b, kafkatest.Embedded(b), n) })
	b.Run("real", func(b *testing.B) { benchmarkRestore(b, kafkatest.Real(b), n) })
}

func benchmarkRestore(b *testing.B, broker *kafkatest.Broker, n int) {
	client := broker.Client(b)
	names := topics
	names.Notifications = broker.Topic(b, 6, "cleanup.policy", "compact")
	fillNotifications(b, client, names.Notifications, n)
	r := &Route{
		Config: routeConfig, Pipeline: "default/test", Owner: "a", Topics: names, Format: feedback.Protobuf,
		Scan: func(ctx context.Context, f func(kafka.Record) error) error {
			return client.ScanAll(ctx, names.Notifications, f)
		},
		Pace:   new(sink.Pacers).For,
		Health: health.New("notifier", "a"), Metrics: NewMetrics(prometheus.NewRegistry()),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	var before, after runtime.MemStats
	var peak float64
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := cpu()
		b.StartTimer()
		a := newActive(b.Context(), r, nil)
		if err := a.remember(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		used += cpu() - begin
		peak = max(peak, rss())
		if got := a.mem.Len(); got != n {
			b.Fatalf("%d events are remembered, want %d", got, n)
		}
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(a)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/event")
		b.ReportMetric(float64(allocated)/float64(n), "B-allocated/event")
		b.StartTimer()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(peak, "MB-rss")
}

// fillNotifications writes n outcomes of the route, as they stand after a month: most by
// digests, some by cards, some collapsed.
func fillNotifications(b *testing.B, client *kafka.Client, topic string, n int) {
	b.Helper()
	now := time.Now()
	var recs []kafka.Record
	for i := range n {
		said := now.Add(-time.Duration(n-i) * 100 * time.Millisecond)
		note := &feedbackv1.Notification{
			EventId: fmt.Sprintf("slack:T0123456789:C0123456789:%d.%06d", said.Unix(), i), Route: routeConfig.Name, Count: 1,
			State: feedbackv1.Notification_STATE_DIGESTED, DigestId: fmt.Sprintf("digest:%s:%d", routeConfig.Name, said.Unix()/30*30),
			Place:       &feedbackv1.Place{ChannelId: "C0123456789", ChannelName: "negative-feedback", Ts: fmt.Sprintf("%d.000001", said.Unix()/30*30)},
			CollapseKey: fmt.Sprintf("text:%024x", i), Score: proto.Float64(0.1),
			ObservedAt: timestamppb.New(said.Add(time.Second)), CreatedAt: timestamppb.New(said),
		}
		switch i % 10 {
		case 0:
			note.State, note.DigestId, note.Place.Ts = feedbackv1.Notification_STATE_POSTED, "", fmt.Sprintf("%d.%06d", said.Unix(), i)
		case 1:
			note.State, note.DigestId, note.Place = feedbackv1.Notification_STATE_COLLAPSED, "", nil
			note.CollapsedInto = fmt.Sprintf("slack:T0123456789:C0123456789:%d.%06d", said.Unix(), i-1)
		}
		r, err := feedback.NotificationRecord(topic, feedback.Protobuf, note)
		if err != nil {
			b.Fatal(err)
		}
		if recs = append(recs, r); len(recs) == 20_000 || i == n-1 {
			if err := client.Write(b.Context(), recs...); err != nil {
				b.Fatal(err)
			}
			recs = recs[:0]
		}
	}
}

// cpu is the time that the process, the embedded broker included, has had of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss is the process's resident memory in MB; 0 where the system does not tell.
func rss() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	kb, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.SplitN(line, "\n", 2)[0]), "kB")), 64)
	return kb / 1000
}
