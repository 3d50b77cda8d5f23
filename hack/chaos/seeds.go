package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// finding is a run that failed once, and what it found.
type finding struct {
	seed      uint64
	duration  time.Duration
	rate      float64
	brokers   int
	together  int
	only      []string // kinds of faults; empty: all that there were
	found, by string   // what was wrong, and what keeps it from coming back
}

// found are the runs that failed, and one (31) that shows what was found by reading, so that each can be made again: `make chaos SEEDS=all`. A seed deals from the deck of
// today, so that a run of all kinds breaks other things than it did when it failed.
var found = []finding{
	{seed: 3, duration: 4 * time.Minute, rate: 200, brokers: 3, together: 1,
		found: "the end was not drained in five minutes: each edit of what a digest told took a turn of its own",
		by:    "one update for all that waits for a message (notifier: TestManyRevisionsOfADigestAreOneUpdate)"},
	{seed: 5, duration: 2 * time.Minute, rate: 400, brokers: 3, together: 1, only: []string{"redeliver", "drop"},
		found: "the auditor called a reply lost that only an edit made match, which Slack tells of once",
		by:    "a note (audit: TestAReplyThatOnlyItsEditMatches)"},
	{seed: 31, duration: 75 * time.Second, rate: 60, brokers: 0, together: 1, only: []string{"disk full", "kill"},
		found: "by reading: the embedded broker would answer that it does not know what is wrong when its disk is full",
		by:    "it takes nothing then and says why (broker: TestEmbeddedTakesNothingOnAFullDisk)"},
	{seed: 101, duration: 2 * time.Minute, rate: 100, brokers: 3, together: 1,
		found: "a broker died while a digest's outcomes were written: the digest was closed, seven of its events were not, and the next owner told them again",
		by:    "a digest is closed after all its events (notifier: TestACrashAtEveryStep, tail)"},
}

// chosen are the findings that a list of seeds names, comma separated; all: every one.
func chosen(list string) ([]finding, error) {
	if list == "all" {
		return found, nil
	}
	var some []finding
	for _, text := range strings.Split(list, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		i := slices.IndexFunc(found, func(f finding) bool { return f.seed == seed })
		if err != nil || i < 0 {
			var all []string
			for _, f := range found {
				all = append(all, strconv.FormatUint(f.seed, 10))
			}
			return nil, fmt.Errorf("SEEDS: %q; want all, or some of %s", text, strings.Join(all, ", "))
		}
		some = append(some, found[i])
	}
	return some, nil
}

// settings are those of the run that found it, with all else as s has it.
func (f finding) settings(s settings) settings {
	s.seed, s.duration, s.rate, s.brokers, s.together, s.only = f.seed, f.duration, f.rate, f.brokers, f.together, f.only
	s.dataDir = filepath.Join(s.dataDir, fmt.Sprintf("seed-%d", f.seed))
	return s
}

// again makes the runs of the findings once more, one after another, and tells whether all were clean.
func again(ctx context.Context, s settings, all []finding, out io.Writer) bool {
	clean := 0
	for _, f := range all {
		fmt.Fprintf(out, "\nonce more, seed %d: %s; now: %s\n", f.seed, f.found, f.by)
		r, err := play(ctx, f.settings(s))
		if err != nil {
			fmt.Fprintln(out, "chaos:", err)
			continue
		}
		r.print(out)
		if r.ok() {
			clean++
		}
	}
	fmt.Fprintf(out, "\n%d of %d seeds are clean\n", clean, len(all))
	return clean == len(all)
}
