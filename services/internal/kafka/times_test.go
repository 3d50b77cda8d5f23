package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// aged writes n records, one an hour, the last of which is an hour old. Each is a batch of
// its own.
func aged(t *testing.T, b *kafkatest.Broker, topic string, n int) time.Time {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	c := b.Client(t)
	for i := range n {
		r := kafka.Record{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, i), Time: now.Add(time.Duration(i-n) * time.Hour)}
		if err := c.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return now
}

func TestOffsetsAtATime(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 1)
		c := b.Client(t)
		empty, err := c.OffsetsAt(t.Context(), topic, time.Now())
		if err != nil || !maps.Equal(empty, map[int]int64{0: 0}) {
			t.Errorf("OffsetsAt of an empty topic = %v, %v, want 0 and no error", empty, err)
		}
		now := aged(t, b, topic, 10)
		for _, test := range []struct {
			name string
			at   time.Time
			want int64
		}{
			{"before all", now.Add(-100 * time.Hour), 0},
			{"before there was time", time.Time{}, 0},
			{"between two", now.Add(-3*time.Hour - time.Minute), 7},
			{"at one", now.Add(-3 * time.Hour), 7},
			{"after all", now, 10},
		} {
			got, err := c.OffsetsAt(t.Context(), topic, test.at)
			if err != nil || got[0] != test.want {
				t.Errorf("%s: OffsetsAt = %v, %v, want %d", test.name, got, err, test.want)
			}
		}
		if _, err := c.OffsetsAt(t.Context(), topic+"x", now); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("OffsetsAt of no topic = %v, want that it does not exist", err)
		}
	})
}

func TestScanAndTailFromATime(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 1)
		now := aged(t, b, topic, 6)
		c := b.Client(t)
		for _, test := range []struct {
			at   time.Time
			want []string
		}{{now.Add(-150 * time.Minute), []string{"4", "5"}}, {now, nil}, {time.Time{}, numbers(0, 6)}} {
			var got []string
			err := c.ScanFrom(t.Context(), topic, test.at, func(r kafka.Record) error {
				got = append(got, string(r.Value))
				return nil
			})
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("ScanFrom(%s) = %v, %v, want %v", test.at, got, err, test.want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var got []string
		err := c.TailFrom(ctx, topic, now.Add(-150*time.Minute), func(r kafka.Record) error {
			if got = append(got, string(r.Value)); len(got) == 2 {
				cancel()
			}
			return nil
		})
		if want := []string{"4", "5"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("TailFrom = %v, %v, want %v", got, err, want)
		}
	})
}

func TestReadOneRecord(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 1)
		b.Fill(t, topic, 0, 20)
		c := b.Client(t)
		got, err := c.Read(t.Context(), topic, 0, 13)
		if err != nil || string(got.Value) != "13" || got.Offset != 13 {
			t.Errorf("Read = %q at %d, %v, want 13", got.Value, got.Offset, err)
		}
		for _, test := range []struct {
			partition int
			offset    int64
			want      string
		}{{0, 20, "it holds 0 to 19"}, {7, 0, "no partition 7"}} {
			if _, err := c.Read(t.Context(), topic, test.partition, test.offset); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Read(%d, %d) = %v, want %q", test.partition, test.offset, err, test.want)
			}
		}
	})
}

// TestOffsetsAreSetOnlyWhileNobodyReads: and then the group reads from there.
func TestOffsetsAreSetOnlyWhileNobodyReads(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		topic := b.Topic(t, 1)
		b.Fill(t, topic, 0, 50)
		for _, exclusive := range []bool{false, true} {
			s := kafka.Subscription{Group: fmt.Sprintf("%s.%t", topic, exclusive), Topic: topic, Exclusive: exclusive}
			c := b.Client(t)
			none, err := c.Group(t.Context(), s.Group)
			if err != nil || none.Active() {
				t.Errorf("Group before it was there = %+v, %v, want none that is active", none, err)
			}
			if lags, err := c.Lag(t.Context(), s.Group, topic); err != nil || len(lags) != 1 || lags[0].Committed != -1 {
				t.Errorf("Lag of a group that was never there = %+v, %v, want nothing committed", lags, err)
			}
			first := join(t, b, s)
			first.awaitSeen(50)
			alive, err := c.Group(t.Context(), s.Group)
			if err != nil || !alive.Active() || len(alive.Members) != 1 || alive.Members[0].ClientID != "test" {
				t.Errorf("Group = %+v, %v, want one member, test", alive, err)
			}
			if err := c.SetOffsets(t.Context(), s.Group, topic, map[int]int64{0: 40}); !errors.Is(err, kafka.ErrGroupActive) {
				t.Errorf("SetOffsets while a member reads = %v, want ErrGroupActive", err)
			}
			first.stop()
			kafkatest.Eventually(t, 20*time.Second, func() error {
				if g, err := c.Group(t.Context(), s.Group); err != nil || g.Active() {
					return fmt.Errorf("group is %+v: %w", g, err)
				}
				return nil
			})
			if err := c.SetOffsets(t.Context(), s.Group, topic, map[int]int64{0: 40}); err != nil {
				t.Fatalf("SetOffsets = %v, want nil", err)
			}
			second := join(t, b, s)
			second.awaitSeen(10)
			second.stop()
			if got, want := sorted(second.saw()), numbers(40, 50); !slices.Equal(got, want) {
				t.Errorf("exclusive %t: it read %v, want 40 to 49", exclusive, got)
			}
		}
	})
}
