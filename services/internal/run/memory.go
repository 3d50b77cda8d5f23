package run

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryFiles tell the most memory that the process's control group may take, by version 2 and 1.
var memoryFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// limitMemory lets the garbage collector know of the container's limit: nine tenths of it are for
// what Go manages. It leaves a GOMEMLIMIT that is set, and does nothing where there is no limit.
func limitMemory(log *slog.Logger, files []string) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	if limit := controlGroup(files); limit > 0 {
		debug.SetMemoryLimit(limit / 10 * 9)
		log.Info("the memory is limited", "limit", limit, "gomemlimit", limit/10*9)
	}
}

// controlGroup is the limit in bytes that the first of the files tells that can be read; 0: none.
func controlGroup(files []string) int64 {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/2 { // version 2 says max, version 1 the largest number of pages
			return 0
		}
		return n
	}
	return 0
}
