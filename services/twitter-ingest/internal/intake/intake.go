// Package intake brings posts into the pipeline: a page of X becomes records in Kafka.
//
// It guarantees that Take returns nil only when every element of the page stands in Kafka,
// as an event or as a dead letter. A post that this process has published already is left
// out; after a restart it may be published again, under the same id and revision.
package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/outlet"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

// remembered is how many published posts are kept in mind, to leave out what overlapping
// searches and the stream bring again.
const remembered = 50_000

// Options are what an Intake needs.
type Options struct {
	Source string
	Topics feedback.Topics
	Format feedback.Format
	// Write returns when the records are acknowledged.
	Write outlet.Func
	// Published is told of each event that was acknowledged; may be nil.
	Published func(t post.Post, e *feedbackv1.Event)
	// Counted is told how many elements were ingested, repeated and dead letters; may be nil.
	Counted func(ingested, repeated, dead int)
}

// Intake publishes posts once. It is safe for concurrent use.
type Intake struct {
	o Options

	publishing chan struct{} // holds one while publishing: what is on its way is not yet known
	known      *memory[[sha256.Size]byte]
}

// New returns an intake that remembers nothing.
func New(o Options) *Intake {
	return &Intake{o: o, publishing: make(chan struct{}, 1), known: newMemory[[sha256.Size]byte](remembered)}
}

// Take publishes what the pages hold. A post that was made earlier than live ago counts as
// read back from history.
func (in *Intake) Take(ctx context.Context, live time.Duration, pages ...*post.Page) error {
	if err := in.lock(ctx); err != nil {
		return err
	}
	defer in.unlock()
	b := batch{now: time.Now(), live: live, seen: map[[sha256.Size]byte]bool{}}
	for _, p := range pages {
		for i := len(p.Posts) - 1; i >= 0; i-- { // X gives the newest first; Kafka gets the oldest first
			if err := in.add(&b, p.Posts[i]); err != nil {
				return err
			}
		}
		for _, bad := range p.Bad {
			in.dead(&b, bad)
		}
	}
	if len(b.records) > 0 {
		if err := in.o.Write(ctx, b.records...); err != nil {
			return fmt.Errorf("publish %d records: %w", len(b.records), err)
		}
	}
	in.done(b)
	return nil
}

func (in *Intake) lock(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case in.publishing <- struct{}{}:
		return nil
	}
}

func (in *Intake) unlock() { <-in.publishing }

// Delete publishes, once, that X no longer shows a post.
func (in *Intake) Delete(ctx context.Context, eventID string) error {
	if err := in.lock(ctx); err != nil {
		return err
	}
	defer in.unlock()
	key := sha256.Sum256([]byte("deleted " + eventID))
	if in.known.has(key) {
		return nil
	}
	e := post.Deletion(eventID, in.o.Source, time.Now())
	r, err := feedback.EventRecord(in.o.Topics.Feedback, in.o.Format, e)
	if err != nil {
		return err
	}
	if err := in.o.Write(ctx, r); err != nil {
		return fmt.Errorf("publish the deletion of %s: %w", eventID, err)
	}
	in.known.add(key)
	return nil
}

// Malformed publishes a line that is no answer of X as a dead letter.
func (in *Intake) Malformed(ctx context.Context, line []byte, cause error) error {
	return in.Take(ctx, 0, &post.Page{Bad: []post.Bad{{Raw: line, Err: cause}}})
}

// batch is what one Take writes.
type batch struct {
	now      time.Time
	live     time.Duration
	records  []kafka.Record
	posts    []post.Post
	events   []*feedbackv1.Event
	keys     [][sha256.Size]byte
	seen     map[[sha256.Size]byte]bool
	repeated int
	bad      int
}

// fresh notes key and tells whether it is neither published nor in the batch already.
func (in *Intake) fresh(b *batch, key [sha256.Size]byte) bool {
	if b.seen[key] || in.known.has(key) {
		b.repeated++
		return false
	}
	b.seen[key] = true
	b.keys = append(b.keys, key)
	return true
}

func (in *Intake) add(b *batch, t post.Post) error {
	if !in.fresh(b, sha256.Sum256([]byte(t.ID.String()))) {
		return nil
	}
	e := t.Event(in.o.Source, b.now)
	e.Backfilled = b.now.Sub(e.GetRevisedAt().AsTime()) > b.live
	r, err := feedback.EventRecord(in.o.Topics.Feedback, in.o.Format, e)
	if err != nil {
		return err
	}
	b.records, b.posts, b.events = append(b.records, r), append(b.posts, t), append(b.events, e)
	return nil
}

// dead adds what is no post, once, with what X sent as its value.
func (in *Intake) dead(b *batch, bad post.Bad) {
	if !in.fresh(b, sha256.Sum256(bad.Raw)) {
		return
	}
	key := in.o.Source
	if bad.ID != 0 {
		key = post.EventID(bad.ID)
	}
	r := kafka.Record{Topic: in.o.Topics.Feedback, Key: []byte(key), Value: bad.Raw, Partition: -1, Offset: -1,
		Headers: []kafka.Header{{Key: feedback.HeaderContentType, Value: []byte("application/json")}}}
	b.records = append(b.records, feedback.DeadLetter(in.o.Topics.DeadLetters, r, "MalformedPost", bad.Err, 1))
	b.bad++
}

// done notes what was acknowledged.
func (in *Intake) done(b batch) {
	for _, k := range b.keys {
		in.known.add(k)
	}
	for i, t := range b.posts {
		if in.o.Published != nil {
			in.o.Published(t, b.events[i])
		}
	}
	if in.o.Counted != nil {
		in.o.Counted(len(b.posts), b.repeated, b.bad)
	}
}

// IDs are the ids of the pages' posts, and how many elements are none.
func IDs(pages ...*post.Page) (ids []snowflake.ID, bad int) {
	for _, p := range pages {
		for _, t := range p.Posts {
			ids = append(ids, t.ID)
		}
		bad += len(p.Bad)
	}
	return ids, bad
}

// memory is a set of the latest keys, bounded.
type memory[K comparable] struct {
	keys map[K]struct{}
	ring []K
	next int
}

func newMemory[K comparable](size int) *memory[K] {
	return &memory[K]{keys: make(map[K]struct{}), ring: make([]K, 0, size)}
}

func (m *memory[K]) has(k K) bool {
	_, ok := m.keys[k]
	return ok
}

func (m *memory[K]) add(k K) {
	if len(m.ring) < cap(m.ring) {
		m.ring = append(m.ring, k)
	} else {
		delete(m.keys, m.ring[m.next])
		m.ring[m.next] = k
		m.next = (m.next + 1) % len(m.ring)
	}
	m.keys[k] = struct{}{}
}
