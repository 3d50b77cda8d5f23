package main

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
)

func TestParse(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	s, err := parse([]string{"-rate=50"}, env("SEED", "7", "DURATION", "90s", "RATE", "200", "BROKERS", "1"), io.Discard)
	if err != nil || s.seed != 7 || s.duration != 90*time.Second || s.rate != 50 || s.brokers != 1 {
		t.Errorf("parse = %+v, %v; want seed 7, 90s, rate 50, 1 broker", s, err)
	}
	for _, c := range []struct{ arg, want string }{
		{"-seed=x", "SEED"}, {"-duration=5", "DURATION"}, {"-duration=0s", "DURATION"}, {"-rate=0", "RATE"}, {"-rate=5000", "RATE"},
		{"-brokers=2", "BROKERS"}, {"-together=3", "TOGETHER"}, {"-only=earthquake", "slack429"}, {"-seeds=4711", "want all, or some of 3, "},
	} {
		if _, err := parse([]string{c.arg}, env(), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("parse(%s) = %v, want an error with %s", c.arg, err, c.want)
		}
	}
}

func TestADeckFollowsFromItsSeed(t *testing.T) {
	deck := func(seed uint64) []string {
		st := &stage{rng: rand.New(rand.NewPCG(seed, 0))}
		var kinds []string
		for _, f := range st.deck() {
			kinds = append(kinds, f.kind)
		}
		return kinds
	}
	if got, want := deck(1), deck(1); !slices.Equal(got, want) {
		t.Errorf("the same seed deals %v and %v", got, want)
	}
	one, two := &stage{rng: rand.New(rand.NewPCG(1, 0))}, &stage{rng: rand.New(rand.NewPCG(1, 0)), s: settings{together: 2}}
	for range 100 {
		f, _ := one.draw()
		g, ok := two.draw()
		if f.kind == "" || !ok || g.kind != "two at once" {
			t.Fatalf("drew %q and %q, want one kind, and two at once", f.kind, g.kind)
		}
	}
	if slices.Equal(deck(1), deck(2)) {
		t.Error("two seeds deal the same")
	}
	for _, kind := range []string{"broker killed and back", "network to Kafka", "disk full"} {
		if slices.Contains(deck(1), kind) {
			t.Errorf("%q is dealt with an embedded broker on the machine's disk, which cannot do it", kind)
		}
	}
	if !slices.Contains(deck(1), "freeze") {
		t.Error("freeze is not dealt")
	}
}

func TestEveryKindIsNamedOnceAndWeighs(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults() {
		if seen[f.kind] || f.weight < 1 || f.prepare == nil || strings.Contains(f.kind, ",") {
			t.Errorf("%q: twice, without weight, nothing to do, or a comma in its name", f.kind)
		}
		seen[f.kind] = true
	}
}

// TestTheManifestHasWhatIsPromised: fifty channels in all, and X by both ways.
func TestTheManifestHasWhatIsPromised(t *testing.T) {
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	m, err := executor.Read(filepath.Join(root, "hack/chaos/pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	channels := ""
	for _, v := range simulated(m) {
		if list, ok := strings.CutPrefix(v, "SLACK_CHANNELS="); ok {
			channels = list
		}
	}
	if got, want := len(strings.Split(channels, ",")), 50; got < want {
		t.Errorf("channels = %d, want %d at least", got, want)
	}
	modes := map[string]bool{}
	for _, s := range m.Pipeline.Spec.Sources {
		if s.Twitter != nil {
			modes[string(s.Twitter.Mode)] = true
		}
	}
	if !modes["Search"] || !modes["Stream"] {
		t.Errorf("X is read by %v, want Search and Stream", modes)
	}
}

func TestFindingsCanBeMadeAgain(t *testing.T) {
	s, err := parse([]string{"-seeds=all", "-data=/d"}, func(string) string { return "" }, io.Discard)
	if err != nil || len(s.again) != len(found) {
		t.Fatalf("parse(-seeds=all) = %d runs, %v; want %d", len(s.again), err, len(found))
	}
	seen := map[string]bool{}
	for _, f := range found {
		r := f.settings(s)
		if err := known(f.only); err != nil || r.duration <= 0 || r.rate <= 0 || r.together < 1 || f.found == "" || f.by == "" || seen[r.dataDir] {
			t.Errorf("seed %d: %+v, %v; want a run with a folder of its own, what it found and what keeps that from coming back", f.seed, r, err)
		}
		seen[r.dataDir] = true
	}
	if one, err := chosen("31, 3"); err != nil || len(one) != 2 || one[0].seed != 31 || one[1].seed != 3 {
		t.Errorf("chosen(31, 3) = %+v, %v", one, err)
	}
}

func TestReport(t *testing.T) {
	r := &report{}
	ago := func(d time.Duration) *time.Duration { return &d }
	r.add("kill -9 notifier", afterKill, effect{still: [hops]time.Duration{scored: time.Second, told: 3 * time.Second}})
	r.add("kill -9 notifier", afterKill, effect{still: [hops]time.Duration{scored: 2 * time.Second, told: time.Second}})
	r.add("revoke bot", afterRestore, effect{flows: ago(time.Minute)})
	r.add("revoke bot", afterRestore, effect{flows: ago(time.Second)})
	r.add("revoke x", afterRestore, effect{still: [hops]time.Duration{told: time.Minute}, flows: ago(time.Second)})
	var b strings.Builder
	r.print(&b)
	for _, want := range []string{
		"kill -9 notifier                       2           2.0 s           3.0 s               < 10s\n",
		"revoke bot                             2         < 0.1 s         < 0.1 s       60.0 s  < 30s  missed\n",
		"revoke x                               1         < 0.1 s          60.0 s        1.0 s  < 30s\n", "5 faults of 3 kinds; 1 kinds missed", "ledger: sent 0",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("report:\n%s\nwant %q in it", b.String(), want)
		}
	}
	if r.ledger.Routed = 9; !r.ok() {
		t.Error("a missed goal made the run fail")
	}
	for _, l := range []audit.Ledger{
		{}, {Routed: 9, LostRoute: 1}, {Routed: 9, Duplicated: 1}, {Routed: 9, Pending: 1}, {Routed: 9, Findings: []audit.Finding{{Kind: audit.Stale}}},
	} {
		if r.ledger = l; r.ok() {
			t.Errorf("%+v is taken for a good end", l)
		}
	}
}

func TestARunWithoutFaultsShowsNothing(t *testing.T) {
	if r := (&report{ledger: audit.Ledger{Sent: 9, Routed: 9}}); r.ok() {
		t.Error("a run in which nothing was broken is taken for a good one")
	}
}

// TestMain keeps tests from taking this shell's settings for theirs.
func TestMain(m *testing.M) {
	for _, name := range []string{"SEED", "DURATION", "RATE", "BROKERS", "ONLY", "TOGETHER", "SEEDS"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}
