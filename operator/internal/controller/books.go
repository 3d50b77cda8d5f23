package controller

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/status"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/topics"
)

// books are what the state topic says, read up to next.
type books struct {
	topic   string
	next    int64
	claims  map[string]topics.Claim
	applied topics.Applied
	health  map[string]said // by key
	// checkpoints are when each source last said how far it has read, jumps the latest long times between two of those.
	checkpoints map[string]time.Time
	jumps       map[string]status.Gap
	// progress is when each group last moved.
	progress map[string]moved
	// corrupt are the keys of records that could not be read, and why.
	corrupt map[string]error
}

type said struct {
	component string
	status.Component
}

type moved struct {
	committed int64
	since     time.Time // zero while it has no lag
}

func newBooks() *books {
	return &books{claims: map[string]topics.Claim{}, health: map[string]said{}, checkpoints: map[string]time.Time{}, jumps: map[string]status.Gap{}, progress: map[string]moved{}, corrupt: map[string]error{}}
}

// enter takes a record of the state topic into the books.
func (b *books) enter(r kafka.Record, now time.Time) {
	key := string(r.Key)
	var err error
	switch {
	case strings.HasPrefix(key, healthPrefix):
		err = b.enterHealth(key, r, now)
	case strings.HasPrefix(key, checkpointPrefix):
		err = b.enterCheckpoint(r)
	case topics.IsClaim(key):
		delete(b.claims, key)
		if r.Value != nil {
			b.claims[key], err = topics.ParseClaim(key, r.Value, r.Offset)
		}
		if err != nil {
			delete(b.claims, key)
		}
	case key == topics.AppliedKey:
		b.applied = nil
		if r.Value != nil {
			err = json.Unmarshal(r.Value, &b.applied)
		}
	}
	delete(b.corrupt, key)
	if err != nil {
		b.corrupt[key] = err
	}
}

const healthPrefix = "health/"

func (b *books) enterHealth(key string, r kafka.Record, now time.Time) error {
	if r.Value == nil {
		old := b.health[key]
		old.Gone = true
		b.health[key] = old
		return nil
	}
	h := &feedbackv1.Health{}
	var err error
	if r.JSON {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(r.Value, h)
	} else {
		err = proto.Unmarshal(r.Value, h)
	}
	if err != nil {
		return err
	}
	b.health[key] = said{h.GetComponent(), component(h, now)}
	return nil
}

// component is what h says. It was said when the component says so, or now if its clock is ahead of ours.
func component(h *feedbackv1.Health, now time.Time) status.Component {
	c := status.Component{State: states[h.GetLevel()], Seen: h.GetObservedAt().AsTime()}
	if c.Seen.After(now) {
		c.Seen = now
	}
	if h.GetLastEventAt() != nil {
		c.LastEvent = h.GetLastEventAt().AsTime()
	}
	worst := feedbackv1.Health_LEVEL_GOOD
	for _, condition := range h.GetConditions() {
		if level := condition.GetLevel(); level > worst || level == worst && ofToken(condition.GetReason()) && !ofToken(c.Reason) {
			worst = condition.GetLevel()
			c.Reason, c.Message = condition.GetReason(), condition.GetName()+": "+condition.GetMessage()
		}
	}
	for name, value := range h.GetGauges() {
		if route, ok := strings.CutPrefix(name, "overdue/"); ok && value > 0 {
			c.Overdue = append(c.Overdue, route)
		}
	}
	slices.Sort(c.Overdue)
	return c
}

// ofToken tells whether the reason is a token that is refused, which explains all else that is as bad.
func ofToken(reason string) bool { return strings.HasSuffix(reason, "TokenRefused") }

var states = map[feedbackv1.Health_Level]v1alpha1.SourceState{
	feedbackv1.Health_LEVEL_GOOD:     v1alpha1.SourceHealthy,
	feedbackv1.Health_LEVEL_DEGRADED: v1alpha1.SourceDegraded,
	feedbackv1.Health_LEVEL_FAILED:   v1alpha1.SourceFailed,
}

// components is what each component said last. Of several instances the best of those that are fresh speaks: one that
// works is enough, and one that was killed cannot take its words back. Instances that are long silent are dropped.
func (b *books) components(now time.Time) map[string]status.Component {
	all := map[string]status.Component{}
	for key, s := range b.health {
		if now.Sub(s.Seen) > time.Hour {
			delete(b.health, key)
			continue
		}
		before, ok := all[s.component]
		if !ok || better(s.Component, before, now) {
			all[s.component] = s.Component
		}
	}
	return all
}

func better(a, b status.Component, now time.Time) bool {
	fresh := func(c status.Component) bool { return !c.Gone && now.Sub(c.Seen) <= status.Stale }
	switch {
	case fresh(a) != fresh(b):
		return fresh(a)
	case fresh(a) && rank[a.State] != rank[b.State]:
		return rank[a.State] < rank[b.State]
	}
	return a.Seen.After(b.Seen)
}

var rank = map[v1alpha1.SourceState]int{v1alpha1.SourceDegraded: 1, v1alpha1.SourceFailed: 2}

// stuck returns since when the group has lag and commits nothing; zero where it moves.
func (b *books) stuck(id string, p kafka.Progress, now time.Time) time.Time {
	before, ok := b.progress[id]
	switch {
	case p.Lag == 0:
		before = moved{committed: p.Committed}
	case !ok || p.Committed != before.committed || before.since.IsZero():
		before = moved{committed: p.Committed, since: now}
	}
	b.progress[id] = before
	return before.since
}
