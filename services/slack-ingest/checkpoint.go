package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// patience is how long a checkpoint may be unreadable before history is read without it.
const patience = 30 * time.Second

// memory is the source's checkpoint in Kafka. It tells in the health condition checkpoint
// what is wrong with it; while nothing is, there is no such condition.
type memory struct {
	source, topic string
	backfill      time.Duration
	// load reads the checkpoint; nil if there is none.
	load func(context.Context) (*feedbackv1.SourceState, error)
	// well tells whether the broker is there.
	well func() bool
	// write returns after the broker has acknowledged.
	write  func(context.Context, *feedbackv1.SourceState) error
	health *health.Reporter
	broken atomic.Bool // what a checkpoint that is written makes good again
}

func newMemory(s *service) *memory {
	topic := s.cfg.Topics.State
	return &memory{
		source: s.cfg.Source, topic: topic, backfill: s.cfg.Backfill, health: s.health, well: s.gate.Well,
		load: func(ctx context.Context) (*feedbackv1.SourceState, error) {
			return feedback.LoadCheckpoint(ctx, s.client, topic, s.cfg.Source)
		},
		write: func(ctx context.Context, state *feedbackv1.SourceState) error {
			rec, err := feedback.CheckpointRecord(topic, s.format, state)
			if err != nil {
				return err
			}
			return s.gate.Write(ctx, rec)
		},
	}
}

// recall reads where the last run came to. A checkpoint that cannot be read for half a
// minute, the broker being well, is given up: history is never read further back than the
// backfill, so that this repeats events and loses none.
func (m *memory) recall(ctx context.Context) (*feedbackv1.SourceState, error) {
	began := time.Now()
	for attempt := 0; ; attempt++ {
		saved, err := m.load(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			if attempt > 0 {
				m.health.Good("checkpoint")
			}
			return saved, nil
		case time.Since(began) >= patience && m.well():
			m.broken.Store(garbled(err))
			m.health.Degraded("checkpoint", "CheckpointIgnored", fmt.Sprintf(
				"%s: %v; the source began without it: the last %v are read again, and their events are written again under the same ids and revisions", m.what(err), err, m.backfill))
			return nil, nil
		}
		m.health.Failed("checkpoint", "CheckpointUnreadable", m.unreadable(err))
		if err := run.Sleep(ctx, time.Second<<min(attempt, 5)); err != nil {
			return nil, err
		}
	}
}

// unreadable says what is wrong and what to do.
func (m *memory) unreadable(err error) string {
	remedy := fmt.Sprintf("see that the source may read topic %s", m.topic)
	if garbled(err) {
		key := feedback.CheckpointKey(m.source)
		remedy = fmt.Sprintf("to begin anew at once, delete the key by a tombstone (a record with key %s and a null value in topic %s, such as: printf '%s:' | kcat -P -Z -K: -t %s)", key, m.topic, key, m.topic)
	}
	return fmt.Sprintf("%s: %v; it is tried again, and after %v the source begins without it, which costs only that the last %v are read and written again; %s",
		m.what(err), err, patience, m.backfill, remedy)
}

func (m *memory) what(err error) string {
	if garbled(err) {
		return fmt.Sprintf("key %s of topic %s holds no checkpoint", feedback.CheckpointKey(m.source), m.topic)
	}
	return fmt.Sprintf("topic %s cannot be read for key %s", m.topic, feedback.CheckpointKey(m.source))
}

// save writes the checkpoint. The gate tells how the broker is; a checkpoint that no broker
// takes is told here.
func (m *memory) save(ctx context.Context, state *feedbackv1.SourceState) error {
	err := m.write(ctx, state)
	var refused *kafka.WriteError
	switch {
	case err == nil:
		if m.broken.Swap(false) {
			m.health.Good("checkpoint")
		}
	case errors.Is(err, kafka.ErrTooLarge), !errors.As(err, &refused) && ctx.Err() == nil:
		m.broken.Store(true)
		m.health.Degraded("checkpoint", "CheckpointNotSaved", fmt.Sprintf(
			"key %s of topic %s cannot be written: %v; events flow, and a restart reads the last %v again; raise the topic's max.message.bytes if it is too large",
			feedback.CheckpointKey(m.source), m.topic, err, m.backfill))
	}
	return err
}

// garbled tells whether what stands in Kafka is no checkpoint, so that reading it again
// cannot help.
func garbled(err error) bool { return errors.Is(err, proto.Error) }
