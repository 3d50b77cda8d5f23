package controller

import (
	"testing"
	"time"
)

// TestDeadline: a minute from its own deletion, or from its namespace's where that came first, and ten seconds at least.
func TestDeadline(t *testing.T) {
	deleted := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name      string
		namespace time.Time
		want      time.Duration // after its own deletion
	}{
		{"the namespace stays", time.Time{}, time.Minute},
		{"the namespace with it", deleted, time.Minute},
		{"the namespace after it", deleted.Add(30 * time.Second), time.Minute},
		{"the namespace 35 s before it", deleted.Add(-35 * time.Second), 25 * time.Second},
		{"the namespace long before it", deleted.Add(-time.Hour), 10 * time.Second},
	} {
		if got := deadline(deleted, tt.namespace).Sub(deleted); got != tt.want {
			t.Errorf("%s: it goes after %s, want %s", tt.name, got, tt.want)
		}
	}
}
