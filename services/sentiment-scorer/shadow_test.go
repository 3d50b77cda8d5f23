package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/stream"
)

const shadowTopic = "t.shadow"

// TestShadowFromTopicToTopic: a shadow scores each event into its own topic and in the same partition as the scorer, writes
// nowhere else but its health, under a name of its own, and serves no gRPC.
func TestShadowFromTopicToTopic(t *testing.T) {
	p := startProcess(t, "TOPIC_SHADOW="+shadowTopic, "GROUP_ID=t.shadow-scorer", "SCORER_BACKEND=vader")
	eventually(t, "readiness", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
	const events = 30
	var batch []kafka.Record
	for i := range events {
		e := &feedbackv1.Event{Id: fmt.Sprintf("slack:T:C:%d", i), Source: "community", Text: "I hate it", Deleted: i == 7}
		r, err := feedback.EventRecord(p.topics.Feedback, feedback.Protobuf, e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, r)
	}
	batch = append(batch, kafka.Record{Topic: p.topics.Feedback, Key: []byte("broken"), Value: []byte("\xff\xff")})
	if err := p.client.Write(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "scored events", func() bool { return len(p.scan(t, shadowTopic)) >= events })
	eventually(t, "the broken record to be left out", func() bool {
		_, body := p.get("/metrics")
		return strings.Contains(body, `feedback_shadow_left_out_total{reason="Permanent"} 1`) && strings.Contains(body, "feedback_lag_records") && strings.Contains(body, `feedback_dead_letters_total{reason="Permanent"} 0`)
	})
	from := map[string]int{}
	for _, r := range p.scan(t, p.topics.Feedback) {
		from[string(r.Key)] = r.Partition
	}
	for _, r := range p.scan(t, shadowTopic) {
		s, err := feedback.DecodeScored(r)
		if err != nil {
			t.Fatal(err)
		}
		if m := s.GetSentiment(); !s.GetEvent().GetDeleted() && !strings.HasPrefix(m.GetModel(), "vader/") {
			t.Errorf("%s is scored by %q, want vader", r.Key, m.GetModel())
		}
		if got, want := r.Partition, from[string(r.Key)]; got != want {
			t.Errorf("%s lies in partition %d, want %d as its event", r.Key, got, want)
		}
	}
	for _, topic := range []string{p.topics.Scored, p.topics.DeadLetters} {
		if n := len(p.scan(t, topic)); n > 0 {
			t.Errorf("the shadow wrote %d records to %s, want none", n, topic)
		}
	}
	var components []string
	for _, r := range p.scan(t, p.topics.State) {
		components = append(components, string(r.Key))
	}
	if got := strings.Join(components, " "); !strings.Contains(got, "health/shadow-scorer/one") || strings.Contains(got, "health/sentiment-scorer") {
		t.Errorf("health is written as %q, want as health/shadow-scorer/one alone", got)
	}
	if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", p.grpc); err == nil {
		conn.Close()
		t.Errorf("the shadow listens on %s, want no gRPC of it", p.grpc)
	}
	p.checkStop(t, shadowName)
}

// TestShadowInsteadOfADeadLetter: an event that the backend fails on is unscored; what is no event, or too large, is left
// out and counted.
func TestShadowInsteadOfADeadLetter(t *testing.T) {
	event, err := feedback.EventRecord("t.feedback", feedback.Protobuf, &feedbackv1.Event{Id: "slack:T:C:1", Language: "de", Text: "so"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		record kafka.Record
		reason string
		want   string
		left   float64
	}{
		{"the backend fails on it", event, stream.ReasonFailed, "slack:T:C:1 UNSCORED_REASON_REFUSED de 500 of the server", 0},
		{"no event", kafka.Record{Topic: "t.feedback", Value: []byte("\xff\xff")}, stream.ReasonPermanent, "", 1},
		{"too large", event, stream.ReasonTooLarge, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &config{Shadow: shadowTopic}
			m := newMetrics(prometheus.NewRegistry())
			s := newScorer(cfg, m, health.New("test", "one"), vader(t))
			got := ""
			for _, r := range s.instead(c.record, c.reason, errors.New("500 of the server")) {
				scored, err := feedback.DecodeScored(r)
				if err != nil || r.Topic != shadowTopic {
					t.Fatalf("instead wrote %v to %s, want a scored event in %s: %v", scored, r.Topic, shadowTopic, err)
				}
				v := scored.GetSentiment()
				got += scored.GetEvent().GetId() + " " + v.GetUnscoredReason().String() + " " + v.GetLanguage().GetTag() + " " + v.GetUnscoredDetail()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("in place of the dead letter (-want +got):\n%s", diff)
			}
			if got := testutil.ToFloat64(m.leftOut.WithLabelValues(c.reason)); got != c.left {
				t.Errorf("feedback_shadow_left_out_total = %v, want %v", got, c.left)
			}
		})
	}
}
