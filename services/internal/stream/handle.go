package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// group is a run of a batch that is handled in one call.
type group struct {
	at       int // index of its first record in the batch: the order of what is produced
	recs     []kafka.Record
	failures int
	blamed   bool // its one record failed while another passed; it is tried once more, since all may have come back meanwhile
	err      error
	out      []kafka.Record
}

// handle calls Handle until each record of the batch has either passed or become a dead
// letter, and returns what is to be produced, in the batch's order. It returns the batch as
// well, which may have grown: where nothing has passed yet, only further records can tell
// whether the first one is to blame. It fails only if ctx ends.
func (l *Loop) handle(ctx context.Context, g source, batch []kafka.Record) ([]kafka.Record, []kafka.Record, error) {
	todo := []*group{{recs: batch}}
	var done []*group
	for len(todo) > 0 {
		grp := todo[0]
		todo = todo[1:]
		err := l.call(ctx, grp)
		switch {
		case err == nil:
			done = append(done, grp)
			l.remember(grp.recs)
		case ctx.Err() != nil:
			return nil, batch, fmt.Errorf("handle %s: %w", place(grp.recs), ctx.Err())
		case IsPermanent(err) && len(grp.recs) == 1:
			done = append(done, l.bury(grp, ReasonPermanent))
		case IsPermanent(err):
			todo = append(grp.halves(0), todo...)
		default:
			var again []*group
			again, batch = l.failed(ctx, g, grp, batch, len(todo) == 0)
			if again == nil {
				done = append(done, l.bury(grp, ReasonFailed))
			}
			todo = append(todo, again...)
		}
	}
	slices.SortFunc(done, func(a, b *group) int { return a.at - b.at })
	if len(done) == 1 {
		return done[0].out, batch, nil
	}
	var out []kafka.Record
	for _, grp := range done {
		out = append(out, grp.out...)
	}
	return out, batch, nil
}

// remember keeps the last of the records that passed which tells that the handler works.
func (l *Loop) remember(passed []kafka.Record) {
	for _, r := range slices.Backward(passed) {
		if l.Telling == nil || l.Telling(r) {
			l.witness = append(l.witness[:0], r)
			return
		}
	}
}

// call handles the group once. A panic is an error of these records, not the end of all.
func (l *Loop) call(ctx context.Context, grp *group) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Permanent(fmt.Errorf("panic: %v", p))
		}
		grp.err = err
	}()
	grp.out, err = l.Handle(ctx, grp.recs)
	return err
}

// failed decides what comes after a failure that may pass. It waits, and returns the groups
// to try next; none means that the group's one record is to blame.
func (l *Loop) failed(ctx context.Context, g source, grp *group, batch []kafka.Record, last bool) ([]*group, []kafka.Record) {
	grp.failures++
	l.Metrics.retry()
	if grp.failures == 1 || grp.failures%10 == 0 {
		l.Log.Warn("handler failed: retrying", "records", place(grp.recs), "attempt", grp.failures, "error", grp.err)
	}
	if grp.blamed && l.handlerWorks(ctx) {
		return nil, batch
	}
	grp.blamed = false
	if run.Sleep(ctx, backOff(grp.failures)) != nil || grp.failures < l.attempts() {
		return []*group{grp}, batch
	}
	if l.handlerWorks(ctx) {
		if len(grp.recs) == 1 {
			grp.blamed = true
			return []*group{grp}, batch
		}
		return grp.halves(l.attempts() - 1), batch // each half has one more try before it is split again
	}
	if l.Health != nil {
		l.handlerBad = true
		l.Health.Failed("handler", "HandlerFailed", fmt.Sprintf("nothing of %s can be handled: %v; it is tried again, and lag grows meanwhile", l.Subscription.Topic, grp.err))
	}
	if len(grp.recs) > 1 && len(l.witness) == 0 {
		return grp.halves(l.attempts() - 1), batch
	}
	if last && len(l.witness) == 0 {
		more := l.more(ctx, g)
		if len(more) > 0 {
			next := &group{at: len(batch), recs: more}
			return []*group{next, grp}, append(batch[:len(batch):len(batch)], more...)
		}
	}
	return []*group{grp}, batch
}

// handlerWorks tells whether a record that has passed before passes again: then it is not
// the handler that fails, nor what stands behind it.
func (l *Loop) handlerWorks(ctx context.Context) bool {
	if len(l.witness) == 0 {
		return false
	}
	return l.call(ctx, &group{recs: l.witness}) == nil
}

// more takes further records, if there are any right now.
func (l *Loop) more(ctx context.Context, g source) []kafka.Record {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	recs, err := g.Fetch(ctx)
	if err != nil {
		return nil
	}
	return recs
}

// bury turns the group's one record into a dead letter, or Instead.
func (l *Loop) bury(grp *group, reason string) *group {
	cause := grp.err
	var p *permanentError
	if errors.As(cause, &p) {
		cause = p.error
	}
	grp.out = l.cannot(grp.recs[0], reason, cause, grp.failures+1)
	return grp
}

// halves splits the group in two, each with so many failures to its name.
func (g *group) halves(failures int) []*group {
	mid := len(g.recs) / 2
	return []*group{
		{at: g.at, recs: g.recs[:mid], failures: failures, err: g.err},
		{at: g.at + mid, recs: g.recs[mid:], failures: failures, err: g.err},
	}
}

func (l *Loop) attempts() int {
	if l.Attempts > 0 {
		return l.Attempts
	}
	return defaultAttempts
}

// place names the first record of a batch, and how many follow.
func place(recs []kafka.Record) string {
	r := recs[0]
	return fmt.Sprintf("%s[%d]@%d and %d more", r.Topic, r.Partition, r.Offset, len(recs)-1)
}

// backOff is 50 ms doubling to 10 s, with jitter of a half.
func backOff(attempt int) time.Duration {
	d := min(50*time.Millisecond<<min(attempt, 8), 10*time.Second)
	return d/2 + rand.N(d/2)
}
