package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// pairs are ways of breaking two things at once.
func pairs() []fault {
	return []fault{
		{kind: "broker down + notifier killed", weight: 2, goal: afterBroker, possible: hasKafka, prepare: func(st *stage) blow {
			p := st.process("notifier")
			return st.together(killBroker(st), blow{what: "kill -9 " + p.Name, do: func(context.Context) error {
				return st.loop.Pipeline().Kill(p.Name, syscall.SIGKILL)
			}})
		}},
		{kind: "network cut + token revoked", weight: 2, goal: afterRestore, prepare: func(st *stage) blow {
			token := pick(st, []struct {
				name  string
				flows hop
			}{{"bot", posted}, {"app", fromSlack}, {"x", fromX}})
			name := pick(st, st.worldly())
			return st.together(revoke(token.name, token.flows)(st), st.disturb("network to Slack or X", name, st.links[name].world))
		}},
		{kind: "two at once", weight: 3, prepare: func(st *stage) blow {
			all := st.possible(single())
			a := pick(st, all)
			b := pick(st, all)
			for b.kind == a.kind && len(all) > 1 {
				b = pick(st, all)
			}
			return st.together(a.prepare(st), b.prepare(st))
		}},
	}
}

// mostBetween is how long after the first of two blows the second falls at most.
const mostBetween = 4 * time.Second

// together is two blows of which the second falls while the first is still felt.
func (st *stage) together(a, b blow) blow {
	between := st.between(0, mostBetween)
	both := blow{what: fmt.Sprintf("%s; and %s after it: %s", a.what, between, b.what), lasting: a.lasting || b.lasting, flows: a.flows}
	if both.flows == none {
		both.flows = b.flows
	}
	both.do = func(ctx context.Context) error {
		var first, second error
		var blows sync.WaitGroup
		blows.Go(func() { first = a.do(ctx) })
		blows.Go(func() {
			if second = hold(ctx, between); second == nil {
				second = b.do(ctx)
			}
		})
		blows.Wait()
		return errors.Join(first, second)
	}
	return both
}
