package intake

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// recorder keeps records; it fails while fail is set.
type recorder struct {
	fail error
	recs []kafka.Record
}

func (r *recorder) write(_ context.Context, recs ...kafka.Record) error {
	if r.fail != nil {
		return r.fail
	}
	r.recs = append(r.recs, recs...)
	return nil
}

func page(t *testing.T, body string) *post.Page {
	t.Helper()
	p, err := post.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTake(t *testing.T) {
	for _, f := range []feedback.Format{feedback.Protobuf, feedback.JSON} {
		r := &recorder{}
		in := New(Options{Source: "mentions", Topics: xtest.Topics, Format: f, Write: r.write})
		p := page(t, `{"data":[{"id":"1855012345678901002","text":"newer"},{"id":"1855012345678901001","text":"older"},{"text":"bad"}]}`)
		for range 2 { // the second time all of it is known
			if err := in.Take(t.Context(), time.Hour, p); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.recs) != 3 {
			t.Fatalf("%s: %d records, want 3", f, len(r.recs))
		}
		for i, want := range []string{"x:1855012345678901001", "x:1855012345678901002"} {
			e, err := feedback.DecodeEvent(r.recs[i])
			if err != nil || e.GetId() != want || string(r.recs[i].Key) != want || r.recs[i].Topic != "feedback" || !e.GetBackfilled() {
				t.Errorf("%s: record %d = %v, %v, want the event %s, oldest first", f, i, e, err, want)
			}
		}
		if dead := r.recs[2]; dead.Topic != "dead-letters" || string(dead.Value) != `{"text":"bad"}` || string(dead.Key) != "mentions" {
			t.Errorf("%s: dead letter %v, want what X sent", f, dead)
		}
	}
}

// TestFailedIsNotKnown: what was not acknowledged is published when it comes again.
func TestFailedIsNotKnown(t *testing.T) {
	r := &recorder{fail: fmt.Errorf("down")}
	in := New(Options{Source: "mentions", Topics: xtest.Topics, Format: feedback.Protobuf, Write: r.write})
	p := page(t, `{"data":[{"id":"1855012345678901002"}]}`)
	if err := in.Take(t.Context(), 0, p); err == nil {
		t.Error("Take = nil, want the error")
	}
	if err := in.Delete(t.Context(), "x:1"); err == nil {
		t.Error("Delete = nil, want the error")
	}
	r.fail = nil
	for range 2 {
		if err := in.Take(t.Context(), 0, p); err != nil {
			t.Fatal(err)
		}
		if err := in.Delete(t.Context(), "x:1"); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.recs) != 2 {
		t.Errorf("%d records, want the post and the deletion, each once", len(r.recs))
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	m := newMemory[int](3)
	for i := range 5 {
		m.add(i)
	}
	for i, want := range []bool{false, false, true, true, true} {
		if got := m.has(i); got != want {
			t.Errorf("has(%d) = %v, want %v", i, got, want)
		}
	}
}
