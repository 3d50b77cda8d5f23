package broker

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
)

// TestEmbeddedTellsTheAdvertisedAddress has a client come by one address, as by that of a Service, and go on by the
// address that it is told.
func TestEmbeddedTellsTheAdvertisedAddress(t *testing.T) {
	free, err := ports.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free[0])
	e, err := StartEmbedded(t.Context(), EmbeddedOptions{Listen: ":" + port, Advertise: net.JoinHostPort("localhost", port)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	c := client(t, []string{ports.Address(free[0])})
	brokers, err := kadm.NewClient(c).ListBrokers(within(t, 30*time.Second))
	if err != nil || len(brokers) != 1 {
		t.Fatalf("brokers: %v, %v, want one", brokers, err)
	}
	if got, want := net.JoinHostPort(brokers[0].Host, strconv.Itoa(int(brokers[0].Port))), e.Bootstrap()[0]; got != want {
		t.Errorf("the client is told %s, want %s", got, want)
	}
	fill(t, e.Bootstrap(), "events", 1, 5)
	if got, want := count(t, e.Bootstrap(), "events"), int64(5); got != want {
		t.Errorf("records by the advertised address = %d, want %d", got, want)
	}
}

func TestAddressesThatClientsCannotUse(t *testing.T) {
	for _, tt := range []struct{ listen, advertise, want string }{
		{"9092", "kafka:9092", "listen address"},
		{":9092", "", "advertised address"},
		{":9092", "kafka", "advertised address"},
		{":9092", ":9092", "need a host"},
		{":9092", "kafka:0", "a port from 1"},
		{"", "kafka:9092", "listen address"},
	} {
		_, err := StartEmbedded(t.Context(), EmbeddedOptions{Listen: tt.listen, Advertise: tt.advertise})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Listen %q, Advertise %q: %v, want an error with %q", tt.listen, tt.advertise, err, tt.want)
		}
	}
}
