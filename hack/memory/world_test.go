package main

import (
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

func TestContainers(t *testing.T) {
	root, err := broker.Root()
	if err != nil {
		t.Fatal(err)
	}
	limits, err := containers(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"slack-ingest", "twitter-ingest", "sentiment-scorer", "notifier"} {
		if got, least := limits[program], int64(64<<20); got < least {
			t.Errorf("limit of %s = %d, want %d at least: the program is measured against it", program, got, least)
		}
	}
}

func TestParsePeak(t *testing.T) {
	got, err := parsePeak("Name:\tnotifier\nVmPeak:\t 1254 kB\nVmHWM:\t   40960 kB\nVmRSS:\t 100 kB\n")
	if err != nil || got != 40<<20 {
		t.Errorf("parsePeak = %d, %v, want 40 MB", got, err)
	}
	if _, err := parsePeak("Name:\tnotifier\nState:\tZ (zombie)\n"); err == nil {
		t.Error("parsePeak of a process that has ended = nil, want an error")
	}
}
