package feedback

import (
	"context"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// LoadCheckpoint reads the source's newest checkpoint from the state topic; nil if it has
// none. A checkpoint that cannot be read is an error: to begin anew would fetch, and pay
// for, everything again.
func LoadCheckpoint(ctx context.Context, c *kafka.Client, topic, source string) (*feedbackv1.SourceState, error) {
	key := CheckpointKey(source)
	var newest kafka.Record
	found := false
	err := c.Scan(ctx, topic, func(r kafka.Record) error {
		if string(r.Key) == key {
			newest, found = r, len(r.Value) > 0
		}
		return nil
	})
	if err != nil || !found {
		return nil, err
	}
	return DecodeSourceState(newest)
}
