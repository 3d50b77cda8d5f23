package kafka_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// door passes connections on to a broker and notes when they come.
type door struct {
	shut  atomic.Bool // whoever comes is shown out without a word
	mu    sync.Mutex
	began time.Time
	times []time.Duration
}

// newDoor returns the address at which it listens in front of another.
func newDoor(t *testing.T, to string) (*door, string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	d := &door{began: time.Now()}
	go func() {
		for {
			in, err := lis.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.times = append(d.times, time.Since(d.began).Round(10*time.Millisecond))
			d.mu.Unlock()
			if d.shut.Load() {
				_ = in.Close()
				continue
			}
			go pass(in, to)
		}
	}()
	return d, lis.Addr().String()
}

func pass(in net.Conn, to string) {
	defer func() { _ = in.Close() }()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// came gives the times of the connections in bursts: those of a burst come within a second.
func (d *door) came() [][]time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	var bursts [][]time.Duration
	for _, at := range d.times {
		if n := len(bursts); n > 0 && at-bursts[n-1][0] < time.Second {
			bursts[n-1] = append(bursts[n-1], at)
			continue
		}
		bursts = append(bursts, []time.Duration{at})
	}
	return bursts
}

// Who is refused tries again every few seconds, and ever more rarely, whatever asks: what
// waits for topics, consumes and writes shares one patience.
func TestRefusalsAreRetriedSlowly(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T) (to string, cfg kafka.Config)
	}{
		{"wrong password, embedded", func(t *testing.T) (string, kafka.Config) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.User("PLAIN", "somebody", "else"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			return cluster.ListenAddrs()[0], kafka.Config{SASLMechanism: "PLAIN", SASLUsername: "somebody", SASLPassword: "sesame"}
		}},
		{"wrong password", func(t *testing.T) (string, kafka.Config) {
			return at(t, "SASL_")[0], kafka.Config{SASLMechanism: "SCRAM-SHA-256", SASLUsername: env(t, "KAFKA_TEST_USER"), SASLPassword: "sesame"}
		}},
		{"wrong authority", func(t *testing.T) (string, kafka.Config) {
			return at(t, "TLS_")[0], kafka.Config{TLSCA: file(t, "KAFKA_TEST_OTHER_CA")}
		}},
		{"expired broker", func(t *testing.T) (string, kafka.Config) {
			return at(t, "EXPIRED_")[0], kafka.Config{TLSCA: file(t, "KAFKA_TEST_CA")}
		}},
		{"expired client", func(t *testing.T) (string, kafka.Config) {
			return at(t, "MTLS_")[0], kafka.Config{TLSCA: file(t, "KAFKA_TEST_CA"),
				TLSCertificate: file(t, "KAFKA_TEST_EXPIRED_CERT"), TLSKey: run.Secret(file(t, "KAFKA_TEST_EXPIRED_KEY"))}
		}},
		{"TLS where there is none", func(t *testing.T) (string, kafka.Config) {
			return at(t, "")[0], kafka.Config{TLSCA: file(t, "KAFKA_TEST_CA")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			to, cfg := c.setup(t)
			d, address := newDoor(t, to)
			cfg.BootstrapServers = []string{address}
			client := open(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
			defer cancel()
			var all sync.WaitGroup
			all.Go(func() { _ = client.WaitTopics(ctx, slog.New(slog.DiscardHandler), "topic") })
			all.Go(func() { _ = client.Consume(ctx, kafka.Subscription{Group: "g", Topic: "topic"}, nil) })
			all.Go(func() {
				for ctx.Err() == nil {
					_ = client.Write(ctx, kafka.Record{Topic: "topic"})
					_ = run.Sleep(ctx, 100*time.Millisecond)
				}
			})
			all.Wait()
			bursts := d.came()
			t.Log(bursts)
			if len(bursts) < 2 || len(bursts) > 3 {
				t.Errorf("%d bursts of connections in 9 s, want 2 or 3: %v", len(bursts), bursts)
			}
			for i, b := range bursts {
				if len(b) > 1 {
					t.Errorf("%d connections at once, want one: %v", len(b), b)
				}
				if i > 0 && b[0]-bursts[i-1][len(bursts[i-1])-1] < 2*time.Second {
					t.Errorf("connections at %v and %v, want some seconds between", bursts[i-1], b)
				}
			}
		})
	}
}

// What was refused goes on by itself when the reason is gone.
func TestARefusedClientRecovers(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	d, address := newDoor(t, cluster.ListenAddrs()[0])
	d.shut.Store(true)
	client := open(t, kafka.Config{BootstrapServers: []string{address}})
	done := make(chan error, 1)
	go func() {
		done <- client.WaitTopics(within(t), slog.New(slog.DiscardHandler), "topic")
	}()
	kafkatest.Eventually(t, 10*time.Second, func() error {
		if len(d.came()) == 0 {
			return errors.New("nobody came")
		}
		return nil
	})
	d.shut.Store(false)
	if err := <-done; err != nil {
		t.Errorf("WaitTopics = %v, want nil once the broker lets it in", err)
	}
}
