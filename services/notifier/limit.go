package main

import (
	"runtime/debug"

	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
)

const (
	// leastTold is what a route remembers however little memory there is.
	leastTold = 10_000
	// unlimited is for how much memory the process is made where nothing limits it.
	unlimited = 2 << 30
	// What waits in a route to be told, and what its consumer asks for at once, is as much as
	// there is room for, between these.
	leastWaiting, mostWaiting = 4 << 20, 32 << 20
	leastAsked, mostAsked     = 1 << 20, 8 << 20
)

// maxTold is how many events each of the routes may remember in a process of so many bytes:
// half of them are for that.
func maxTold(limit int64, routes int) int {
	share := int(limit / 2 / memory.BytesPerEvent / int64(routes))
	return min(max(share, leastTold), memory.MaxTold)
}

// maxWaiting is how many bytes of events may wait in each of the routes: an eighth of the process's
// is for that.
func maxWaiting(limit int64, routes int) int {
	return min(max(int(limit/8/int64(routes)), leastWaiting), mostWaiting)
}

// maxAsked is how many bytes each route's consumer asks for at once. Two batches of at most
// as many may be in hand besides: together an eighth of the process's.
func maxAsked(limit int64, routes int) int {
	return min(max(int(limit/32/int64(routes)), leastAsked), mostAsked)
}

// memoryLimit is how many bytes Go may manage: GOMEMLIMIT, which package run sets by the
// container's limit.
func memoryLimit() int64 { return min(debug.SetMemoryLimit(-1), unlimited) }
