package main

import "testing"

func TestMaxTold(t *testing.T) {
	for _, c := range []struct {
		limit  int64
		routes int
		want   int
	}{
		{256 << 20, 1, 447_392},
		{256 << 20, 15, 29_826},
		{64 << 20, 15, leastTold},
		{2 << 30, 1, 1_000_000},
		{2 << 30, 15, 238_609},
	} {
		if got := maxTold(c.limit, c.routes); got != c.want {
			t.Errorf("maxTold(%d, %d) = %d, want %d", c.limit, c.routes, got, c.want)
		}
	}
	for _, c := range []struct {
		limit          int64
		routes         int
		waiting, asked int
	}{
		{512 << 20, 1, 32 << 20, 8 << 20},
		{512 << 20, 4, 16 << 20, 4 << 20},
		{512 << 20, 15, 64 << 20 / 15, 16 << 20 / 15},
		{64 << 20, 15, 4 << 20, 1 << 20},
	} {
		if got := maxWaiting(c.limit, c.routes); got != c.waiting {
			t.Errorf("maxWaiting(%d, %d) = %d, want %d", c.limit, c.routes, got, c.waiting)
		}
		if got := maxAsked(c.limit, c.routes); got != c.asked {
			t.Errorf("maxAsked(%d, %d) = %d, want %d", c.limit, c.routes, got, c.asked)
		}
	}
	if got := memoryLimit(); got <= 0 || got > unlimited {
		t.Errorf("memoryLimit() = %d, want a number of bytes, %d at most", got, int64(unlimited))
	}
}
