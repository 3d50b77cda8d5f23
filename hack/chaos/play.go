package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// calmAtFirst is how long nothing is broken, to know how it is then.
	calmAtFirst = 10 * time.Second
	// recoverLimit is how long at most a fault's effects are waited for before the next one.
	recoverLimit = 90 * time.Second
)

// play runs everything, breaks one part after another until the duration is over, and has the auditor judge. An error
// means that there is nothing to judge.
func play(ctx context.Context, s settings) (*report, error) {
	fmt.Fprintf(s.out, "SEED=%d DURATION=%s RATE=%g BROKERS=%d\n", s.seed, s.duration, s.rate, s.brokers)
	st, err := build(ctx, s)
	if err != nil {
		return nil, err
	}
	defer st.close()
	if err := st.loop.Traffic(ctx, true); err != nil {
		return nil, err
	}
	r := &report{}
	begun := time.Now()
	talk, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	if err := st.warmUp(talk, r); err == nil {
		st.breakThings(talk, r, begun)
	}
	return r, st.judge(ctx, r, begun)
}

// warmUp waits until something was told, and then measures how it is while nothing is broken.
func (st *stage) warmUp(ctx context.Context, r *report) error {
	for st.progress.counts()[told] == 0 {
		if err := hold(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	from := time.Now()
	if err := hold(ctx, min(calmAtFirst, st.s.duration/6)); err != nil {
		return err
	}
	r.calm = st.still(from)
	return nil
}

// still is the longest time without progress on each hop since from.
func (st *stage) still(from time.Time) [hops]time.Duration {
	var d [hops]time.Duration
	for at := range hops {
		d[at] = st.progress.longest(at, from, time.Now())
	}
	return d
}

// deck is every fault as often as its weight, in a random order.
func (st *stage) deck() []fault {
	var deck []fault
	for _, f := range st.wanted(st.possible(faults())) {
		for range f.weight {
			deck = append(deck, f)
		}
	}
	st.rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// possible are those of the faults that this stage can have.
func (st *stage) possible(all []fault) []fault {
	return slices.DeleteFunc(all, func(f fault) bool { return f.possible != nil && !f.possible(st) })
}

// wanted are those of the faults that were asked for; all, if none was.
func (st *stage) wanted(all []fault) []fault {
	if len(st.s.only) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(f fault) bool { return !slices.Contains(st.s.only, f.kind) })
}

// draw takes the next fault from the deck, or, where two are to be broken at a time, the next two as one.
func (st *stage) draw() (fault, bool) {
	next := func() (fault, bool) {
		if len(st.cards) == 0 {
			st.cards = st.deck()
		}
		if len(st.cards) == 0 {
			return fault{}, false
		}
		f := st.cards[0]
		st.cards = st.cards[1:]
		return f, true
	}
	f, ok := next()
	if !ok || st.s.together < 2 {
		return f, ok
	}
	g, _ := next()
	return fault{kind: "two at once", prepare: func(st *stage) blow { return st.together(f.prepare(st), g.prepare(st)) }}, true
}

// breakThings draws one fault after another, with a recovery after each, until ctx ends.
func (st *stage) breakThings(ctx context.Context, r *report, begun time.Time) {
	for ctx.Err() == nil {
		f, ok := st.draw()
		if !ok {
			return
		}
		b := f.prepare(st)
		rest := st.between(2*time.Second, 8*time.Second)
		if b.row == "" {
			b.row = f.kind
		}
		st.say(begun, "%s", b.what)
		from := time.Now()
		if err := b.do(ctx); err != nil && ctx.Err() == nil {
			st.say(begun, "could not break it: %v", err)
		}
		if b.lasting {
			from = time.Now()
		}
		st.recovered(ctx)
		_ = hold(ctx, rest) // ends the loop
		e := effect{still: st.still(from)}
		if b.flows != none {
			d := st.progress.until(b.flows, from, time.Now())
			e.flows = &d
		}
		r.add(b.row, f.goal, e)
		st.say(begun, "  %s", e)
	}
}

// recovered waits until both hops have made progress again and all processes are ready, within a limit.
func (st *stage) recovered(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, recoverLimit)
	defer cancel()
	before := st.progress.counts()
	for {
		now := st.progress.counts()
		if now[scored] > before[scored] && now[told] > before[told] {
			break
		}
		if hold(ctx, 50*time.Millisecond) != nil {
			return
		}
	}
	_ = st.loop.Pipeline().WaitReady(ctx) // one that is not ready within the limit is part of the next fault
}

// judge mends what is left broken, drains, and asks the auditor.
func (st *stage) judge(ctx context.Context, r *report, begun time.Time) (err error) {
	st.say(begun, "everything is mended")
	if err := st.loop.Fault(context.WithoutCancel(ctx), map[string]any{"kind": "restore"}); err != nil {
		return err
	}
	from := time.Now()
	r.ledger, err = st.loop.Finish(ctx, st.s.drain)
	r.drained = time.Since(from)
	return err
}
