package health

import (
	"context"
	"fmt"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

const (
	// watchEvery is how often a broker is asked, watchTimeout what an answer may take: three
	// questions fit into the 45 s in which a fault must be told.
	watchEvery   = 10 * time.Second
	watchTimeout = 8 * time.Second
	// lookEvery is how often is looked whether a group goes on.
	lookEvery = 10 * time.Second
)

// WatchKafka asks after the broker until ctx ends and sets the condition kafka: nothing to read
// or to write must not look like health. ready is told the same, since of a broker that is away
// nothing comes into the state topic; it may be nil.
func (r *Reporter) WatchKafka(ctx context.Context, check func(context.Context) error, ready func(error)) {
	for {
		asked, cancel := context.WithTimeout(ctx, watchTimeout)
		err := check(asked)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			r.Good("kafka")
		} else {
			r.Failed("kafka", "Unusable", "Kafka cannot be used: "+err.Error())
		}
		if ready != nil {
			ready(err)
		}
		if run.Sleep(ctx, watchEvery) != nil {
			return
		}
	}
}

// WatchProgress sets the condition called name until ctx ends: Stuck where a consumer group's
// member has records to handle and has finished none for limit. still tells for how long, in
// which partition and how many records are left there; see kafka.Progress.Still.
func (r *Reporter) WatchProgress(ctx context.Context, name, group, topic string, limit time.Duration, still func() (time.Duration, int, int64)) {
	for {
		if d, partition, lag := still(); d >= limit {
			r.Failed(name, "Stuck", fmt.Sprintf("group %s has handled nothing of %s[%d] for %s, with %d records to go: see what the other conditions and the log say; "+
				"a restart hands its partitions to another member, and nothing is lost by it", group, topic, partition, d.Round(time.Second), lag))
		} else {
			r.Good(name)
		}
		if run.Sleep(ctx, lookEvery) != nil {
			return
		}
	}
}
