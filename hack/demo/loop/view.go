package loop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	// patience is how long an event may wait to be told until the view shows it as waiting.
	patience = 30 * time.Second
	// remembered bounds what the view knows of the past: records of a partition that it reads at its start, then events,
	// and pairs of event and route.
	remembered = 50_000
)

// view follows a pipeline's topics from their end and prints a line for each revision of an event once it is known where
// it went. What was written before it began it only remembers. It reads without a group and decides nothing.
type view struct {
	client  *kgo.Client
	out     *printer
	routes  []v1alpha1.Route
	columns columns
	roles   map[string]string // by topic
	cancel  context.CancelFunc
	done    chan struct{}

	ends kadm.ListedOffsets // of the topics when the view began

	seen       map[string]uint64                   // the highest revision of each event that was scored
	held       map[string]*held                    // events that wait to be told, by id
	told       map[string]*feedbackv1.Notification // by event id and route
	conditions map[string]feedbackv1.Health_Level  // by component, instance and name
}

type held struct {
	line
	since time.Time
}

// follow starts a view; it runs until stop.
func follow(ctx context.Context, plan executor.Plan, p *v1alpha1.FeedbackPipeline, out *printer) (*view, error) {
	v := &view{
		out: out, routes: p.Spec.Routes, columns: columnsOf(p), roles: map[string]string{}, done: make(chan struct{}),
		seen: map[string]uint64{}, held: map[string]*held{}, told: map[string]*feedbackv1.Notification{}, conditions: map[string]feedbackv1.Health_Level{},
	}
	var names []string
	for _, t := range plan.Topics {
		if t.Role == "scored" || t.Role == "notifications" || t.Role == "state" {
			v.roles[t.Name] = t.Role
			names = append(names, t.Name)
		}
	}
	options, err := executor.ClientOptions(plan.Kafka)
	if err != nil {
		return nil, err
	}
	if v.client, err = kgo.NewClient(append(options, kgo.FetchMaxWait(250*time.Millisecond))...); err != nil {
		return nil, err
	}
	if err := v.begin(ctx, names); err != nil {
		v.client.Close()
		return nil, err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel = cancel
	go v.run(work)
	return v, nil
}

// begin has the client read the topics from a little before their end. It waits until the brokers know them all.
func (v *view) begin(ctx context.Context, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	starts, err := v.bounds(ctx, topics)
	for err != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("find where the topics begin and end: %w", err)
		case <-tick.C:
			starts, err = v.bounds(ctx, topics)
		}
	}
	from := map[string]map[int32]kgo.Offset{}
	v.ends.Each(func(o kadm.ListedOffset) {
		first, _ := starts.Lookup(o.Topic, o.Partition)
		if from[o.Topic] == nil {
			from[o.Topic] = map[int32]kgo.Offset{}
		}
		from[o.Topic][o.Partition] = kgo.NewOffset().At(max(first.Offset, o.Offset-remembered))
	})
	v.client.AddConsumePartitions(from)
	return nil
}

// bounds asks where the topics begin, and notes where they end.
func (v *view) bounds(ctx context.Context, topics []string) (starts kadm.ListedOffsets, err error) {
	admin := kadm.NewClient(v.client)
	if v.ends, err = admin.ListEndOffsets(ctx, topics...); err == nil {
		err = v.ends.Error()
	}
	if err != nil {
		return nil, err
	}
	if starts, err = admin.ListStartOffsets(ctx, topics...); err == nil {
		err = starts.Error()
	}
	return starts, err
}

// old is true for a record that was there when the view began.
func (v *view) old(r *kgo.Record) bool {
	end, ok := v.ends.Lookup(r.Topic, r.Partition)
	return ok && r.Offset < end.Offset
}

// stop ends the view after what it holds was shown.
func (v *view) stop() {
	v.cancel()
	<-v.done
}

func (v *view) run(ctx context.Context) {
	defer close(v.done)
	defer v.client.Close()
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, time.Second)
		fetches := v.client.PollFetches(poll)
		cancel()
		fetches.EachRecord(v.record)
		v.showOlder(time.Now().Add(-patience))
	}
	v.showOlder(time.Now())
}

// record takes one record. What cannot be read is not the view's to judge; the auditor does.
func (v *view) record(r *kgo.Record) {
	switch v.roles[r.Topic] {
	case "scored":
		s := &feedbackv1.ScoredEvent{}
		if decode(r, s) && v.news(s.GetEvent()) && !v.old(r) {
			v.scored(s)
		}
	case "notifications":
		n := &feedbackv1.Notification{}
		switch {
		case !decode(r, n):
		case v.old(r):
			v.remember(n)
		default:
			v.notification(n)
		}
	case "state":
		h := &feedbackv1.Health{}
		if isHealth(r) && decode(r, h) && !v.old(r) {
			v.health(h)
		}
	}
}

// news is false for a revision that was seen before: at least once means that some come twice.
func (v *view) news(e *feedbackv1.Event) bool {
	before, known := v.seen[e.GetId()]
	if known && before >= e.GetRevision() {
		return false
	}
	if len(v.seen) >= remembered {
		clear(v.seen)
	}
	v.seen[e.GetId()] = e.GetRevision()
	return true
}

// remember keeps what became of an event on a route. An intent is not known to have become anything.
func (v *view) remember(n *feedbackv1.Notification) {
	if n.GetEventId() == "" || n.GetState() == feedbackv1.Notification_STATE_INTENT {
		return
	}
	if len(v.told) >= remembered {
		clear(v.told)
	}
	v.told[pair(n.GetEventId(), n.GetRoute())] = n
}

// scored shows the event, or holds it until the notifier has written what became of it.
func (v *view) scored(s *feedbackv1.ScoredEvent) {
	e := s.GetEvent()
	if older := v.held[e.GetId()]; older != nil {
		delete(v.held, e.GetId())
		older.replaced = true
		v.show(older.line)
	}
	l := line{scored: s, routes: expected(v.routes, s), outcomes: map[string]*feedbackv1.Notification{}}
	for _, r := range v.routes {
		n := v.told[pair(e.GetId(), r.Name)]
		if n == nil {
			continue
		}
		if stands(n) && !slices.Contains(l.routes, r.Name) {
			l.routes = append(l.routes, r.Name) // it was told before: its card has to follow
		}
		if n.GetRevision() >= e.GetRevision() {
			l.outcomes[r.Name] = n
		}
	}
	if l.complete() {
		v.show(l)
		return
	}
	v.held[e.GetId()] = &held{line: l, since: time.Now()}
}

func (v *view) notification(n *feedbackv1.Notification) {
	if n.GetEventId() == "" {
		if n.GetState() == feedbackv1.Notification_STATE_DIGESTED || n.GetState() == feedbackv1.Notification_STATE_POSTED {
			channel := cmp.Or(n.GetPlace().GetChannelName(), v.columns.channels[n.GetRoute()])
			v.out.line(n.GetObservedAt().AsTime().Local().Format(clock) + "  " +
				v.out.paint(cyan, fmt.Sprintf("#%s: a digest of %d", printable(channel), len(n.GetEventIds()))))
		}
		return
	}
	if n.GetState() == feedbackv1.Notification_STATE_INTENT {
		return
	}
	v.remember(n)
	h := v.held[n.GetEventId()]
	if h == nil || n.GetRevision() < h.scored.GetEvent().GetRevision() {
		return
	}
	h.outcomes[n.GetRoute()] = n
	if !slices.Contains(h.routes, n.GetRoute()) {
		h.routes = append(h.routes, n.GetRoute())
	}
	if h.complete() {
		delete(v.held, n.GetEventId())
		v.show(h.line)
	}
}

// health shows conditions that changed; one that was good from the beginning is no news.
func (v *view) health(h *feedbackv1.Health) {
	for _, c := range h.GetConditions() {
		if c.GetReason() == "Starting" {
			continue // every start is one
		}
		key := h.GetComponent() + "/" + h.GetInstance() + "/" + c.GetName()
		before, known := v.conditions[key]
		v.conditions[key] = c.GetLevel()
		if before == c.GetLevel() || (!known && c.GetLevel() == feedbackv1.Health_LEVEL_GOOD) {
			continue
		}
		v.out.line(healthLine(v.out.screen, h.GetObservedAt().AsTime(), h.GetComponent(), c))
	}
}

// showOlder shows what has been held since before t, oldest first.
func (v *view) showOlder(t time.Time) {
	var late []*held
	for id, h := range v.held {
		if h.since.Before(t) {
			late = append(late, h)
			delete(v.held, id)
		}
	}
	slices.SortFunc(late, func(a, b *held) int { return a.since.Compare(b.since) })
	for _, h := range late {
		v.show(h.line)
	}
}

func (v *view) show(l line) { v.out.line(l.format(v.out.screen, v.columns)) }

func pair(event, route string) string { return event + "/" + route }

// stands is true while a channel shows something of the event.
func stands(n *feedbackv1.Notification) bool {
	switch n.GetState() {
	case feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_DIGESTED, feedbackv1.Notification_STATE_COLLAPSED:
		return true
	}
	return false
}

// isHealth is true for a record of the state topic that is some component's health.
func isHealth(r *kgo.Record) bool {
	const prefix = "health/"
	return len(r.Value) > 0 && len(r.Key) > len(prefix) && string(r.Key[:len(prefix)]) == prefix
}

// decode reads a record's value by its content-type; Protobuf without one.
func decode(r *kgo.Record, into proto.Message) bool {
	for _, h := range r.Headers {
		if h.Key == "content-type" && string(h.Value) == "application/json" {
			return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(r.Value, into) == nil
		}
	}
	return proto.Unmarshal(r.Value, into) == nil
}
