package status

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// flow sets the lag and the time of the last event. Lag that is not known for HoldDown is absent.
func (d *derivation) flow() {
	switch flow := d.o.Flow; {
	case flow == nil && !d.p.Spec.Suspend && d.held(d.o.Unseen):
		return
	case flow != nil && flow.Blind != nil && d.held(flow.BlindSince):
		return
	}
	d.next.Lag, d.next.Groups = nil, nil
	if d.o.Flow == nil || d.o.Flow.Blind != nil {
		return
	}
	var sum int64
	for _, g := range d.o.Flow.Groups {
		if !g.Shadow {
			sum += g.Lag
		}
		d.next.Groups = append(d.next.Groups, v1alpha1.GroupStatus{Name: g.ID, Route: g.Route, Lag: new(g.Lag)})
	}
	d.next.Lag = new(sum)
}

// sources sets the status of each source and returns what they are together.
func (d *derivation) sources() verdict {
	var all []v1alpha1.SourceStatus
	var worst *v1alpha1.SourceStatus
	active, healthy := 0, 0
	for _, s := range d.p.Spec.Sources {
		now := d.source(s)
		now.Gap = d.gap(s.Name)
		all = append(all, now)
		if now.LastEventTime != nil && (d.next.LastEventTime == nil || d.next.LastEventTime.Before(now.LastEventTime)) {
			d.next.LastEventTime = now.LastEventTime
		}
		if now.State == v1alpha1.SourceSuspended {
			continue
		}
		active++
		if now.State == v1alpha1.SourceHealthy {
			healthy++
		} else if worst == nil || severity[now.State] > severity[worst.State] {
			worst = &now
		}
	}
	d.next.Sources = all
	d.next.ReadySources = fmt.Sprintf("%d/%d", healthy, active)
	switch {
	case active == 0:
		return good(ReasonSuspended, "all sources are suspended")
	case worst == nil:
		return good(ReasonHealthy, fmt.Sprintf("%d sources are healthy", active))
	}
	return assess(worst.State, worst.Reason, "source "+worst.Name+": "+worst.Message)
}

// severity orders states by what is said of several: the worst.
var severity = map[v1alpha1.SourceState]int{v1alpha1.SourceDegraded: 1, v1alpha1.SourceUnknown: 2, v1alpha1.SourceFailed: 3}

func assess(state v1alpha1.SourceState, reason, message string) verdict {
	switch state {
	case v1alpha1.SourceHealthy:
		return good(ReasonHealthy, message)
	case v1alpha1.SourceUnknown:
		return unknown(reason, message)
	}
	return verdict{status: metav1.ConditionFalse, reason: reason, message: message, degraded: state == v1alpha1.SourceDegraded}
}

// source returns what s is.
func (d *derivation) source(s v1alpha1.Source) v1alpha1.SourceStatus {
	last := v1alpha1.SourceStatus{Name: s.Name, State: v1alpha1.SourceUnknown, Reason: ReasonNoHealth, Message: "nothing was heard of it yet"}
	for _, before := range d.p.Status.Sources {
		if before.Name == s.Name {
			last = before
		}
	}
	if s.Suspend || d.p.Spec.Suspend {
		return v1alpha1.SourceStatus{Name: s.Name, State: v1alpha1.SourceSuspended, LastEventTime: last.LastEventTime}
	}
	if last.State == v1alpha1.SourceSuspended {
		last = v1alpha1.SourceStatus{Name: s.Name, State: v1alpha1.SourceUnknown, Reason: ReasonNoHealth, Message: "nothing was heard of it since it was resumed", LastEventTime: last.LastEventTime}
	}
	program := desired.SlackIngest
	if s.Twitter != nil {
		program = desired.TwitterIngest
	}
	c, current, held := d.look(program + "/" + s.Name)
	switch {
	case current:
		now := v1alpha1.SourceStatus{Name: s.Name, State: c.State, Reason: c.Reason, Message: clip(c.Message, 1024), LastEventTime: last.LastEventTime}
		if !c.LastEvent.IsZero() {
			now.LastEventTime = new(metav1.NewTime(c.LastEvent.Truncate(time.Second))) // as the API server keeps it
		}
		return now
	case held:
		return last
	}
	return v1alpha1.SourceStatus{Name: s.Name, State: v1alpha1.SourceUnknown, Reason: ReasonNoHealth, Message: d.silence(), LastEventTime: last.LastEventTime}
}

// gap is what a source could not read back, as it is seen now or stands in the status.
func (d *derivation) gap(source string) *v1alpha1.SourceGap {
	if d.o.Flow != nil {
		if g, ok := d.o.Flow.Gaps[source]; ok {
			return &v1alpha1.SourceGap{From: metav1.NewTime(g.From.Truncate(time.Second)), To: metav1.NewTime(g.To.Truncate(time.Second))}
		}
	}
	for _, before := range d.p.Status.Sources {
		if before.Name == source {
			return before.Gap
		}
	}
	return nil
}

// look returns what a component said of itself. It is current where it was said within Stale; held where it is no
// longer, but what was known before still holds.
func (d *derivation) look(name string) (c Component, current, held bool) {
	if d.o.Flow == nil {
		return Component{}, false, d.held(d.o.Unseen)
	}
	c, known := d.o.Flow.Components[name]
	age := d.o.Now.Sub(c.Seen)
	return c, known && !c.Gone && age <= Stale, known && age <= Stale+HoldDown
}

func (d *derivation) silence() string {
	if d.o.Flow == nil {
		return "the state topic cannot be read: " + d.why()
	}
	return fmt.Sprintf("it has written no health to the state topic for more than %s; see its Deployment and its log", Stale)
}

func (d *derivation) why() string {
	switch {
	case d.o.UnseenWhy != "":
		return d.o.UnseenWhy
	case d.o.Topics != nil && d.o.Topics.Problem != nil:
		return d.o.Topics.Problem.Message
	}
	return "Kafka did not answer"
}

// scorer is what the scorer says of itself. There is no condition of its own: held over, it is good.
func (d *derivation) scorer() verdict {
	c, current, held := d.look(desired.SentimentScorer)
	switch {
	case current:
		return assess(c.State, c.Reason, "scorer: "+c.Message)
	case held && d.known():
		return good(ReasonHealthy, "")
	}
	return unknown(ReasonNoHealth, "scorer: "+d.silence())
}

// known tells whether Ready was known before.
func (d *derivation) known() bool {
	_, ok := d.was(v1alpha1.ConditionReady)
	return ok
}

// notifier is what the notifier says of itself and of its routes.
func (d *derivation) notifier() verdict {
	last, before := d.was(v1alpha1.ConditionNotifierHealthy)
	c, current, held := d.look(desired.Notifier)
	switch {
	case d.p.Spec.Suspend:
		return good(ReasonSuspended, "the pipeline is suspended")
	case current && c.State == v1alpha1.SourceHealthy && len(c.Overdue) > 0:
		return assess(v1alpha1.SourceDegraded, ReasonOverdue, "events of "+strings.Join(c.Overdue, ", ")+" should have been told already; see the route's channel and Slack's limits")
	case current && c.State == v1alpha1.SourceHealthy:
		return good(ReasonHealthy, "every route's channel can be told")
	case current:
		return assess(c.State, c.Reason, c.Message)
	case held && before:
		last.degraded = last.status == metav1.ConditionFalse && d.readyBefore()
		return last
	}
	return unknown(ReasonNoHealth, "notifier: "+d.silence())
}

// readyBefore tells whether Ready was True: what was bad then was no more than degraded.
func (d *derivation) readyBefore() bool {
	return meta.IsStatusConditionTrue(d.p.Status.Conditions, v1alpha1.ConditionReady)
}

// Worth tells whether now is worth a write after before: a transition at once, the rest when every has passed since
// the last write.
func Worth(before, now v1alpha1.FeedbackPipelineStatus, sinceWrite, every time.Duration) bool {
	if Same(before, now) {
		return false
	}
	return sinceWrite >= every || !Same(still(before), still(now))
}

// still is s without what moves all the time.
func still(s v1alpha1.FeedbackPipelineStatus) v1alpha1.FeedbackPipelineStatus {
	s = *s.DeepCopy()
	s.Lag, s.LastEventTime, s.Groups = nil, nil, nil
	for i := range s.Sources {
		s.Sources[i].LastEventTime, s.Sources[i].Message = nil, ""
	}
	for i := range s.Conditions {
		s.Conditions[i].Message = ""
	}
	return s
}
