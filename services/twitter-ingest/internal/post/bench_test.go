package post

import (
	"os"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

// BenchmarkIngest turns a page of X's search, as it came, into the records that are written.
func BenchmarkIngest(b *testing.B) {
	body, err := os.ReadFile("testdata/search.json")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		p, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range p.Posts {
			if _, err := feedback.EventRecord("feedback", feedback.Protobuf, t.Event("mentions", ingested)); err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
