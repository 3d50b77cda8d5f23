package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// checkpoint reads the source's checkpoint, as often as it takes: to begin without it would
// read, and pay for, everything again, which only a person may decide. The health condition
// checkpoint says how; while nothing is wrong, there is no such condition.
func checkpoint(ctx context.Context, client *kafka.Client, c *config, r *health.Reporter) (*feedbackv1.SourceState, error) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		saved, err := feedback.LoadCheckpoint(ctx, client, c.Topics.State, c.Source)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			if pause > time.Second {
				r.Good("checkpoint")
			}
			return saved, nil
		}
		r.Failed("checkpoint", "CheckpointUnreadable", unreadable(c, err))
		if err := run.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// unreadable says what is wrong with the checkpoint, what to do, and what that costs.
func unreadable(c *config, err error) string {
	key, topic := feedback.CheckpointKey(c.Source), c.Topics.State
	if !errors.Is(err, proto.Error) { // any error but of what stands there
		return fmt.Sprintf("topic %s cannot be read for key %s: %v; it is tried again, and nothing is read from X until then; see that the source may read the topic", topic, key, err)
	}
	return fmt.Sprintf("key %s of topic %s holds no checkpoint: %v; it is tried again every minute, and nothing is read from X until then; "+
		"to begin anew, delete the key by a tombstone (a record with key %s and a null value in topic %s, such as: printf '%s:' | kcat -P -Z -K: -t %s): "+
		"it costs that the last %v of posts are read, written and paid for again, and that today's count of posts begins at 0, so that up to %d more are paid for today",
		key, topic, err, key, topic, key, topic, c.X.Backfill, c.X.DailyPostBudget)
}
