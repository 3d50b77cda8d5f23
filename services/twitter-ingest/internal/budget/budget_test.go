package budget

import (
	"errors"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ids(from, n int) []snowflake.ID {
	out := make([]snowflake.ID, n)
	for i := range out {
		out[i] = snowflake.ID(from + i)
	}
	return out
}

func TestReserveAndSettle(t *testing.T) {
	b := New(250, nil)
	r, err := b.Reserve(noon, 100, 10)
	if err != nil || r.N != 100 || b.Proto(noon).Used != 100 {
		t.Fatalf("Reserve = %+v, %v, used %d, want 100 counted before the request", r, err, b.Proto(noon).Used)
	}
	b.Settle(noon, r, ids(1, 30), 0)
	if got := b.Proto(noon).Used; got != 30 {
		t.Errorf("used = %d, want the 30 that came", got)
	}
	r, _ = b.Reserve(noon, 100, 10)
	b.Settle(noon, r, ids(1, 40), 2)
	if got := b.Proto(noon).Used; got != 42 {
		t.Errorf("used = %d, want 42: a post is billed once a day, two bad ones count", got)
	}
	for range 2 {
		_, _ = b.Reserve(noon, 100, 10)
	}
	r, err = b.Reserve(noon, 100, 10)
	var spent *SpentError
	if !errors.As(err, &spent) || spent.Used != 242 {
		t.Fatalf("Reserve with 8 left = %+v, %v, want it refused", r, err)
	}
	if want := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC); !spent.Until.Equal(want) {
		t.Errorf("Until = %s, want %s", spent.Until, want)
	}
}

func TestSpent(t *testing.T) {
	b := New(100, nil)
	r, _ := b.Reserve(noon, 90, 10)
	b.Settle(noon, r, ids(1, 90), 0)
	if err := b.Spent(noon, 10); err != nil {
		t.Errorf("Spent with 10 left = %v, want nil", err)
	}
	r, _ = b.Reserve(noon, 10, 10)
	b.Settle(noon, r, ids(91, 92), 0)
	var spent *SpentError
	if err := b.Spent(noon, 10); !errors.As(err, &spent) || spent.Limit != 100 || spent.Until.Sub(noon) > 24*time.Hour {
		t.Errorf("Spent with 8 left = %v, want a SpentError", err)
	}
	if err := b.Spent(noon.Add(24*time.Hour), 10); err != nil {
		t.Errorf("Spent on the next day = %v, want nil", err)
	}
}

func TestReserveTakesTheRest(t *testing.T) {
	b := New(115, nil)
	first, _ := b.Reserve(noon, 100, 10)
	r, err := b.Reserve(noon, 100, 10)
	if err != nil || first.N+r.N != 115 {
		t.Errorf("Reserve = %d, %v, want the 15 that are left", r.N, err)
	}
}

func TestDayTurns(t *testing.T) {
	b := New(100, nil)
	r, _ := b.Reserve(noon, 100, 10)
	midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	if _, err := b.Reserve(midnight.Add(-time.Nanosecond), 10, 10); err == nil {
		t.Error("Reserve before midnight = nil, want it refused")
	}
	if !r.Turned(midnight) || r.Turned(noon) {
		t.Error("Turned is wrong")
	}
	b.Settle(midnight, r, ids(1, 20), 0)
	if got := b.Proto(midnight); got.Used != 20 || got.Day != "2026-11-23" {
		t.Errorf("Proto = %v, want the 20 counted on the new day too", got)
	}
	if r, err := b.Reserve(midnight, 100, 10); err != nil || r.N != 80 {
		t.Errorf("Reserve after midnight = %d, %v, want 80", r.N, err)
	}
	if _, err := b.Reserve(noon, 10, 10); err == nil {
		t.Error("a clock that was set back gave a new budget")
	}
}

func TestRestart(t *testing.T) {
	saved := &feedbackv1.Budget{Day: "2026-11-22", Used: 95, Limit: 100}
	if _, err := New(100, saved).Reserve(noon, 100, 10); err == nil {
		t.Error("Reserve after a restart = nil, want the day's count kept")
	}
	if r, err := New(200, saved).Reserve(noon, 100, 10); err != nil || r.N != 100 {
		t.Errorf("Reserve under a raised limit = %d, %v, want 100", r.N, err)
	}
	if _, err := New(50, saved).Reserve(noon, 100, 10); err == nil {
		t.Error("Reserve under a lowered limit = nil, want it refused")
	}
}
