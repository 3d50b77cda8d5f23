//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// summary is what a run ends with: how long each step took, and the ledger.
var summary []string

// TestMain runs the tests and prints the summary last.
func TestMain(m *testing.M) {
	status := m.Run()
	for _, line := range summary {
		fmt.Println(line)
	}
	os.Exit(status)
}

// step does one thing while people talk, and notes how long it took. While the traffic is on it must not have stopped.
func (s *scene) step(name string, do func()) {
	s.Helper()
	s.Logf("--- %s", name)
	began, before, well := time.Now(), -1, !s.Failed()
	if s.talking {
		before = s.sent()
	}
	defer func() {
		mark := ""
		if well && s.Failed() {
			mark = "  FAILED"
		}
		summary = append(summary, fmt.Sprintf("%7.1fs  %s%s%s", time.Since(began).Seconds(), name, s.note, mark))
		s.note = ""
	}()
	do()
	if !s.talking {
		return
	}
	if after := s.sent(); after <= before {
		s.Errorf("%s: people had said %d posts before and %d after: the traffic stood still", name, before, after)
	}
}
