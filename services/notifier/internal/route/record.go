package route

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// note is the record of what becomes of an event.
func (a *active) note(it *item, state feedbackv1.Notification_State) *feedbackv1.Notification {
	e := it.event.GetEvent()
	n := &feedbackv1.Notification{
		EventId: e.GetId(), Revision: e.GetRevision(), Route: a.Name, State: state,
		Count:      1,
		ObservedAt: timestamppb.Now(), CreatedAt: e.GetCreatedAt(),
	}
	if m := it.event.GetSentiment(); m != nil {
		n.Score = m.Score
	}
	if keys := it.collapseKeys(); len(keys) > 0 {
		n.CollapseKey = keys[0]
	}
	return n
}

// lend makes a record an intent of ours and returns until when its lease lasts. The lease
// begins when the loop was last seen running: a process that was stopped after it was found
// awake must not take a new one.
func (a *active) lend(n *feedbackv1.Notification) time.Time {
	now := a.alive
	n.State, n.Owner = feedbackv1.Notification_STATE_INTENT, a.Owner
	n.ObservedAt, n.LeaseUntil = timestamppb.New(now), timestamppb.New(now.Add(lease))
	n.Reason = a.trouble.reason
	return now.Add(lease)
}

// posted turns an intent into its outcome: the message stands.
func posted(n *feedbackv1.Notification, at sink.Place) *feedbackv1.Notification {
	n = proto.CloneOf(n)
	n.State, n.Owner, n.LeaseUntil, n.Reason, n.ObservedAt = feedbackv1.Notification_STATE_POSTED, "", nil, "", timestamppb.Now()
	n.Place = place(at)
	return n
}

func place(at sink.Place) *feedbackv1.Place {
	return &feedbackv1.Place{ChannelId: at.Channel, ChannelName: at.Name, Ts: at.TS}
}

// record takes a record into the memory and has the next flush write it; only then are the
// positions done.
func (a *active) record(n *feedbackv1.Notification, at ...position) {
	old, _ := a.mem.Get(n.GetEventId())
	a.mem.Apply(n)
	a.out = append(a.out, n)
	a.ends = append(a.ends, at...)
	if n.GetEventId() != "" && n.GetState() != feedbackv1.Notification_STATE_INTENT && n.GetState() != old.State {
		a.Metrics.told.WithLabelValues(a.Name, stateLabel(n.GetState())).Inc()
	}
}

// done says that nothing is to be written for the positions.
func (a *active) done(at []position) { a.ends = append(a.ends, at...) }

// bury keeps a record that cannot be told among the dead letters.
func (a *active) bury(r kafka.Record, reason string, cause error, attempts int) {
	a.dead = append(a.dead, feedback.DeadLetter(a.Topics.DeadLetters, r, reason, cause, attempts))
	a.Metrics.dead.WithLabelValues(a.Name, reason).Inc()
	a.Log.Warn("dead letter", "reason", reason, "partition", r.Partition, "offset", r.Offset, "error", cause)
}

// flush writes what was recorded, one record a key, and then says what is done by it. It
// tries until the generation is over and its time for what is in hand as well; then the
// next owner finds the same out from the topics. A digest's outcome comes after all else is
// acknowledged: the records lie in several partitions, of which some may fail, and as long as
// the digest is an intent the next owner looks for it and records the events that it tells.
func (a *active) flush() error {
	recs, digests := a.pending()
	if len(recs) > 1 && len(a.ends) > 0 {
		failpoint.After(failpoint.OutcomesHalf, func() { _ = a.Write(a.hand, recs[:len(recs)/2]...) })
	}
	if err := a.write(recs); err != nil {
		return err
	}
	if err := a.write(digests); err != nil {
		return err
	}
	if len(recs)+len(digests) > 0 && len(a.ends) > 0 {
		failpoint.Here(failpoint.OutcomesWritten)
	}
	for _, p := range a.ends {
		if next, moved := a.track.done(p); moved {
			a.g.Done(p.partition, next)
		}
	}
	a.out, a.dead, a.ends = a.out[:0], nil, a.ends[:0]
	return nil
}

// write writes records, as often as it takes.
func (a *active) write(recs []kafka.Record) error {
	if len(recs) == 0 {
		return nil
	}
	for delay := 200 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		err := a.Write(a.hand, recs...)
		if err == nil {
			break
		}
		if a.hand.Err() != nil {
			return err
		}
		a.Health.Failed("kafka/write", "WriteFailed", fmt.Sprintf("cannot write to %s: %v", a.Topics.Notifications, err))
		if err := run.Sleep(a.hand, delay); err != nil {
			return err
		}
	}
	a.Health.Good("kafka/write")
	return nil
}

// pending gives the records to be written, the newest of each key; those by which digests stand
// by themselves.
func (a *active) pending() (recs, digests []kafka.Record) {
	seen := map[string]int{}
	var newest []kafka.Record
	var stands []bool // whether it is a digest's outcome
	for _, n := range a.out {
		r, err := feedback.NotificationRecord(a.Topics.Notifications, a.Format, n)
		if err != nil { // nothing that was decoded can fail here; were it so, the route must not stand still
			a.Log.Error("a notification cannot be encoded and is left out", "event", n.GetEventId(), "error", err)
			continue
		}
		outcome := n.GetEventId() == "" && n.GetState() == feedbackv1.Notification_STATE_POSTED
		if i, ok := seen[string(r.Key)]; ok {
			newest[i], stands[i] = r, outcome
			continue
		}
		seen[string(r.Key)] = len(newest)
		newest, stands = append(newest, r), append(stands, outcome)
	}
	recs = a.dead
	for i, r := range newest {
		if stands[i] {
			digests = append(digests, r)
		} else {
			recs = append(recs, r)
		}
	}
	return recs, digests
}

func (a *active) cardPayload(id string, revision uint64) (string, map[string]any) {
	return slackapi.CardType, map[string]any{
		"event_id": id, "route": a.Name, "pipeline": a.Pipeline, "revision": strconv.FormatUint(revision, 10),
	}
}

func (a *active) digestPayload(id string, count int) (string, map[string]any) {
	return slackapi.DigestType, map[string]any{"digest_id": id, "route": a.Name, "pipeline": a.Pipeline, "count": count}
}
