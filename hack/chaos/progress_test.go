package main

import (
	"testing"
	"time"
)

func TestLongestTimeWithoutProgress(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	p := &progress{last: [hops]time.Time{start, start}}
	for _, s := range []float64{1, 1.05, 4, 5, 11, 12} {
		p.add(at(s), [hops]int{scored: 2})
	}
	p.add(at(2), [hops]int{told: 1})
	for _, c := range []struct {
		name     string
		at       hop
		from, to float64
		want     time.Duration
	}{
		{"the longest of several", scored, 0, 12, 6 * time.Second},
		{"only what lies within", scored, 0, 5, 2950 * time.Millisecond},
		{"cut at the beginning", scored, 8, 12, 3 * time.Second},
		{"cut at the end", scored, 4.5, 7, 2 * time.Second},
		{"until now", scored, 12, 20, 8 * time.Second},
		{"nothing since long before", told, 10, 20, 10 * time.Second},
		{"nothing to see yet", told, 1, 2, time.Second},
	} {
		if got := p.longest(c.at, at(c.from), at(c.to)); got != c.want {
			t.Errorf("%s: longest = %s, want %s", c.name, got, c.want)
		}
	}
	if got, want := p.counts(), ([hops]int{scored: 12, told: 1}); got != want {
		t.Errorf("counts = %v, want %v", got, want)
	}
}
