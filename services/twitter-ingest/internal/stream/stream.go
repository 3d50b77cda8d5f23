// Package stream follows X's filtered stream, so that posts arrive within a second.
//
// It makes the pipeline faster, never more complete: what it publishes does not move the
// checkpoint, and a search beside it (at each connection, a minute after it, and then every
// few minutes) brings whatever a connection that was down, silent or cut off has swallowed.
// So it guarantees nothing that the search does not, but one thing: posts that it reads are
// charged to the day's budget, in blocks that are saved before they are read.
package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/pace"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/window"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

const (
	// idleLimit is how long X may be silent; it sends a keep-alive every 20 s.
	idleLimit = 25 * time.Second
	// maxBatch is how many lines are published together.
	maxBatch = 100
	// rulesAge is how old the knowledge of the rules may be at a new connection.
	rulesAge = 5 * time.Minute
	// stable is how long a connection lives before its loss counts as a first failure again.
	stable = time.Minute
)

// Options are what a Stream needs. All fields but Log are required.
type Options struct {
	Query string
	// Tag marks this source's rule among the app's.
	Tag   string
	Rules Rules
	// Connect opens the one connection; its body ends when ctx does.
	Connect func(ctx context.Context) (io.ReadCloser, error)
	Take    func(ctx context.Context, live time.Duration, pages ...*post.Page) error
	// Malformed is given a line that is no answer of X.
	Malformed func(ctx context.Context, line []byte, cause error) error
	Progress  *progress.Progress
	// Block is how many posts of the budget are charged ahead. The stream is hung up when
	// less than that is left: X bills what it has sent, read or not.
	Block int
	// CatchUp asks the search beside the stream to search now.
	CatchUp func()
	// Connected is told when the connection stands and when it is gone.
	Connected func(bool)
	// Report is told how the stream is: nil, a *xapi.Problem or a *budget.SpentError.
	Report func(error)
	Log    *slog.Logger
}

// Stream follows X's filtered stream. Run may be called once.
type Stream struct {
	o    Options
	pace pace.Pace

	rule   string // id of our rule
	synced time.Time
}

// New returns a stream.
func New(o Options) *Stream {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Stream{o: o, pace: pace.Pace{
		// X's own figures for reconnecting.
		Network: pace.Linear(250*time.Millisecond, 16*time.Second),
		HTTP:    pace.Exponential(5*time.Second, 320*time.Second),
	}}
}

// Run follows the stream, connecting again as often as need be, until ctx ends; it finishes
// the batch in hand under work and returns nil. An error means that Kafka did not take a
// batch or a checkpoint before work ended.
func (s *Stream) Run(ctx, work context.Context) error {
	for ctx.Err() == nil {
		begun := time.Now()
		err := s.session(ctx, work)
		if ctx.Err() != nil && work.Err() == nil {
			return nil
		}
		if time.Since(begun) > stable {
			s.pace.Reset()
		}
		wait, known := s.wait(err)
		if !known {
			return err
		}
		s.o.Report(err)
		s.o.Log.Info("stream ended", "error", err, "again_in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
	return nil
}

func (s *Stream) wait(err error) (time.Duration, bool) {
	var problem *xapi.Problem
	var spent *budget.SpentError
	switch {
	case errors.As(err, &spent):
		return max(time.Until(spent.Until), time.Second), true
	case errors.As(err, &problem):
		return s.pace.Wait(problem), true
	}
	return 0, false
}

// session is one connection: rules -> budget -> connect -> read until it ends. Its error
// says why it ended.
func (s *Stream) session(ctx, work context.Context) error {
	if s.rule == "" || time.Since(s.synced) > rulesAge {
		id, err := s.o.Rules.Sync(ctx, s.o.Query, s.o.Tag)
		if err != nil {
			return err
		}
		s.rule, s.synced = id, time.Now()
	}
	m := &meter{progress: s.o.Progress, block: s.o.Block}
	if err := m.charge(work); err != nil {
		return err
	}
	defer m.settle()
	connected, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := s.o.Connect(connected)
	if err != nil {
		return err
	}
	defer body.Close()
	s.o.Report(nil)
	s.o.Connected(true)
	defer s.o.Connected(false)
	// Now for what was said before, and once more when X's index has what was said just before.
	s.o.CatchUp()
	defer time.AfterFunc(window.Overlap, s.o.CatchUp).Stop()
	return s.follow(connected, work, newReader(body, idleLimit), m)
}

// line is what the reader hands over: a line, or why there are no more.
type line struct {
	text []byte
	err  error
}

// follow publishes the lines as they come until the connection ends or the budget is spent.
func (s *Stream) follow(ctx, work context.Context, r *reader, m *meter) error {
	most := max(1, min(maxBatch, s.o.Block/2)) // the block in hand pays for it
	lines := make(chan line, most)
	go func() {
		for {
			text, err := r.next()
			select {
			case lines <- line{slices.Clone(text), err}:
			case <-ctx.Done():
				return
			}
			if err != nil && !errors.Is(err, errTooLong) {
				return
			}
		}
	}()
	for {
		batch := gather(ctx, lines, most)
		if len(batch) == 0 {
			return ctx.Err()
		}
		if err := s.handle(work, batch, m); err != nil {
			return err
		}
	}
}

// gather waits for a line and takes those that are there as well, up to most.
func gather(ctx context.Context, lines <-chan line, most int) []line {
	var batch []line
	select {
	case <-ctx.Done():
		return nil
	case l := <-lines:
		batch = append(batch, l)
	}
	for len(batch) < most {
		select {
		case l := <-lines:
			batch = append(batch, l)
		default:
			return batch
		}
	}
	return batch
}

// handle publishes a batch, then charges the budget for what comes next. Its error ends the
// connection.
func (s *Stream) handle(work context.Context, batch []line, m *meter) error {
	var pages []*post.Page
	var end error
	for _, l := range batch {
		if l.err != nil && !errors.Is(l.err, errTooLong) {
			end = lost(l.err)
			break
		}
		page, err := post.Parse(l.text)
		if l.err != nil {
			err = l.err
		}
		if err != nil {
			if err := s.o.Malformed(work, l.text, err); err != nil {
				return err
			}
			continue
		}
		m.count(page)
		switch {
		case page.Len() > 0 && s.ours(page):
			pages = append(pages, page)
		case page.Len() == 0 && end == nil:
			end = disconnect(l.text, page)
		}
	}
	if len(pages) > 0 {
		failpoint.Here(failpoint.XStreamRead)
		if err := s.o.Take(work, time.Hour, pages...); err != nil {
			return err
		}
		failpoint.Here(failpoint.XStreamWritten)
	}
	if err := m.top(work); err != nil {
		return err
	}
	return end
}

// ours tells whether a line matched our rule; another pipeline may share the app's stream.
func (s *Stream) ours(p *post.Page) bool {
	return len(p.Rules) == 0 || slices.Contains(p.Rules, s.rule)
}
