package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Goals, of the times without progress. They are reported and decide nothing.
const (
	afterKill    = 10 * time.Second
	afterBroker  = time.Minute
	afterRestore = 30 * time.Second
)

// fault is one way of breaking something.
type fault struct {
	kind string
	// weight is how often it stands in the deck.
	weight int
	// goal is for the time without progress; 0: none.
	goal time.Duration
	// possible tells whether it can be done on a stage; nil: always.
	possible func(st *stage) bool
	// prepare decides what will be broken, so that all decisions follow from the seed, whatever becomes of them.
	prepare func(st *stage) blow
}

// blow is a fault with all its decisions made.
type blow struct {
	// row is the row of the table that it counts in; empty: the fault's kind.
	row string
	// what says what is broken, and for how long.
	what string
	// lasting is true where nothing is expected to move until it was mended: time without progress counts from then on.
	lasting bool
	// flows is the hop at which it is seen that things move again after it was mended; none: nowhere in particular.
	flows hop
	// do breaks it and mends it again before it returns, even if ctx ends.
	do func(ctx context.Context) error
}

// known is nil if all names are kinds of faults.
func known(names []string) error {
	var kinds []string
	for _, f := range faults() {
		kinds = append(kinds, f.kind)
	}
	for _, name := range names {
		if !slices.Contains(kinds, name) {
			return fmt.Errorf("only: %q; want some of %s", name, strings.Join(kinds, ", "))
		}
	}
	return nil
}

// faults lists all ways of breaking something.
func faults() []fault {
	return append(single(), pairs()...)
}

// single lists the ways of breaking one thing.
func single() []fault {
	return slices.Concat(processFaults(), slackFaults(), xFaults(), networkFaults(), brokerFaults(), diskFaults())
}

func processFaults() []fault {
	return []fault{
		{kind: "kill", weight: 6, goal: afterKill, prepare: kill},
		{kind: "terminate", weight: 2, goal: afterKill, prepare: terminate},
		{kind: "freeze", weight: 4, prepare: freeze},
		{kind: "simulator killed", weight: 2, prepare: func(st *stage) blow {
			return blow{what: "kill -9 the simulator of Slack and X; it carries on from its folder", lasting: true, do: func(ctx context.Context) error {
				return st.loop.CrashSimulator(context.WithoutCancel(ctx), true)
			}}
		}},
	}
}

// kill ends a process at once.
func kill(st *stage) blow {
	p := st.process()
	return blow{row: "kill -9 " + p.Image, what: "kill -9 " + p.Name, do: func(context.Context) error {
		return st.loop.Pipeline().Kill(p.Name, syscall.SIGKILL)
	}}
}

// terminate asks a process to end, and starts it again.
func terminate(st *stage) blow {
	p := st.process()
	return blow{row: "terminate " + p.Image, what: "terminate " + p.Name, do: func(ctx context.Context) error {
		return st.loop.Pipeline().Restart(context.WithoutCancel(ctx), p.Name)
	}}
}

// freeze stops a process for longer than its group waits for it: it wakes up as an owner that is none any more.
func freeze(st *stage) blow {
	p, d := st.process("sentiment-scorer", "notifier"), st.between(10*time.Second, 20*time.Second)
	return blow{row: "freeze " + p.Image, what: fmt.Sprintf("freeze %s for %s", p.Name, d), do: func(ctx context.Context) error {
		if err := st.loop.Pipeline().Kill(p.Name, syscall.SIGSTOP); err != nil {
			return err
		}
		return errors.Join(hold(ctx, d), st.loop.Pipeline().Kill(p.Name, syscall.SIGCONT))
	}}
}

// simulatorFault has the simulator misbehave for a while, and ends when that is over.
func (st *stage) simulatorFault(d time.Duration, fields map[string]any) func(context.Context) error {
	return func(ctx context.Context) error {
		fields["duration"] = d.String()
		if err := st.loop.Fault(ctx, fields); err != nil {
			return err
		}
		return hold(ctx, d)
	}
}

func slackFaults() []fault {
	return []fault{
		{kind: "slack429", weight: 2, prepare: func(st *stage) blow { return slackRefuses(st, "slack429") }},
		{kind: "slack5xx", weight: 2, prepare: func(st *stage) blow { return slackRefuses(st, "slack5xx") }},
		{kind: "lost_answer", weight: 3, prepare: func(st *stage) blow {
			n := 1 + st.rng.IntN(20)
			return blow{what: fmt.Sprintf("%d answers to chat.postMessage are lost, the messages stand", n), do: func(ctx context.Context) error {
				return st.loop.Fault(ctx, map[string]any{"kind": "lost_answer", "count": n, "duration": "30s"})
			}}
		}},
		{kind: "slow", weight: 1, prepare: func(st *stage) blow {
			d, delay := st.between(5*time.Second, 15*time.Second), st.between(time.Second, 12*time.Second)
			return blow{what: fmt.Sprintf("Slack takes %s to answer, for %s", delay, d), lasting: true,
				do: st.simulatorFault(d, map[string]any{"kind": "slow", "delay": delay.String()})}
		}},
		{kind: "drop", weight: 1, prepare: atOnce("drop", "slack", "the socket is cut without a word")},
		{kind: "disconnect", weight: 1, prepare: atOnce("disconnect", "slack", "the socket is asked to reconnect")},
		{kind: "redeliver", weight: 2, prepare: func(st *stage) blow {
			n := 5 + st.rng.IntN(50)
			return blow{what: fmt.Sprintf("%d acknowledged events come again", n), do: func(ctx context.Context) error {
				return st.loop.Fault(ctx, map[string]any{"kind": "redeliver", "count": n})
			}}
		}},
		{kind: "ghost", weight: 1, prepare: func(st *stage) blow {
			d := st.between(3*time.Second, 10*time.Second)
			return blow{what: fmt.Sprintf("a socket swallows events for %s", d), lasting: true, do: st.simulatorFault(d, map[string]any{"kind": "ghost"})}
		}},
		{kind: "half_open slack", weight: 1, prepare: func(st *stage) blow {
			d := st.between(5*time.Second, 15*time.Second)
			return blow{what: fmt.Sprintf("Slack's sockets say nothing for %s", d), lasting: true, do: st.simulatorFault(d, map[string]any{"kind": "half_open", "target": "slack"})}
		}},
		{kind: "revoke bot", weight: 1, goal: afterRestore, prepare: revoke("bot", posted)},
		{kind: "revoke app", weight: 1, goal: afterRestore, prepare: revoke("app", fromSlack)},
	}
}

func xFaults() []fault {
	return []fault{
		{kind: "x503", weight: 2, prepare: func(st *stage) blow {
			d := st.between(5*time.Second, 15*time.Second)
			return blow{what: fmt.Sprintf("X answers 503 for %s", d), lasting: true, do: st.simulatorFault(d, map[string]any{"kind": "x503"})}
		}},
		{kind: "x_late", weight: 1, prepare: func(st *stage) blow {
			d := st.between(3*time.Second, 15*time.Second)
			return blow{what: fmt.Sprintf("X's search finds half of the posts %s late", d), lasting: true, do: st.simulatorFault(d, map[string]any{"kind": "x_late"})}
		}},
		{kind: "drop x", weight: 1, prepare: atOnce("drop", "x", "X's stream is cut without a word")},
		{kind: "half_open x", weight: 1, prepare: func(st *stage) blow {
			d := st.between(5*time.Second, 30*time.Second)
			return blow{what: fmt.Sprintf("X's stream says nothing for %s", d), lasting: true, do: st.simulatorFault(d, map[string]any{"kind": "half_open", "target": "x"})}
		}},
		{kind: "revoke x", weight: 1, goal: afterRestore, prepare: revoke("x", fromX)},
	}
}

// slackRefuses has some of Slack's methods, or all, answer with an error for a while.
func slackRefuses(st *stage, kind string) blow {
	method, d := pick(st, []string{"", "chat.postMessage", "conversations.history", "chat.update", "apps.connections.open"}), st.between(5*time.Second, 15*time.Second)
	what := fmt.Sprintf("%s on %s for %s", kind, method, d)
	if method == "" {
		what = fmt.Sprintf("%s on all methods for %s", kind, d)
	}
	return blow{what: what, lasting: true, do: st.simulatorFault(d, map[string]any{"kind": kind, "target": method})}
}

func atOnce(kind, target, what string) func(*stage) blow {
	return func(st *stage) blow {
		return blow{what: what, do: func(ctx context.Context) error {
			return st.loop.Fault(ctx, map[string]any{"kind": kind, "target": target})
		}}
	}
}

// revoke takes a token away and gives it back; flows is the hop that stands still without it.
func revoke(token string, flows hop) func(*stage) blow {
	return func(st *stage) blow {
		d := st.between(5*time.Second, 15*time.Second)
		return blow{what: fmt.Sprintf("the %s token is revoked for %s", token, d), lasting: true, flows: flows, do: func(ctx context.Context) error {
			if err := st.loop.Fault(ctx, map[string]any{"kind": "revoke", "target": token}); err != nil {
				return err
			}
			held := hold(ctx, d)
			return errors.Join(held, st.loop.Fault(context.WithoutCancel(ctx), map[string]any{"kind": "restore", "target": token}))
		}}
	}
}
