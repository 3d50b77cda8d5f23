package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

func TestLongestTimeWithoutProgress(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	p := &progress{last: [hops]time.Time{scored: start, told: start, fromX: start}}
	for _, s := range []float64{1, 1.05, 4, 5, 11, 12} {
		p.add(at(s), [hops]int{scored: 2})
	}
	p.add(at(2), [hops]int{told: 1})
	p.add(at(3), [hops]int{fromX: 1})
	p.add(at(9), [hops]int{fromX: 1})
	for _, c := range []struct{ from, want float64 }{{1, 2}, {3, 6}, {4, 5}, {9, 3}, {10, 2}} {
		if got := p.until(fromX, at(c.from), at(12)); got != at(c.want).Sub(start) {
			t.Errorf("until(%v) = %s, want %vs", c.from, got, c.want)
		}
	}
	for _, c := range []struct {
		name     string
		at       hop
		from, to float64
		want     time.Duration
	}{
		{"the longest of several", scored, 0, 12, 6 * time.Second},
		{"only what lies within", scored, 0, 5, 2950 * time.Millisecond},
		{"cut at the beginning", scored, 8, 12, 3 * time.Second},
		{"cut at the end", scored, 4.5, 7, 2 * time.Second},
		{"until now", scored, 12, 20, 8 * time.Second},
		{"nothing since long before", told, 10, 20, 10 * time.Second},
		{"nothing to see yet", told, 1, 2, time.Second},
	} {
		if got := p.longest(c.at, at(c.from), at(c.to)); got != c.want {
			t.Errorf("%s: longest = %s, want %s", c.name, got, c.want)
		}
	}
	if got, want := p.counts(), ([hops]int{scored: 12, told: 1, fromX: 2}); got != want {
		t.Errorf("counts = %v, want %v", got, want)
	}
}

func TestOutcome(t *testing.T) {
	for state, want := range map[feedbackv1.Notification_State][2]int{
		feedbackv1.Notification_STATE_INTENT:    {0, 0},
		feedbackv1.Notification_STATE_COLLAPSED: {1, 0},
		feedbackv1.Notification_STATE_POSTED:    {1, 1},
		feedbackv1.Notification_STATE_DIGESTED:  {1, 1},
	} {
		value, err := proto.Marshal(&feedbackv1.Notification{EventId: "x:1", State: state})
		if err != nil {
			t.Fatal(err)
		}
		if got, stands := outcome(value); got != want[0] || stands != want[1] {
			t.Errorf("outcome(%s) = %d, %d; want %v", state, got, stands, want)
		}
	}
	if got, _ := outcome([]byte{0xff}); got != 0 {
		t.Errorf("what cannot be read counts as an outcome")
	}
}
