package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/failpoint"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
)

const (
	pageSize = 200
	// overlap is read again each time: Slack's history may show a message late, and clocks differ.
	overlap = time.Minute
	// fresh is how young a message may be that a sweep leaves to the connection.
	fresh = 10 * time.Second
	// tries is how often a call that fails for a reason that passes is made before the pass
	// is given up and begun again later.
	tries = 5
	// threadsKept is how many threads are remembered as read.
	threadsKept = 20_000
	// longWait is a wait that is worth a line in the log.
	longWait = 10 * time.Second
)

// news reads what a channel says above its watermark, and then its open gaps.
func (r *Reader) news(ctx context.Context, channel string, sweep bool) error {
	bound, until := r.span(sweep)
	since := later(bound, earlier(r.state.newest(channel), overlap))
	if err := r.fresh(ctx, channel, since, until, sweep); err != nil {
		return err
	}
	for g := r.state.gap(channel); g != nil; g = r.state.gap(channel) {
		if err := r.fill(ctx, channel, g, bound, sweep); err != nil {
			return err
		}
	}
	return nil
}

// span is from when to when is read.
func (r *Reader) span(sweep bool) (bound, until string) {
	now := r.o.Now()
	if sweep {
		until = ts(now.Add(-fresh))
	} else {
		until = ts(now.Add(time.Hour)) // said outright: without it some methods count from the oldest
	}
	return ts(now.Add(-r.o.Backfill)), until
}

// fresh reads the newest page above since and opens a gap for what lies below it.
func (r *Reader) fresh(ctx context.Context, channel, since, until string, sweep bool) error {
	page, more, err := r.page(ctx, channel, since, until)
	if err != nil {
		return err
	}
	if len(page) > 0 {
		failpoint.Here(failpoint.SlackPageRead)
	}
	if err := r.take(ctx, channel, page, "", sweep); err != nil {
		return err
	}
	if len(page) == 0 {
		return nil
	}
	failpoint.Here(failpoint.SlackPageWritten)
	top, bottom := page[len(page)-1].Timestamp, page[0].Timestamp
	if more {
		r.state.open(channel, since, bottom, top)
	} else {
		r.state.raise(channel, top)
	}
	return r.save(ctx)
}

// fill reads a gap page by page, newest first, and saves how far it came after each.
func (r *Reader) fill(ctx context.Context, channel string, g *feedbackv1.Gap, bound string, sweep bool) error {
	for {
		page, more, err := r.page(ctx, channel, later(bound, g.GetAfter()), g.GetUntil())
		if err != nil {
			return err
		}
		if err := r.take(ctx, channel, page, "", sweep); err != nil {
			return err
		}
		failpoint.Here(failpoint.SlackGapWritten)
		if !more || before(g.GetUntil(), bound) {
			r.state.shut(channel, g)
			return r.save(ctx)
		}
		if len(page) == 0 {
			return fmt.Errorf("history of %s before %s: an empty page that has more", channel, g.GetUntil())
		}
		r.state.lower(g, page[0].Timestamp)
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// changes looks through all that the backfill covers for messages that were edited after the
// last look, and then for threads that were answered after it; the first time, for all. Only
// a look that reached the end counts.
func (r *Reader) changes(ctx context.Context, channel string, sweep bool) error {
	began := ts(r.o.Now())
	bound, last := r.span(sweep)
	since := earlier(r.state.newest(channel+changes), overlap)
	var threads []slack.Message
	for until := last; before(bound, until); {
		page, more, err := r.page(ctx, channel, bound, until)
		if err != nil {
			return err
		}
		if err := r.take(ctx, channel, page, since, sweep); err != nil {
			return err
		}
		for _, m := range page {
			if r.answered(channel, m, since) {
				threads = append(threads, m)
			}
		}
		if !more || len(page) == 0 {
			break
		}
		until = page[0].Timestamp
	}
	slices.SortFunc(threads, func(a, b slack.Message) int { // what was missed last first
		x, _ := event.Micros(a.LatestReply)
		y, _ := event.Micros(b.LatestReply)
		return cmp.Compare(y, x)
	})
	for _, m := range threads {
		if err := r.thread(ctx, channel, m, since, last, sweep); err != nil {
			return err
		}
	}
	failpoint.Here(failpoint.SlackChangesWritten)
	r.state.raise(channel+changes, began)
	return r.save(ctx)
}

// page reads one page of a channel's history, oldest first.
func (r *Reader) page(ctx context.Context, channel, oldest, latest string) ([]slack.Message, bool, error) {
	var page []slack.Message
	var more bool
	err := r.call(ctx, func() (err error) {
		page, more, err = r.o.History(ctx, channel, oldest, latest, pageSize)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read history of %s: %w", channel, err)
	}
	r.o.Metrics.BackfillPages.Inc()
	slices.SortFunc(page, byTime)
	return page, more, nil
}

func byTime(a, b slack.Message) int {
	x, _ := event.Micros(a.Timestamp)
	y, _ := event.Micros(b.Timestamp)
	return cmp.Compare(x, y)
}

// take publishes what of a page was said or edited after since.
func (r *Reader) take(ctx context.Context, channel string, page []slack.Message, since string, sweep bool) error {
	var wanted []slack.Message
	for _, m := range page {
		if changedAfter(m, since) {
			wanted = append(wanted, m)
		}
	}
	return r.handle(ctx, channel, wanted, sweep)
}

// answered tells whether a message is a thread's root with replies after since that this
// process has neither handled nor read.
func (r *Reader) answered(channel string, m slack.Message, since string) bool {
	if m.ReplyCount == 0 || m.ThreadTimestamp != m.Timestamp || m.LatestReply != "" && before(m.LatestReply, since) {
		return false
	}
	return m.LatestReply == "" || r.threads[channel+"/"+m.Timestamp] != asOf(m) &&
		!r.o.ThreadHandled(channel, m.Timestamp, m.LatestReply, m.ReplyCount)
}

// asOf is what a root says of its replies: it changes with each.
func asOf(root slack.Message) string { return root.LatestReply + "/" + strconv.Itoa(root.ReplyCount) }

// changedAfter tells whether a message was said or edited after since; empty is always.
func changedAfter(m slack.Message, since string) bool {
	return since == "" || before(since, m.Timestamp) || m.Edited != nil && before(since, m.Edited.Timestamp)
}

// thread publishes the replies of a thread that are newer than since and older than until.
func (r *Reader) thread(ctx context.Context, channel string, root slack.Message, since, until string, sweep bool) error {
	for cursor := ""; ; {
		var page []slack.Message
		var next string
		err := r.call(ctx, func() (err error) {
			page, next, err = r.o.Replies(ctx, channel, root.Timestamp, since, cursor)
			return err
		})
		if err != nil {
			if p := slackapi.Explain(err); p.Reason == "MessageGone" {
				return nil // deleted between the two calls
			}
			return fmt.Errorf("read thread %s in %s: %w", root.Timestamp, channel, err)
		}
		r.o.Metrics.BackfillPages.Inc()
		slices.SortFunc(page, byTime)
		page = slices.DeleteFunc(page, func(m slack.Message) bool {
			return m.Timestamp == root.Timestamp || !changedAfter(m, since) || !before(m.Timestamp, until)
		})
		if err := r.handle(ctx, channel, page, sweep); err != nil {
			return err
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(r.threads) >= threadsKept {
		clear(r.threads)
	}
	if before(root.LatestReply, until) {
		r.threads[channel+"/"+root.Timestamp] = asOf(root)
	}
	return nil
}

// handle publishes messages; it returns after all are acknowledged.
func (r *Reader) handle(ctx context.Context, channel string, messages []slack.Message, sweep bool) error {
	var todo []event.Change
	for _, m := range messages {
		c, err := event.FromHistory(channel, m)
		if err != nil {
			r.o.Log.Warn("a message of the history has no ts and is left out", "channel", channel, "error", err)
			continue
		}
		todo = append(todo, c)
	}
	return r.call(ctx, func() error {
		var left []event.Change
		var first error
		for n, res := range r.o.Handle(ctx, todo) {
			switch {
			case res.Err != nil:
				left = append(left, todo[n])
				first = errors.Join(first, res.Err)
			case res.Published && sweep:
				r.o.Found(channel, todo[n])
			}
		}
		todo = left
		if first != nil {
			return publishError{first}
		}
		return nil
	})
}

// publishError is what was read and could not be published, or not noted as read; the channel is well.
type publishError struct{ error }

func (e publishError) Unwrap() error { return e.error }

// explain says what to do about an error of a call: Kafka's pass, and are none of Slack's.
func explain(err error) slackapi.Problem {
	var write *kafka.WriteError
	if errors.As(err, &write) {
		return slackapi.Problem{Kind: slackapi.Transient}
	}
	return slackapi.Explain(err)
}

// call makes a call until it succeeds, as long as waiting can help.
func (r *Reader) call(ctx context.Context, f func() error) error {
	for attempt := 0; ; attempt++ {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause := min(time.Second<<attempt, 30*time.Second)
		switch p := explain(err); p.Kind {
		case slackapi.RateLimited:
			r.o.Metrics.RateLimitWaits.Inc()
			level := slog.LevelDebug
			if p.RetryAfter >= longWait {
				level = slog.LevelInfo
			}
			r.o.Log.Log(ctx, level, "Slack asks to wait", "wait", p.RetryAfter)
			pause, attempt = p.RetryAfter, 0
		case slackapi.Transient:
			if attempt == tries-1 {
				return err
			}
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause + rand.N(pause/4+1)):
		}
	}
}
