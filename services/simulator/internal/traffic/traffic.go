// Package traffic has people talk on the simulated Slack and X: the texts of a corpus at a
// rate, and, where a scenario is wanted, all that makes real traffic hard.
//
// What is said, by whom and where follows from the seed and from how many posts there were
// before; only the times are the clock's.
package traffic

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/slack"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/x"
)

// MaxRate is the highest rate in actions a second.
const MaxRate = 2000

// Options configures Traffic.
type Options struct {
	Slack  *slack.Workspace
	X      *x.Network
	Faults *fault.Set
	Log    *slog.Logger
	// Corpus is what people say.
	Corpus []Text
	// Channels are where people of the workspace talk; most of them in the first.
	Channels []string
	// Scenario weaves in edits, deletions, threads, retweets, bots and faults.
	Scenario bool
	Seed     uint64
	// Said is how many posts there were before, so that a later run goes on.
	Said int
}

// Traffic makes people talk; New makes one. Its methods may be called at the same time.
type Traffic struct {
	o      Options
	people people
	wake   chan struct{}

	mu      sync.Mutex
	rng     *rand.Rand
	running bool
	rate    float64
	spoken  time.Duration // for how long people have talked in this run
	action  int
	next    int // of the corpus, counted over all passes
	order   []int
	recent  []spoken
	same    Text
	popular string
	faulted int
}

// New returns Traffic that is silent until Set.
func New(o Options) *Traffic {
	t := &Traffic{o: o, wake: make(chan struct{}, 1), rng: rand.New(rand.NewPCG(o.Seed, uint64(o.Said))), next: o.Said}
	t.people = people{slack: o.Slack.Handles(), x: xNames}
	t.order = rand.New(rand.NewPCG(o.Seed, 7)).Perm(len(o.Corpus))
	return t
}

// Set starts or stops the talking and sets its rate in actions a second; rate 0 keeps the
// rate. When it returns after a stop, nothing more is said.
func (t *Traffic) Set(running bool, rate float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if rate > 0 {
		t.rate = min(rate, MaxRate)
	}
	t.running = running && t.rate > 0
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Status tells whether people talk, and at what rate.
func (t *Traffic) Status() (running bool, rate float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running, t.rate
}

// Run has people talk whenever Set wants it, until ctx ends.
func (t *Traffic) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	due := time.Now()
	for ctx.Err() == nil {
		wait := time.Hour
		t.mu.Lock()
		if t.running {
			now := time.Now()
			step := time.Duration(float64(time.Second) / t.rate)
			if due.Before(now.Add(-time.Second)) {
				due = now // after a pause nothing is made up for
			}
			for ; !due.After(now); due = due.Add(step) {
				t.act(step)
			}
			wait = due.Sub(now)
		}
		t.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// act is one action; t.mu is held.
func (t *Traffic) act(step time.Duration) {
	t.spoken += step
	n := t.action
	t.action++
	do := (*Traffic).say
	if t.o.Scenario {
		t.misbehave()
		if f := scenario[n%cycle]; f != nil {
			do = f
		}
	}
	if err := do(t); err != nil {
		t.o.Log.Warn("could not say something", "error", err)
	}
}

// misbehave starts the faults of the scenario that are due.
func (t *Traffic) misbehave() {
	for {
		round, i := t.faulted/len(faults), t.faulted%len(faults)
		if t.spoken < time.Duration(round)*faultRound+faults[i].at {
			return
		}
		t.faulted++
		if err := t.o.Faults.Start(faults[i].fault); err != nil {
			t.o.Log.Warn("could not misbehave", "error", err)
		} else {
			t.o.Log.Info("misbehaving, as the scenario wants", "fault", faults[i].fault.Kind, "target", faults[i].fault.Target)
		}
	}
}

// faultRound is after how long of talking the faults of the scenario come again.
const faultRound = 45 * time.Second

var faults = []struct {
	at    time.Duration
	fault fault.Fault
}{
	{6 * time.Second, fault.Fault{Kind: fault.Redeliver, Count: 1}},
	{13 * time.Second, fault.Fault{Kind: fault.Slack429, Target: "chat.postMessage", Count: 1, Duration: fault.Duration(20 * time.Second)}},
	{20 * time.Second, fault.Fault{Kind: fault.Drop, Target: "slack"}},
	{30 * time.Second, fault.Fault{Kind: fault.X503, Target: "search", Count: 1, Duration: fault.Duration(20 * time.Second)}},
	{38 * time.Second, fault.Fault{Kind: fault.Disconnect, Target: "slack"}},
}

// text is the next of the corpus. From the second pass on it gets a few words more, so that
// it is not taken for a repetition.
func (t *Traffic) text() Text {
	pass, i := t.next/len(t.order), t.next%len(t.order)
	t.next++
	text := t.o.Corpus[t.order[i]]
	if pass > 0 && text.Text != "" {
		pass--
		text.Text += suffixes[pass%len(suffixes)]
		text.Text = prefixes[pass/len(suffixes)%len(prefixes)] + text.Text
	}
	return text
}

var suffixes = []string{" Anyone else?", " (since this morning)", " FYI.", " – West Europe", " (second time this week)", " Just saying.", " (on mobile)",
	" – prod subscription", " /cc @channel-ops", " (yesterday as well)", " – EU tenant", " Thread below."}

var prefixes = []string{"", "Again: ", "Update: ", "Hi all, ", "Q: ", "Hm. ", "PS: ", "+1: "}
