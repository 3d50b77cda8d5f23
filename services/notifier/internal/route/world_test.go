package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

var topics = feedback.Topics{Scored: "scored", Notifications: "notifications", DeadLetters: "dead-letters"}

// message is one that stands in the world's channel, or stood there.
type message struct {
	at      sink.Place
	posted  time.Time
	m       sink.Message
	deleted bool
	updates int
}

func (m *message) id() string {
	if id, ok := m.m.Payload["event_id"].(string); ok {
		return id
	}
	id, _ := m.m.Payload["digest_id"].(string)
	return id
}

func (m *message) text() string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(m.m.Card)
	return b.String()
}

// world is what outlives a process: the topics, the committed offsets and the channel.
type world struct {
	t             *testing.T
	mu            sync.Mutex
	scored        [2][]kafka.Record
	committed     [2]int64
	notifications []kafka.Record
	dead          []kafka.Record
	messages      []*message
	posts         []time.Time // when posts arrived
	updates       []time.Time // when updates did
	seq           int
	// fault says what becomes of a call of Slack: err is returned, and with done the deed is
	// done all the same. Nil: nothing fails.
	fault func(call string, id string) (err error, done bool)
	// refuse says whether Slack takes an update; nil: it takes all.
	refuse func(m sink.Message) error
}

// process is one incarnation of the notifier. At its crashAt-th deed it dies, before the
// deed or after it; what is dead does nothing more.
type process struct {
	w       *world
	name    string
	metrics *Metrics
	reg     *prometheus.Registry
	health  *health.Reporter
	pace    func(channel string) *sink.Pacer // shared with other processes' routes, if set
	quota   *sink.Quota                      // the same
	buried  *Buried                          // the same
	ctx     context.Context
	kill    context.CancelFunc // as kill -9
	stop    context.CancelFunc // as SIGTERM
	ended   chan struct{}

	mu       sync.Mutex
	deeds    int
	crashAt  int
	after    bool
	torn     bool // dying of a write, it wrote the first half
	tail     bool // the same, and it wrote the second half: partitions fail one by one
	dead     bool
	at       string // the deed at which it died or was frozen
	freezeAt int    // from this deed on it does nothing until thaw is closed, as after SIGSTOP
	thaw     chan struct{}
	position [2]int64
}

var errDead = errors.New("the process is dead")

// deed does f unless the process is dead or dies of it.
func (p *process) deed(name string, f func()) error {
	p.mu.Lock()
	if p.freezeAt > 0 && p.deeds+1 >= p.freezeAt {
		if p.at == "" {
			p.at = name
		}
		p.mu.Unlock()
		<-p.thaw
		p.mu.Lock()
	}
	p.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return errDead
	}
	p.deeds++
	if p.deeds == p.crashAt {
		if p.after {
			f()
		}
		p.dead, p.at = true, name
		p.kill()
		return errDead
	}
	f()
	return nil
}

// dying tells whether the process is about to die of the deed in hand.
func (p *process) dying() bool { return p.deeds == p.crashAt }

var routeConfig = Config{Name: "negative", MaxAge: 24 * time.Hour, DigestAfter: 20, Interval: time.Hour}

func newWorld(t *testing.T) *world { return &world{t: t} }

// start starts a process that owns the route.
func (w *world) start(c Config, name string, change ...func(*process)) *process {
	p := &process{w: w, name: name, ended: make(chan struct{}), reg: prometheus.NewRegistry(), health: health.New("notifier", name)}
	p.metrics = NewMetrics(p.reg)
	p.pace, p.quota = new(sink.Pacers).For, sink.NewQuota()
	hand, kill := context.WithCancel(context.Background())
	p.kill = kill
	p.ctx, p.stop = context.WithCancel(hand)
	for _, f := range change {
		f(p)
	}
	w.mu.Lock()
	p.position = w.committed
	w.mu.Unlock()
	r := &Route{
		Config: c, Pipeline: "default/test", Owner: name, Topics: topics, Format: feedback.Protobuf,
		Write: p.write, Scan: p.scan, Sink: p, Pace: p.pace, Quota: p.quota, Buried: p.buried, Health: p.health, Metrics: p.metrics,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	go func() {
		defer close(p.ended)
		_ = r.Own(p.ctx, hand, p)
		kill()
	}()
	w.t.Cleanup(func() { kill(); <-p.ended })
	return p
}

func (p *process) Partitions() []int { return []int{0, 1} }

func (p *process) Fetch(ctx context.Context) ([]kafka.Record, error) {
	for {
		var out []kafka.Record
		p.w.mu.Lock()
		for i := range p.w.scored {
			out = append(out, p.w.scored[i][p.position[i]:]...)
			p.position[i] = int64(len(p.w.scored[i]))
		}
		p.w.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		if err := run.Sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (p *process) Done(partition int, next int64) {
	_ = p.deed("mark", func() {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.committed[partition] = max(p.w.committed[partition], next)
	})
}

func (p *process) write(ctx context.Context, recs ...kafka.Record) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.deed("write", func() {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		if p.torn && p.dying() {
			recs = recs[:len(recs)/2]
		}
		if p.tail && p.dying() {
			recs = recs[len(recs)/2:]
		}
		for _, r := range recs {
			if r.Topic == topics.Notifications {
				p.w.notifications = append(p.w.notifications, r)
			} else {
				p.w.dead = append(p.w.dead, r)
			}
		}
	})
}

func (p *process) scan(_ context.Context, f func(kafka.Record) error) error {
	p.w.mu.Lock()
	recs := slices.Clone(p.w.notifications)
	p.w.mu.Unlock()
	for _, r := range recs {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// say puts a record into `scored` and returns its event's id.
func (w *world) say(id, text string, change ...func(*feedbackv1.ScoredEvent)) string {
	s := &feedbackv1.ScoredEvent{
		Event: &feedbackv1.Event{
			Id: id, Text: text, Source: "community", Author: &feedbackv1.Author{DisplayName: "Ada"},
			CreatedAt: timestamppb.Now(), RevisedAt: timestamppb.Now(),
		},
		Sentiment: &feedbackv1.Sentiment{Score: proto.Float64(0.1), Label: feedbackv1.Label_LABEL_NEGATIVE},
		ScoredAt:  timestamppb.Now(),
	}
	for _, f := range change {
		f(s)
	}
	r, err := feedback.ScoredRecord(topics.Scored, feedback.Protobuf, s)
	if err != nil {
		panic(err)
	}
	w.put(r)
	return id
}

func (w *world) put(r kafka.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, b := range r.Key {
		sum += int(b)
	}
	r.Partition = sum % 2
	r.Offset = int64(len(w.scored[r.Partition]))
	w.scored[r.Partition] = append(w.scored[r.Partition], r)
}

func revision(n uint64) func(*feedbackv1.ScoredEvent) {
	return func(s *feedbackv1.ScoredEvent) { s.Event.Revision = n }
}

func deleted(s *feedbackv1.ScoredEvent) {
	s.Event.Deleted, s.Event.Text, s.Sentiment = true, "", &feedbackv1.Sentiment{}
}

func score(v float64) func(*feedbackv1.ScoredEvent) {
	return func(s *feedbackv1.ScoredEvent) { s.Sentiment.Score = &v }
}

// settled tells whether all records are committed.
func (w *world) settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.scored {
		if w.committed[i] != int64(len(w.scored[i])) {
			return false
		}
	}
	return true
}

// await waits until ok holds, at most for a time of the test's clock.
func await(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, limit)
		}
		pass(100 * time.Millisecond)
	}
}

// pass lets the test's clock run.
func pass(d time.Duration) { <-time.After(d) }

// live starts processes, each seven seconds after the last has died, until all is told and
// nothing has happened for a while.
func (w *world) live(t *testing.T, c Config, first *process) *process {
	t.Helper()
	p, n := first, 1
	quiet := time.Time{}
	for deadline := time.Now().Add(4 * time.Hour); ; {
		pass(250 * time.Millisecond)
		select {
		case <-p.ended:
			pass(7 * time.Second)
			n++
			p = w.start(c, fmt.Sprintf("process-%d", n))
			quiet = time.Time{}
		default:
		}
		switch {
		case !w.settled():
			quiet = time.Time{}
		case quiet.IsZero():
			quiet = time.Now()
		case time.Since(quiet) > 2*time.Minute:
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("not everything was told: committed %v of %d and %d", w.committed, len(w.scored[0]), len(w.scored[1]))
		}
	}
}

func (p *process) end() {
	p.stop()
	<-p.ended
}

// latest returns the newest record of each key.
func (w *world) latest() map[string]*feedbackv1.Notification {
	out := map[string]*feedbackv1.Notification{}
	for _, r := range w.notifications {
		n, err := feedback.DecodeNotification(r)
		if err != nil {
			panic(err)
		}
		out[strings.TrimSuffix(string(r.Key), "/"+n.GetRoute())] = n
	}
	return out
}

// standing returns what stands in the channel.
func (w *world) standing() []*message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*message
	for _, m := range w.messages {
		if !m.deleted {
			out = append(out, m)
		}
	}
	return out
}

// tellings counts how often the channel tells each event: by its card or by a digest.
func (w *world) tellings() map[string]int {
	out := map[string]int{}
	log := w.latest()
	digests := map[string]int{}
	for _, m := range w.standing() {
		if m.m.Type == slackapi.DigestType {
			digests[m.id()]++
			for _, id := range log[m.id()].GetEventIds() {
				out[id]++
			}
			continue
		}
		out[m.id()]++
	}
	for id, n := range log {
		if n.GetState() == feedbackv1.Notification_STATE_COLLAPSED && out[n.GetCollapsedInto()] > 0 {
			out[id]++
		}
		if n.GetState() == feedbackv1.Notification_STATE_DIGESTED && digests[n.GetDigestId()] != 1 {
			out[id] += 100 // its digest does not stand, or more than once
		}
	}
	return out
}

// once fails where one of the events is told never or more than once.
func (w *world) once(t *testing.T, ids ...string) {
	t.Helper()
	told := w.tellings()
	for _, id := range ids {
		if got := told[id]; got != 1 {
			t.Errorf("%s is told %d times, want once (%v)", id, got, w.latest()[id])
		}
	}
	for id, n := range w.latest() {
		if n.GetState() == feedbackv1.Notification_STATE_INTENT {
			t.Errorf("%s is left as an open intent", id)
		}
		if n.GetState() == feedbackv1.Notification_STATE_POSTED && w.find(n.GetPlace().GetTs()) == nil {
			t.Errorf("%s is recorded where nothing stands: %v", id, n)
		}
	}
}

// neverTwice fails where a message was posted that had to be deleted again.
func (w *world) neverTwice(t *testing.T) {
	t.Helper()
	for _, m := range w.messages {
		if m.deleted {
			t.Errorf("%s was posted once too often", m.id())
		}
	}
}

// paced fails where two posts are closer than Slack allows.
func (w *world) paced(t *testing.T) {
	t.Helper()
	for i := 1; i < len(w.posts); i++ {
		if d := w.posts[i].Sub(w.posts[i-1]); d < time.Second {
			t.Errorf("posts %d and %d are %s apart, want a second at least", i-1, i, d)
		}
	}
}

func (w *world) cardOf(t *testing.T, id string) *message {
	t.Helper()
	for _, m := range w.standing() {
		if m.id() == id {
			return m
		}
	}
	t.Fatalf("no card of %s stands", id)
	return nil
}

func (w *world) state(id string) feedbackv1.Notification_State { return w.latest()[id].GetState() }
