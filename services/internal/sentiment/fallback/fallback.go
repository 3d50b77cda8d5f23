// Package fallback has a second backend score while the first one does not answer.
//
// It guarantees that a text is scored by the second one only after the first has not answered for Options.After, that
// every such sentiment says so (Sentiment.fallback), and that the first is asked again once it answers: it is tried with one
// text, after waits that grow from one to thirty seconds, and then with a batch; only a whole batch that it scores makes all
// well again, or tries that succeed for 15 s in which no batch comes. What the first one refuses of single texts is an answer, and
// stays as it is.
package fallback

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/sentiment"
)

// Condition is what its health is told under.
const Condition = "backend"

// The reasons of the condition: events still wait for Main, or Spare scores.
const (
	ReasonNotAnswering = "BackendNotAnswering"
	ReasonFallback     = "ScoredByFallback"
)

// DefaultAfter is Options.After.
const DefaultAfter = 10 * time.Second

const (
	tellAfter           = 30 * time.Second // of silence health says so, where After is longer
	firstAgain, maxWait = 250 * time.Millisecond, 2 * time.Second
	firstTry, maxTry    = time.Second, 30 * time.Second
	steady              = time.Minute      // who answered for so long is tried again after firstTry
	quiet               = 15 * time.Second // tries succeed for so long, and no batch comes: it answers
	reasonBytes         = 300
)

var errSilent = errors.New("no answer")

// Options say who scores.
type Options struct {
	// Main is the pipeline's backend, Name what records call it, Spare who scores while it does not answer.
	Main  sentiment.Backend
	Name  string
	Spare sentiment.Backend
	// After is for how long Main does not answer before Spare scores; default DefaultAfter.
	After time.Duration
	// Health is told.
	Health *health.Reporter
}

type state int

const (
	answering state = iota
	trial           // a try succeeded; the next batch decides
	away
)

// Backend scores by Main, and by Spare while Main does not answer. It is safe for concurrent use.
type Backend struct {
	o    Options
	work context.Context // ends the tries

	mu        sync.Mutex
	state     state
	since     time.Time // since when Main does not answer; zero while it does
	reason    string    // what came of asking it last
	wait      time.Duration
	recovered time.Time // when it answered again
	trialed   time.Time // when the first of the tries succeeded
	trying    bool
	sample    sentiment.Document // what Main is tried with
}

var _ sentiment.Backend = (*Backend)(nil)

// New returns a Backend; tries end with work.
func New(work context.Context, o Options) *Backend {
	if o.After <= 0 {
		o.After = DefaultAfter
	}
	o.Health.Good(Condition)
	return &Backend{o: o, work: work, wait: firstTry}
}

// Score asks Main, again and again for up to After, and then Spare. Its only errors are ctx's and Spare's.
func (b *Backend) Score(ctx context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	for again := firstAgain; ; again = min(2*again, maxWait) {
		if why := b.fallen(documents); why != nil {
			return b.spare(ctx, documents, why)
		}
		sentiments, err := b.ask(ctx, documents)
		if err == nil {
			return sentiments, nil
		}
		if err := run.Sleep(ctx, min(again, b.left())); err != nil {
			return nil, err
		}
	}
}

// fallen is why Spare scores, nil where Main does. It keeps a text to try Main with.
func (b *Backend) fallen(documents []sentiment.Document) *feedbackv1.Fallback {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range documents {
		if strings.TrimSpace(d.Text) != "" {
			b.sample = d
			break
		}
	}
	if b.state != away {
		return nil
	}
	return &feedbackv1.Fallback{Backend: b.o.Name, Reason: b.reason, Since: timestamppb.New(b.since)}
}

// spare scores by Spare, and says so.
func (b *Backend) spare(ctx context.Context, documents []sentiment.Document, why *feedbackv1.Fallback) ([]*feedbackv1.Sentiment, error) {
	sentiments, err := b.o.Spare.Score(ctx, documents)
	for _, s := range sentiments {
		s.Fallback = why
	}
	return sentiments, err
}

// ask asks Main once. It gives up when nothing was answered for too long.
func (b *Backend) ask(work context.Context, documents []sentiment.Document) ([]*feedbackv1.Sentiment, error) {
	ctx, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	heard := b.began()
	silent := time.AfterFunc(b.left(), func() { cancel(errSilent) })
	tell := time.AfterFunc(tellAfter-time.Since(heard.last()), func() { b.tell(heard) })
	defer silent.Stop()
	defer tell.Stop()
	sentiments, err := b.o.Main.Score(sentiment.WithProgress(ctx, func() {
		heard.now()
		silent.Reset(b.o.After)
		tell.Reset(tellAfter)
	}), documents)
	if work.Err() != nil {
		return nil, context.Cause(work)
	}
	if err == nil && len(sentiments) != len(documents) {
		err = fmt.Errorf("it gave %d sentiments for %d documents", len(sentiments), len(documents))
	}
	if err == nil {
		b.answered(heard)
		return sentiments, nil
	}
	if errors.Is(context.Cause(ctx), errSilent) && err.Error() == context.Canceled.Error() {
		err = errSilent
	}
	b.failed(heard.last(), err)
	return nil, err
}

// left is for how long Main may be silent now.
func (b *Backend) left() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state == away:
		return 0
	case b.state == trial, b.since.IsZero():
		return b.o.After
	}
	return max(0, b.o.After-time.Since(b.since))
}

// began is the moment from which Main's silence counts: now, or since when it fails already.
func (b *Backend) began() *moment {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := &moment{t: time.Now()}
	if b.state == answering && !b.since.IsZero() {
		m.t = b.since
	}
	return m
}

// moment is when something was heard last.
type moment struct {
	mu sync.Mutex
	t  time.Time

	over bool // what was asked is answered; Backend.mu guards it
}

func (m *moment) now() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.t = time.Now()
}

func (m *moment) last() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.t
}
