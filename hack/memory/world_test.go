package main

import "testing"

func TestParsePeak(t *testing.T) {
	got, err := parsePeak("Name:\tnotifier\nVmPeak:\t 1254 kB\nVmHWM:\t   40960 kB\nVmRSS:\t 100 kB\n")
	if err != nil || got != 40<<20 {
		t.Errorf("parsePeak = %d, %v, want 40 MB", got, err)
	}
	if _, err := parsePeak("Name:\tnotifier\nState:\tZ (zombie)\n"); err == nil {
		t.Error("parsePeak of a process that has ended = nil, want an error")
	}
}
