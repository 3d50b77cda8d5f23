package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// clockTicks is the unit of /proc/<pid>/stat, which Linux has fixed for programs at 1/100 s.
const clockTicks = 100

// usage is what processes have taken since they started.
type usage struct {
	cpu float64 // seconds, of user and system
	rss int64   // bytes, the sum of each process's peak
}

// usageOf reads what the processes have taken so far; all must run still. It is nothing where there is no /proc.
func usageOf(pids []int) (u usage) {
	for _, pid := range pids {
		cpu, err := cpuSeconds(pid)
		if err != nil {
			return usage{}
		}
		rss, err := peakRSS(pid)
		if err != nil {
			return usage{}
		}
		u.cpu += cpu
		u.rss += rss
	}
	return u
}

func cpuSeconds(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ") // behind the program's name, which may hold spaces
	fields := strings.Fields(rest)
	const utime, stime = 11, 12
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	ticks := 0.0
	for _, f := range []string{fields[utime], fields[stime]} {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return ticks / clockTicks, nil
}

func peakRSS(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
}
