package event

import (
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

// BenchmarkIngest turns a delivery of Slack's, as it came, into the record that is written.
func BenchmarkIngest(b *testing.B) {
	body := read(b, "message")
	w := Workspace{Source: "community", Team: "T1", URL: "https://acme.slack.com/"}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		cb, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		c := cb.Change
		e := Convert(w, c, Context{ID: feedback.SlackID(w.Team, c.Channel, c.TS), ChannelName: "feedback", Names: names, Now: now})
		if _, err := feedback.EventRecord("feedback", feedback.Protobuf, e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
