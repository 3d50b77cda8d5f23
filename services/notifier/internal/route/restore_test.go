package route

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// TestRestoringKeepsToTheBound restores a route from more events than it may remember, some
// of which are too old to be remembered at all.
func TestRestoringKeepsToTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const old, young, most = 500, 5000, 1000
		now, peak := time.Now(), 0
		var a *active
		scan := func(_ context.Context, f func(kafka.Record) error) error {
			for i := range old + young {
				at := now.Add(-time.Duration(old+young-i) * time.Second)
				if i < old {
					at = at.Add(-30 * 24 * time.Hour)
				}
				r, err := feedback.NotificationRecord(topics.Notifications, feedback.Protobuf, &feedbackv1.Notification{
					EventId: fmt.Sprintf("x:%d", i), Route: routeConfig.Name, State: feedbackv1.Notification_STATE_POSTED, Count: 1,
					ObservedAt: timestamppb.New(at), CreatedAt: timestamppb.New(at),
				})
				if err == nil {
					err = f(r)
				}
				if err != nil {
					return err
				}
				peak = max(peak, a.mem.Len())
				if i == old-1 && peak > 0 {
					t.Errorf("%d events of a month ago are remembered, want none", peak)
				}
			}
			return nil
		}
		a = newActive(t.Context(), &Route{
			Config: routeConfig, Topics: topics, Scan: scan, Pace: new(sink.Pacers).For, MaxTold: most,
			Health: health.New("notifier", "a"), Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}, nil)
		if err := a.remember(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := a.mem.Len(); peak > most || got < most*8/10 {
			t.Errorf("%d events are remembered, %d at most meanwhile; want %d at most and not much fewer", got, peak, most)
		}
		if _, ok := a.mem.Get(fmt.Sprintf("x:%d", old+young-1)); !ok {
			t.Error("the newest event is forgotten before older ones")
		}
	})
}
