package memory

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// BenchmarkRestore decodes and takes in a hundred thousand records a round, and says how
// much memory an event takes.
func BenchmarkRestore(b *testing.B) {
	const n = 100_000
	values := make([][]byte, n)
	for i := range values {
		v, err := proto.Marshal(&feedbackv1.Notification{
			EventId: fmt.Sprintf("slack:T0123456789:C0123456789:1762093805.%06d", i), Revision: 0, Route: "negative",
			State: feedbackv1.Notification_STATE_POSTED, Count: 1, Score: proto.Float64(0.1),
			Place:       &feedbackv1.Place{ChannelId: "C0123456789", ChannelName: "negative-feedback", Ts: fmt.Sprintf("1762093805.%06d", i)},
			CollapseKey: fmt.Sprintf("text:%024x", i), ObservedAt: timestamppb.Now(), CreatedAt: timestamppb.Now(),
		})
		if err != nil {
			b.Fatal(err)
		}
		values[i] = v
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := New("negative", 5)
		for _, v := range values {
			var rec feedbackv1.Notification
			if err := proto.Unmarshal(v, &rec); err != nil {
				b.Fatal(err)
			}
			m.Apply(&rec)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(m)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/event")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/n, "ns/event")
	b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N)*10)/1e9, "s/million")
}
