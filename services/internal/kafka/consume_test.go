package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// member is one member of a group that notes what it sees.
type member struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error

	mu         sync.Mutex
	seen       []string
	partitions []int
	generation int
	overtaken  int64
}

func join(t *testing.T, b *kafkatest.Broker, s kafka.Subscription) *member {
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{t: t, cancel: cancel, done: make(chan error, 1)}
	s.OnOvertaken = func(_ int, from, to int64) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.overtaken += to - from
	}
	c := b.Client(t)
	go func() { m.done <- c.Consume(ctx, s, m.run) }()
	return m
}

func (m *member) run(ctx context.Context, g *kafka.Generation) error {
	m.mu.Lock()
	m.partitions, m.generation = g.Partitions(), m.generation+1
	m.mu.Unlock()
	for {
		recs, err := g.Fetch(ctx)
		if err != nil {
			return nil
		}
		m.mu.Lock()
		for _, r := range recs {
			m.seen = append(m.seen, string(r.Value))
			g.Done(r.Partition, r.Offset+1)
		}
		m.mu.Unlock()
	}
}

func (m *member) stop() {
	m.t.Helper()
	m.cancel()
	if err := <-m.done; err != nil {
		m.t.Errorf("Consume = %v, want nil after a clean stop", err)
	}
}

func (m *member) saw() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.seen)
}

func (m *member) owns() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.partitions)
}

func (m *member) awaitSeen(n int) {
	m.t.Helper()
	kafkatest.Eventually(m.t, 30*time.Second, func() error {
		if got := len(m.saw()); got < n {
			return fmt.Errorf("member saw %d records, want %d", got, n)
		}
		return nil
	})
}

func awaitOwns(t *testing.T, want string, members ...*member) {
	t.Helper()
	kafkatest.Eventually(t, 30*time.Second, func() error {
		var counts []int
		for _, m := range members {
			counts = append(counts, len(m.owns()))
		}
		if got := fmt.Sprint(counts); got != want {
			return fmt.Errorf("members own %s partitions, want %s", got, want)
		}
		return nil
	})
}

func numbers(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	slices.Sort(out)
	return out
}

func sorted(s []string) []string { slices.Sort(s); return s }

func TestConsumeResumesWhereItWasCommitted(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 3)
		b.Fill(t, topic, 0, 500)
		s := kafka.Subscription{Group: topic + ".g", Topic: topic, MaxBatch: 64}
		first := join(t, b, s)
		first.awaitSeen(500)
		first.stop()
		b.Fill(t, topic, 500, 600)
		second := join(t, b, s)
		second.awaitSeen(100)
		second.stop()
		if got, want := sorted(first.saw()), numbers(0, 500); !slices.Equal(got, want) {
			t.Errorf("first member saw %d records, want 0..499 once each", len(got))
		}
		if got, want := sorted(second.saw()), numbers(500, 600); !slices.Equal(got, want) {
			t.Errorf("second member saw %v, want 500..599 once each", got)
		}
		lags, err := b.Client(t).Lag(t.Context(), s.Group, topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lags {
			if l.Lag() != 0 || l.Committed != l.End {
				t.Errorf("lag of partition %d = %+v, want committed at the end", l.Partition, l)
			}
		}
	})
}

func TestMembersJoinAndLeaveWithoutLossOrRewind(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 4)
		s := kafka.Subscription{Group: topic + ".g", Topic: topic}
		one := join(t, b, s)
		awaitOwns(t, "[4]", one)
		b.Fill(t, topic, 0, 200)
		two := join(t, b, s)
		awaitOwns(t, "[2 2]", one, two)
		b.Fill(t, topic, 200, 400)
		three := join(t, b, s)
		kafkatest.Eventually(t, 30*time.Second, func() error {
			if len(three.owns()) == 0 {
				return errors.New("the third member owns nothing")
			}
			return nil
		})
		b.Fill(t, topic, 400, 600)
		one.stop()
		b.Fill(t, topic, 600, 800)
		kafkatest.Eventually(t, 30*time.Second, func() error {
			if n := len(one.saw()) + len(two.saw()) + len(three.saw()); n < 800 {
				return fmt.Errorf("saw %d records, want 800", n)
			}
			return nil
		})
		two.stop()
		three.stop()
		got := sorted(slices.Concat(one.saw(), two.saw(), three.saw()))
		if want := numbers(0, 800); !slices.Equal(got, want) {
			t.Errorf("members saw %d records (%d different), want each of 800 once", len(got), len(slices.Compact(got)))
		}
	})
}

func TestLatestIsResolvedOnceAndNewPartitionsBeginAtTheirFirstRecord(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 2)
		b.Fill(t, topic, 0, 50) // before anybody listens: not wanted
		s := kafka.Subscription{Group: topic + ".g", Topic: topic, Start: kafka.Latest}
		one, two := join(t, b, s), join(t, b, s)
		awaitOwns(t, "[1 1]", one, two)
		kafkatest.Eventually(t, 20*time.Second, func() error {
			lags, err := b.Client(t).Lag(t.Context(), s.Group, topic)
			if err != nil {
				return err
			}
			for _, l := range lags {
				if l.Committed < 0 {
					return fmt.Errorf("partition %d has no committed start", l.Partition)
				}
			}
			return nil
		})
		one.stop()
		two.stop()
		b.Fill(t, topic, 50, 100) // nobody runs: must not be passed over
		b.AddPartitions(t, topic, 4)
		b.Fill(t, topic, 100, 200)
		three := join(t, b, s)
		three.awaitSeen(150)
		three.stop()
		if got, want := sorted(slices.Concat(one.saw(), two.saw(), three.saw())), numbers(50, 200); !slices.Equal(got, want) {
			t.Errorf("saw %d records, want 50..199 once each", len(got))
		}
	})
}

func TestExclusiveStaysWithTheOldestMember(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 3)
		s := kafka.Subscription{Group: topic + ".g", Topic: topic, Exclusive: true}
		one := join(t, b, s)
		awaitOwns(t, "[3]", one)
		two := join(t, b, s)
		kafkatest.Eventually(t, 20*time.Second, func() error {
			two.mu.Lock()
			defer two.mu.Unlock()
			if two.generation == 0 {
				return errors.New("the second member has not joined")
			}
			return nil
		})
		awaitOwns(t, "[3 0]", one, two)
		b.Fill(t, topic, 0, 30)
		one.awaitSeen(30)
		one.stop()
		awaitOwns(t, "[3]", two)
		b.Fill(t, topic, 30, 60)
		two.awaitSeen(30)
		two.stop()
	})
}

func TestPartitionsAddedWhileRunning(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 1)
		m := join(t, b, kafka.Subscription{Group: topic + ".g", Topic: topic, Start: kafka.Latest})
		awaitOwns(t, "[1]", m)
		b.AddPartitions(t, topic, 3)
		b.Fill(t, topic, 0, 90)
		m.awaitSeen(90)
		awaitOwns(t, "[3]", m)
		m.stop()
	})
}

func TestRecordsThatRetentionDeletedAreReported(t *testing.T) {
	b := kafkatest.Real(t)
	topic := b.Topic(t, 1)
	s := kafka.Subscription{Group: topic + ".g", Topic: topic}
	b.Fill(t, topic, 0, 10)
	one := join(t, b, s)
	one.awaitSeen(10)
	one.stop()
	b.Fill(t, topic, 10, 100)
	b.DeleteRecords(t, topic, 0, 60)
	two := join(t, b, s)
	two.awaitSeen(40)
	two.stop()
	two.mu.Lock()
	defer two.mu.Unlock()
	if two.overtaken != 50 {
		t.Errorf("overtaken = %d offsets, want 50 (10..59)", two.overtaken)
	}
}

func TestWriteReportsTheOneRecordThatIsTooLarge(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 1, "max.message.bytes", "200000")
		c := b.Client(t)
		recs := []kafka.Record{
			{Topic: topic, Key: []byte("a"), Value: []byte("small")},
			{Topic: topic, Key: []byte("b"), Value: []byte(strings.Repeat("x", 2_000_000))}, // over every broker's limit
			{Topic: topic, Key: []byte("c"), Value: []byte("small too")},
		}
		if b.Real { // the embedded broker does not enforce a topic's own limit
			recs = append(recs, kafka.Record{Topic: topic, Key: []byte("d"), Value: []byte(strings.Repeat("y", 300_000))})
		}
		err := c.Write(t.Context(), recs...)
		var failed *kafka.WriteError
		if !errors.As(err, &failed) || !errors.Is(err, kafka.ErrTooLarge) {
			t.Fatalf("Write = %v, want a WriteError that is ErrTooLarge", err)
		}
		want := []int{1}
		if b.Real {
			want = []int{1, 3}
		}
		if !slices.Equal(failed.Failed, want) {
			t.Errorf("failed = %v, want %v", failed.Failed, want)
		}
		if got := b.Values(t, topic); !slices.Equal(got, []string{"small", "small too"}) {
			t.Errorf("the topic has %d records, want the two small ones", len(got))
		}
	})
}

func TestScanReadsACompactedTopicToItsEnd(t *testing.T) {
	b := kafkatest.Real(t)
	topic := b.Topic(t, 1, "cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.01", "max.compaction.lag.ms", "100")
	c := b.Client(t)
	for range 5 {
		for k := range 20 {
			if err := c.Write(t.Context(), kafka.Record{Topic: topic, Key: fmt.Append(nil, k), Value: fmt.Append(nil, k)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	kafkatest.Eventually(t, 60*time.Second, func() error {
		// A segment is compacted once it is closed, and closed by a write after segment.ms.
		if err := c.Write(t.Context(), kafka.Record{Topic: topic, Key: []byte("0"), Value: []byte("0")}); err != nil {
			return err
		}
		if n := len(b.Values(t, topic)); n >= 60 {
			return fmt.Errorf("%d records left: not compacted yet", n)
		}
		return nil
	})
	got := b.Values(t, topic)
	slices.Sort(got)
	if got, want := slices.Compact(got), numbers(0, 20); !slices.Equal(got, want) {
		t.Errorf("keys left = %v, want each of the 20", got)
	}
}

func TestTailFollowsFromNow(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 2)
		b.Fill(t, topic, 0, 10)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var got []string
		b2 := make(chan error, 1)
		go func() {
			b2 <- b.Client(t).Tail(ctx, topic, kafka.Earliest, func(r kafka.Record) error {
				if got = append(got, string(r.Value)); len(got) == 30 {
					cancel()
				}
				return nil
			})
		}()
		b.Fill(t, topic, 10, 30)
		if err := <-b2; err != nil {
			t.Fatal(err)
		}
		if want := numbers(0, 30); !slices.Equal(sorted(got), want) {
			t.Errorf("tail saw %d records, want 30", len(got))
		}
	})
}

func TestClientSaysWhatIsWrong(t *testing.T) {
	c, err := kafka.Open(kafka.Config{BootstrapServers: []string{"127.0.0.1:1"}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Ping(ctx); err == nil || !strings.Contains(err.Error(), "nothing listens there: check KAFKA_BOOTSTRAP_SERVERS") {
		t.Errorf("Ping = %v, want the remedy", err)
	}
}

func TestPingFailsOnceTheBrokerIsGone(t *testing.T) {
	b := kafkatest.Embedded(t)
	c := b.Client(t)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatalf("Ping = %v, want nil", err)
	}
	b.Stop()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := c.Ping(ctx); err == nil {
			t.Error("Ping = nil though the broker is gone")
		}
		cancel()
	}
}
