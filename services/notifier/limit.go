package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/memory"
)

const (
	// leastTold is what a route remembers however little memory there is.
	leastTold = 10_000
	// unlimited is for how much memory the process is made where nothing limits it.
	unlimited = 2 << 30
)

// maxTold is how many events each of the routes may remember in a process of so many bytes:
// half of them are for that.
func maxTold(limit int64, routes int) int {
	share := int(limit / 2 / memory.BytesPerEvent / int64(routes))
	return min(max(share, leastTold), memory.MaxTold)
}

// memoryLimit is how many bytes the process's control group may take.
func memoryLimit() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			return min(n, unlimited)
		}
	}
	return unlimited
}
