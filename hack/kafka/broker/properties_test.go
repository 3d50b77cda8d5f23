package broker

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestHost: brokers listen on, and tell clients, the address that they were given.
func TestHost(t *testing.T) {
	n := node{ID: 1, Host: "192.0.2.7", Ports: map[string]int{plain: 9092, controller: 9093, detour(0): 9094}, Advertised: map[string]int{detour(0): 9095}}
	l := layout{Nodes: []node{n}}
	lines := strings.Split(l.properties(n, t.TempDir()), "\n")
	for _, want := range []string{
		"controller.quorum.voters=1@192.0.2.7:9093",
		"listeners=CONTROLLER://192.0.2.7:9093,DETOUR0://192.0.2.7:9094,PLAINTEXT://192.0.2.7:9092",
		"advertised.listeners=DETOUR0://192.0.2.7:9095,PLAINTEXT://192.0.2.7:9092",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("properties = %q, want the line %q", lines, want)
		}
	}
	if got, want := l.addresses(plain), []string{"192.0.2.7:9092"}; !slices.Equal(got, want) {
		t.Errorf("addresses = %q, want %q", got, want)
	}
	if _, err := StartReal(t.Context(), RealOptions{Host: "kafka.example"}); err == nil || !strings.Contains(err.Error(), "is no IP address") {
		t.Errorf("StartReal on a name = %v, want that it is no IP address", err)
	}
}

func TestClusterIDsAreNoFlags(t *testing.T) {
	random := bytes.NewReader(append(bytes.Repeat([]byte{0xf8}, 16), bytes.Repeat([]byte{1}, 16)...)) // 0xf8 begins with a dash
	if got, want := newClusterID(random), "AQEBAQEBAQEBAQEBAQEBAQ"; got != want {
		t.Errorf("id %q, want the second one drawn, %q", got, want)
	}
}
