package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestSocket finds that HTTP mode, which has no socket, shows none that is not connected.
func TestSocket(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := New(registry)
	connected := func() (float64, bool) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "feedback_slack_connected" {
				return f.GetMetric()[0].GetGauge().GetValue(), true
			}
		}
		return 0, false
	}
	if got, there := connected(); there {
		t.Errorf("before Socket: %v, want it absent", got)
	}
	for _, tt := range []struct {
		connected bool
		want      float64
	}{{false, 0}, {true, 1}, {false, 0}} {
		m.Socket(tt.connected)
		if got, there := connected(); !there || got != tt.want {
			t.Errorf("after Socket(%v): %v, %v, want %v", tt.connected, got, there, tt.want)
		}
	}
}
