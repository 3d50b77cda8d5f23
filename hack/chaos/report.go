package main

import (
	"fmt"
	"io"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
)

// effect is what one fault did to the flow.
type effect struct {
	still [hops]time.Duration // the longest time without progress after it
	// flows is how long after it was mended the hop that it had stopped made progress; absent where no hop in particular
	// is stopped.
	flows *time.Duration
}

// String is the effect in words.
func (e effect) String() string {
	text := fmt.Sprintf("nothing scored for %s, nothing told for %s", seconds(e.still[scored]), seconds(e.still[told]))
	if e.flows != nil {
		text += fmt.Sprintf(", flows again %s after it was restored", seconds(*e.flows))
	}
	return text
}

// row is what is known of one kind of fault: the longest times of all of that kind.
type row struct {
	kind  string
	times int
	goal  time.Duration // 0: none
	effect
}

// missed tells whether the goal was missed. Where something has to flow again, the goal is for that.
func (r *row) missed() bool {
	took := max(r.still[scored], r.still[told])
	if r.flows != nil {
		took = *r.flows
	}
	return r.goal > 0 && took >= r.goal
}

// report is what a run showed.
type report struct {
	rows    []*row
	calm    [hops]time.Duration // the longest time without progress before the first fault
	faults  int
	drained time.Duration
	ledger  audit.Ledger
}

// ok is true if the auditor has nothing to say against it and nothing is left to be told. A run in which nothing was
// broken, or nothing said, shows nothing.
func (r *report) ok() bool {
	return r.ledger.OK() && r.ledger.Pending == 0 && r.faults > 0 && r.ledger.Routed > 0
}

// add takes the result of one fault.
func (r *report) add(kind string, goal time.Duration, e effect) {
	r.faults++
	var at *row
	for _, have := range r.rows {
		if have.kind == kind {
			at = have
		}
	}
	if at == nil {
		at = &row{kind: kind, goal: goal}
		r.rows = append(r.rows, at)
	}
	at.times++
	for h := range hops {
		at.still[h] = max(at.still[h], e.still[h])
	}
	if e.flows != nil && (at.flows == nil || *e.flows > *at.flows) {
		at.flows = e.flows
	}
}

// seconds is a duration for the table. Standstills shorter than noted are not remembered.
func seconds(d time.Duration) string {
	if d < noted {
		return fmt.Sprintf("< %.1f s", noted.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// print writes the table, the findings and, as the last line, the ledger.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%-34s %5s  %14s  %14s  %11s  %6s\n", "fault", "times", "nothing scored", "nothing told", "flows again", "goal")
	fmt.Fprintf(w, "%-34s %5s  %14s  %14s\n", "none, before the first", "", seconds(r.calm[scored]), seconds(r.calm[told]))
	missed := 0
	for _, row := range r.rows {
		goal, flows := "", ""
		if row.goal > 0 {
			goal = "< " + row.goal.String()
		}
		if row.missed() {
			goal += "  missed"
			missed++
		}
		if row.flows != nil {
			flows = seconds(*row.flows)
		}
		fmt.Fprintf(w, "%-34s %5d  %14s  %14s  %11s  %s\n", row.kind, row.times, seconds(row.still[scored]), seconds(row.still[told]), flows, goal)
	}
	fmt.Fprintf(w, "%d faults of %d kinds; %d kinds missed their goal; drained in %s\n\n", r.faults, len(r.rows), missed, r.drained.Round(time.Second))
	for _, line := range r.ledger.Explain(findings) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w, r.ledger)
}
