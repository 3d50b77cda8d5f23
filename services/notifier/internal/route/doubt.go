package route

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

// suspect is what was in doubt: a surplus message of it may still appear.
type suspect struct {
	id    string
	since time.Time   // of the earliest message
	due   []time.Time // when it is looked up again
}

// lookup finds the route's own messages since a time, oldest first, by event or digest.
// Without the right to read the history it finds nothing, and health says so.
func (a *active) lookup(ctx context.Context, since time.Time) (map[string][]sink.Found, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*callTimeout)
	defer cancel()
	at, err := a.Sink.Open(ctx)
	if err != nil {
		return nil, err
	}
	a.pacer = a.Pace(at.Channel)
	found, err := a.Sink.Find(ctx, at, since, time.Now().Add(skew))
	if err != nil {
		// A channel that is known by name alone has no history for an app that may not list channels.
		byName := strings.HasPrefix(at.Channel, "#")
		if p := slackapi.Explain(err); p.Reason == "MissingScope" || p.Reason == "NotInChannel" || (byName && p.Kind == slackapi.Missing) {
			a.Health.Degraded(a.condition()+"/history", "HistoryScopeMissing",
				"the app may not read the channel's history, so that after a crash or a lost answer an event may be told twice: "+
					"add channels:read and channels:history (groups:read and groups:history for a private channel) and invite the app. "+p.Message)
			return nil, nil
		}
		return nil, err
	}
	a.Health.Good(a.condition() + "/history")
	out := map[string][]sink.Found{}
	for _, f := range found {
		out[f.ID] = append(out[f.ID], f)
	}
	return out, nil
}

// resolve finds out whether a waiting event that is in doubt was told. It reports true
// where it was not and may be posted now.
func (a *active) resolve(ctx context.Context, it *item) bool {
	found, err := a.lookup(ctx, a.doubts[it.id()].Add(-skew))
	if err != nil {
		a.failed(err)
		return false
	}
	if own := found[it.id()]; len(own) > 0 {
		a.settleCard(it.id(), own)
		a.succeeded()
		return false
	}
	delete(a.doubts, it.id())
	if it.later != nil {
		a.leave(it)
		a.done(it.at)
		later := it.later
		it.later = nil
		a.admit(later)
		a.readmit(it.copies)
		return false
	}
	return true
}

// settleCard writes that an event in doubt stands, removes surplus messages of it and
// takes up what waited for that.
func (a *active) settleCard(id string, own []sink.Found) {
	intent := a.mem.Intent(id)
	if intent == nil {
		return
	}
	a.removeAll(own[1:])
	at := sink.Place{Channel: intent.GetPlace().GetChannelId(), Name: intent.GetPlace().GetChannelName(), TS: own[0].TS}
	n := posted(intent, at)
	n.Revision = own[0].Revision
	delete(a.doubts, id)
	it := a.byID[id]
	if it == nil {
		a.record(n)
		return
	}
	a.leave(it)
	a.record(n)
	a.readmit(append([]*item{it}, it.copies...)) // the same revision is done by now, a newer one is shown
	if got := a.mem.Count(id); got != int(n.GetCount()) {
		a.dirty(id)
	}
}

// settleDigest writes that a digest in doubt stands and tells its events. Which text it
// shows is in its record; the revisions are not known, so that a later one is shown again.
func (a *active) settleDigest(intent *feedbackv1.Notification, own []sink.Found) {
	a.removeAll(own[1:])
	at := sink.Place{Channel: intent.GetPlace().GetChannelId(), Name: intent.GetPlace().GetChannelName(), TS: own[0].TS}
	for _, id := range intent.GetEventIds() {
		if old, ok := a.mem.Get(id); ok && old.State != feedbackv1.Notification_STATE_INTENT {
			continue
		}
		a.record(&feedbackv1.Notification{
			EventId: id, Route: a.Name, State: feedbackv1.Notification_STATE_DIGESTED, DigestId: intent.GetDigestId(),
			Place: place(at), Count: 1, ObservedAt: timestamppb.Now(), CreatedAt: intent.GetObservedAt(),
		})
	}
	a.record(posted(intent, at))
}

// remove deletes a surplus message.
func (a *active) remove(at sink.Place) {
	ctx, cancel := context.WithTimeout(a.hand, callTimeout)
	defer cancel()
	if err := a.Sink.Delete(ctx, at); err != nil {
		a.Log.Warn("cannot delete a surplus message", "channel", at.Channel, "ts", at.TS, "error", slackapi.Explain(err).Message)
		return
	}
	a.Metrics.healed.WithLabelValues(a.Name).Inc()
	a.Log.Info("deleted a surplus message", "channel", at.Channel, "ts", at.TS)
}

func (a *active) removeAll(own []sink.Found) {
	for _, f := range own {
		at, err := a.open()
		if err != nil {
			a.failed(err)
			return
		}
		a.remove(sink.Place{Channel: at.Channel, TS: f.TS})
	}
}

// suspect has an event or digest looked up again later.
func (a *active) suspect(id string, since time.Time) {
	now := time.Now()
	due := []time.Time{now.Add(firstCheck), now.Add(secondCheck)}
	for i := range a.suspects {
		if a.suspects[i].id == id {
			a.suspects[i].due = due
			return
		}
	}
	a.suspects = append(a.suspects, suspect{id, since, due})
}

func (a *active) suspectDue(now time.Time) bool {
	for _, s := range a.suspects {
		if !now.Before(s.due[0]) {
			return true
		}
	}
	return false
}

// checkSuspects looks up what was in doubt and removes what is surplus.
func (a *active) checkSuspects(ctx context.Context) {
	since := a.suspects[0].since
	for _, s := range a.suspects {
		if s.since.Before(since) {
			since = s.since
		}
	}
	found, err := a.lookup(ctx, since.Add(-skew))
	if err != nil {
		a.failed(err)
		return
	}
	now := time.Now()
	kept := a.suspects[:0:0]
	for _, s := range a.suspects {
		if !now.Before(s.due[0]) {
			a.heal(s.id, found[s.id])
			s.due = s.due[1:]
		}
		if len(s.due) > 0 {
			kept = append(kept, s)
		}
	}
	a.suspects = kept
}

// heal compares the messages of an event or digest with what was recorded: one stays.
func (a *active) heal(id string, own []sink.Found) {
	if len(own) == 0 {
		return
	}
	keep := ""
	if d, ok := a.mem.Digest(id); ok {
		if a.digest != nil && a.digest.id() == id {
			return // its next turn looks itself
		}
		keep = d.TS
		if d.State != feedbackv1.Notification_STATE_POSTED {
			keep = ""
		}
	} else {
		told, _ := a.mem.Get(id)
		switch told.State {
		case feedbackv1.Notification_STATE_INTENT:
			if it := a.byID[id]; it == nil || !it.held {
				a.settleCard(id, own)
			}
			return
		case feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_WITHDRAWN:
			keep = told.TS
		case feedbackv1.Notification_STATE_UNSPECIFIED, feedbackv1.Notification_STATE_DIGESTED,
			feedbackv1.Notification_STATE_COLLAPSED, feedbackv1.Notification_STATE_SKIPPED:
		}
	}
	var surplus []sink.Found
	for _, f := range own {
		if f.TS != keep {
			surplus = append(surplus, f)
		}
	}
	a.removeAll(surplus)
}

// closed is the record of a digest that was never posted; its events are told by another.
func (a *active) closed(intent *feedbackv1.Notification) *feedbackv1.Notification {
	n := proto.CloneOf(intent)
	n.State, n.Owner, n.LeaseUntil, n.ObservedAt = feedbackv1.Notification_STATE_SKIPPED, "", nil, timestamppb.Now()
	n.Reason, n.EventIds, n.Ranges, n.Place = "never posted: another digest tells its events", nil, nil, nil
	return n
}

func micro(t int64) *timestamppb.Timestamp { return timestamppb.New(time.UnixMicro(t)) }
