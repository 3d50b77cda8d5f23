package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/sentiment-scorer/internal/tokens"
)

// books is where the scorers of a pipeline keep what they have taken of the budget of tokens: a key of the state topic for
// each instance.
type books struct {
	component, instance, topic string
	format                     feedback.Format
	now                        func() time.Time
	write                      func(ctx context.Context, recs ...kafka.Record) error
	since                      func(ctx context.Context, topic string, from map[int]int64, f func(kafka.Record) error) (map[int]int64, error)

	mu      sync.Mutex
	read    map[int]int64 // up to where, by partition
	entries map[string]tokens.Entry
}

var _ tokens.Store = (*books)(nil)

func newBooks(cfg *config, client *kafka.Client) *books {
	return &books{
		component: cfg.component(), instance: cfg.Instance, topic: cfg.Topics.State, format: cfg.format(), now: time.Now,
		write: client.Write, since: client.ScanSince, entries: map[string]tokens.Entry{},
	}
}

// Write implements tokens.Store.
func (b *books) Write(ctx context.Context, e tokens.Entry, limit int64) error {
	r, err := feedback.BudgetRecord(b.topic, b.format, b.component, b.instance,
		&feedbackv1.Budget{Day: e.Day, Used: uint64(max(0, e.Used)), Limit: uint64(max(0, limit))}, b.now())
	if err != nil {
		return err
	}
	return b.write(ctx, r)
}

// Read implements tokens.Store. What was read before is not read again. An entry that cannot be read is an error: what it
// counts may have been used.
func (b *books) Read(ctx context.Context) (map[string]tokens.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	newest := map[string]kafka.Record{}
	keys := feedback.BudgetKeys(b.component)
	read, err := b.since(ctx, b.topic, b.read, func(r kafka.Record) error {
		if instance, ours := strings.CutPrefix(string(r.Key), keys); ours {
			newest[instance] = r
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for instance, r := range newest {
		if len(r.Value) == 0 {
			delete(b.entries, instance)
			continue
		}
		e, err := feedback.DecodeBudget(r)
		if err != nil {
			return nil, fmt.Errorf("key %s%s of topic %s: %w; delete it by a record with this key and a null value", keys, instance, b.topic, err)
		}
		b.entries[instance] = tokens.Entry{Day: e.GetDay(), Used: int64(min(e.GetUsed(), 1<<62))} //nolint:gosec // it is bounded
	}
	b.read = read
	return b.entries, b.forget(ctx)
}

// forget deletes the keys of instances that were last heard of the day before yesterday or earlier: each rollout has new
// ones.
func (b *books) forget(ctx context.Context) error {
	last := b.now().UTC().Add(-48 * time.Hour).Format(time.DateOnly)
	var old []kafka.Record
	for instance, e := range b.entries {
		if e.Day <= last {
			old = append(old, kafka.Record{Topic: b.topic, Key: []byte(feedback.BudgetKey(b.component, instance))})
			delete(b.entries, instance)
		}
	}
	if len(old) == 0 {
		return nil
	}
	return b.write(ctx, old...)
}
