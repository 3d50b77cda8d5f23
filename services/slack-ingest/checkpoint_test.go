package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// newTestMemory has a checkpoint that load gives, at a broker that is well.
func newTestMemory(load func() (*feedbackv1.SourceState, error)) *memory {
	return &memory{
		source: "community", topic: "state", backfill: 24 * time.Hour, health: health.New("slack-ingest/community", "one"),
		load:  func(context.Context) (*feedbackv1.SourceState, error) { return load() },
		well:  func() bool { return true },
		write: func(context.Context, *feedbackv1.SourceState) error { return nil },
	}
}

func (m *memory) condition() *feedbackv1.Health_Condition {
	for _, c := range m.health.Snapshot().GetConditions() {
		if c.GetName() == "checkpoint" {
			return c
		}
	}
	return nil
}

func garbage() (*feedbackv1.SourceState, error) {
	return feedback.DecodeSourceState(kafka.Record{Value: []byte("garbage")})
}

// TestGarbledCheckpoint: it is told with the remedy, given up after half a minute, which is
// told too, and good again once a checkpoint stands in its place.
func TestGarbledCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newTestMemory(garbage)
		began := time.Now()
		done := make(chan error, 1)
		go func() {
			saved, err := m.recall(t.Context())
			if saved != nil {
				err = errors.Join(err, errors.New("a checkpoint of garbage"))
			}
			done <- err
		}()
		synctest.Wait()
		c := m.condition()
		if c.GetLevel() != health.Failed || c.GetReason() != "CheckpointUnreadable" {
			t.Errorf("condition = %v, want failed, CheckpointUnreadable", c)
		}
		for _, want := range []string{"key checkpoint/community of topic state", "tombstone", "printf 'checkpoint/community:' | kcat -P -Z -K: -t state", "24h0m0s"} {
			if !strings.Contains(c.GetMessage(), want) {
				t.Errorf("message = %s\nwant it with %q", c.GetMessage(), want)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < patience || took > time.Minute {
			t.Errorf("took %v, want %v or a little more", took, patience)
		}
		if c := m.condition(); c.GetLevel() != health.Degraded || c.GetReason() != "CheckpointIgnored" {
			t.Errorf("condition = %v, want degraded, CheckpointIgnored", c)
		}
		if err := m.save(t.Context(), &feedbackv1.SourceState{}); err != nil {
			t.Fatal(err)
		}
		if c := m.condition(); c.GetLevel() != health.Good {
			t.Errorf("condition = %v, want good after a checkpoint was written", c)
		}
	})
}

func TestTombstoneEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := newTestMemory(func() (*feedbackv1.SourceState, error) {
			if time.Since(began) < 5*time.Second {
				return garbage()
			}
			return nil, nil
		})
		if saved, err := m.recall(t.Context()); saved != nil || err != nil {
			t.Errorf("recall = %v, %v, want nothing", saved, err)
		}
		if took := time.Since(began); took > 10*time.Second || m.condition().GetLevel() != health.Good {
			t.Errorf("took %v, condition %v, want some seconds, good", took, m.condition())
		}
	})
}

// TestUnreadableTopic: while the broker is away nothing is given up; a topic that may not be
// read stays told, for the next start needs it.
func TestUnreadableTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newTestMemory(func() (*feedbackv1.SourceState, error) { return nil, errors.New("not allowed to read") })
		began := time.Now()
		m.well = func() bool { return time.Since(began) > 10*time.Minute }
		if saved, err := m.recall(t.Context()); saved != nil || err != nil {
			t.Errorf("recall = %v, %v, want nothing", saved, err)
		}
		if took := time.Since(began); took < 10*time.Minute {
			t.Errorf("took %v, want no end while the broker is away", took)
		}
		_ = m.save(t.Context(), &feedbackv1.SourceState{})
		if c := m.condition(); c.GetLevel() != health.Degraded || !strings.Contains(c.GetMessage(), "topic state cannot be read for key checkpoint/community: not allowed to read") {
			t.Errorf("condition = %v, want degraded still, with the topic and the cause", c)
		}
	})
}

func TestCheckpointTooLarge(t *testing.T) {
	m := newTestMemory(nil)
	m.write = func(context.Context, *feedbackv1.SourceState) error {
		return &kafka.WriteError{Failed: []int{0}, TooLarge: []int{0}, Err: kafka.ErrTooLarge}
	}
	if err := m.save(t.Context(), nil); err == nil || m.condition().GetReason() != "CheckpointNotSaved" {
		t.Errorf("save = %v, condition %v, want an error and CheckpointNotSaved", err, m.condition())
	}
	m.write = func(context.Context, *feedbackv1.SourceState) error { return nil }
	if err := m.save(t.Context(), nil); err != nil || m.condition().GetLevel() != health.Good {
		t.Errorf("save = %v, condition %v, want nil and good", err, m.condition())
	}
}
