// Package health tells how a component is: conditions that are good, degraded or failed,
// written to the pipeline's state topic every ten seconds and at once when one changes.
//
// It guarantees that what a reader finds is at most about ten seconds old while the
// component runs, and gone after a clean stop; older than 30 s means unknown.
package health

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

const (
	interval = 10 * time.Second
	// settle gathers transitions that come together into one record.
	settle       = 50 * time.Millisecond
	writeTimeout = 5 * time.Second
)

// Levels, by their short names.
const (
	Good     = feedbackv1.Health_LEVEL_GOOD
	Degraded = feedbackv1.Health_LEVEL_DEGRADED
	Failed   = feedbackv1.Health_LEVEL_FAILED
)

// Reporter gathers the conditions of one component. It is safe for concurrent use.
type Reporter struct {
	component, instance string
	log                 *slog.Logger
	started             time.Time
	changed             chan struct{}

	mu         sync.Mutex
	conditions map[string]*feedbackv1.Health_Condition
	gauges     map[string]float64
	lastEvent  time.Time
}

// New returns a reporter without conditions for an instance of the component. Transitions
// are logged to slog's default logger.
func New(component, instance string) *Reporter {
	return &Reporter{
		component: component, instance: instance, log: slog.Default(), started: time.Now(),
		changed: make(chan struct{}, 1), conditions: map[string]*feedbackv1.Health_Condition{}, gauges: map[string]float64{},
	}
}

// Set sets the condition called name. reason is one CamelCase word, stable, for machines;
// message is a sentence with the remedy, for people, and never holds a secret. A change of
// level or reason is logged and published at once.
func (r *Reporter) Set(name string, level feedbackv1.Health_Level, reason, message string) {
	r.mu.Lock()
	old := r.conditions[name]
	moved := old == nil || old.Level != level || old.Reason != reason
	c := &feedbackv1.Health_Condition{Name: name, Level: level, Reason: reason, Message: message, Since: timestamppb.Now()}
	if !moved {
		c.Since = old.Since
	}
	r.conditions[name] = c
	r.mu.Unlock()
	if !moved {
		return
	}
	r.logTransition(old, c)
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *Reporter) logTransition(old, c *feedbackv1.Health_Condition) {
	attrs := []any{"component", r.component, "condition", c.Name, "reason", c.Reason, "message", c.Message}
	switch {
	case c.Level == Failed:
		r.log.Error("health: failed", attrs...)
	case c.Level == Degraded:
		r.log.Warn("health: degraded", attrs...)
	case old != nil:
		r.log.Info("health: good again", attrs...)
	}
}

// Good says that all is well with name.
func (r *Reporter) Good(name string) { r.Set(name, Good, "Good", "") }

// Degraded says that name works, but not as it should.
func (r *Reporter) Degraded(name, reason, message string) { r.Set(name, Degraded, reason, message) }

// Failed says that name does not work.
func (r *Reporter) Failed(name, reason, message string) { r.Set(name, Failed, reason, message) }

// Drop forgets the condition.
func (r *Reporter) Drop(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conditions, name)
}

// Event says that an event was handled at t; the latest holds.
func (r *Reporter) Event(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.After(r.lastEvent) {
		r.lastEvent = t
	}
}

// Gauge sets a figure for people and for the operator.
func (r *Reporter) Gauge(name string, v float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gauges[name] = v
}

// Snapshot is the health as it is now; conditions are sorted by name.
func (r *Reporter) Snapshot() *feedbackv1.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &feedbackv1.Health{
		Component: r.component, Instance: r.instance, Level: Good,
		ObservedAt: timestamppb.Now(), StartedAt: timestamppb.New(r.started), Gauges: maps.Clone(r.gauges),
	}
	for _, name := range slices.Sorted(maps.Keys(r.conditions)) {
		h.Conditions = append(h.Conditions, r.conditions[name])
		h.Level = max(h.Level, r.conditions[name].Level)
	}
	if !r.lastEvent.IsZero() {
		h.LastEventAt = timestamppb.New(r.lastEvent)
	}
	return h
}

// Run writes the health to topic every ten seconds and after each transition until ctx
// ends; then it deletes the instance's key. A write that fails is left to the next one: the
// reader sees the age.
func (r *Reporter) Run(ctx context.Context, write func(context.Context, ...kafka.Record) error, topic string, f feedback.Format) error {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		r.write(ctx, write, topic, f)
		select {
		case <-ctx.Done():
			return r.remove(ctx, write, topic)
		case <-t.C:
		case <-r.changed:
			select {
			case <-ctx.Done():
			case <-time.After(settle):
			}
		}
	}
}

func (r *Reporter) write(ctx context.Context, write func(context.Context, ...kafka.Record) error, topic string, f feedback.Format) {
	rec, err := feedback.HealthRecord(topic, f, r.Snapshot())
	if err != nil {
		r.log.Error("cannot encode health", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := write(ctx, rec); err != nil && ctx.Err() == nil {
		r.log.Debug("cannot write health", "error", err)
	}
}

func (r *Reporter) remove(ctx context.Context, write func(context.Context, ...kafka.Record) error, topic string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return write(ctx, kafka.Record{Topic: topic, Key: []byte(feedback.HealthKey(r.component, r.instance))})
}
