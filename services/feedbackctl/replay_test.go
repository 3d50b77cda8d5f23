package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka/kafkatest"
)

// said writes n events to feedback, an hour apart, the last an hour ago.
func (b *broker) said(n int) time.Time {
	b.t.Helper()
	now := time.Now()
	for i := range n {
		r := b.eventOf(fmt.Sprintf("x:%d", i), "mentions", "text")
		r.Time = now.Add(time.Duration(i-n) * time.Hour)
		b.write(r, nil)
	}
	return now
}

// committed is where the group is in partition 0 of a topic.
func (b *broker) committed(group, short string) int64 {
	b.t.Helper()
	lags, err := b.client.Lag(b.t.Context(), group, b.topics[short])
	if err != nil {
		b.t.Fatal(err)
	}
	return lags[0].Committed
}

// left waits until a group that was consumed has no members.
func (b *broker) left(group string) {
	b.t.Helper()
	kafkatest.Eventually(b.t, 20*time.Second, func() error {
		g, err := b.client.Group(b.t.Context(), group)
		if err == nil && g.Active() {
			err = fmt.Errorf("group %s is %s", group, g.State)
		}
		return err
	})
}

func TestReplaySetsOffsets(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		now := b.said(10)
		group := b.env["FEEDBACK_PREFIX"] + ".sentiment-scorer"
		b.consume(group, b.topics["feedback"], 10)
		b.left(group)
		for _, test := range []struct {
			to   string
			want int64
			says string
		}{
			{"210m", 7, "3 records are read again"},
			{now.Add(-5*time.Hour - time.Minute).Format(time.RFC3339), 5, "2 records are read again"},
			{"latest", 10, "0 records are read again, 5 records that nobody has read passed over"},
			{"earliest", 0, "10 records are read again"},
			{"0:4", 4, "0 records are read again, 4 records that nobody has read passed over"},
			{"300h", 0, "4 records are read again"},
		} {
			before := b.committed(group, "feedback")
			if got := b.run("replay", "--group", "scorer", "--to", test.to, "--dry-run").ok(t); !strings.Contains(got.err, test.says) || b.committed(group, "feedback") != before {
				t.Errorf("replay --to %s --dry-run = %+v, want %q and nothing done", test.to, got, test.says)
			}
			if got := b.answer("y\n", "replay", "--group", "scorer", "--to", test.to).ok(t); !strings.Contains(got.err, test.says) {
				t.Errorf("replay --to %s = %+v, want it to say %q", test.to, got, test.says)
			}
			if got := b.committed(group, "feedback"); got != test.want {
				t.Errorf("replay --to %s: committed %d, want %d", test.to, got, test.want)
			}
		}
		b.run("replay", "--group", "scorer", "--to", "6h30m", "--yes").ok(t)
		b.consume(group, b.topics["feedback"], 6)
		if got := b.committed(group, "feedback"); got != 10 {
			t.Errorf("after it was read again the group is at %d, want 10", got)
		}
	})
}

func TestReplayIsRefusedWhileSomebodyReads(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		b.said(4)
		group := b.env["FEEDBACK_PREFIX"] + ".sentiment-scorer"
		ctx, stop := context.WithCancel(t.Context())
		read, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- b.client.Consume(ctx, kafka.Subscription{Group: group, Topic: b.topics["feedback"]}, func(ctx context.Context, g *kafka.Generation) error {
				for {
					recs, err := g.Fetch(ctx)
					if err != nil {
						return nil
					}
					g.Done(0, recs[len(recs)-1].Offset+1)
					if recs[len(recs)-1].Offset == 3 {
						close(read)
					}
				}
			})
		}()
		<-read
		kafkatest.Eventually(t, 10*time.Second, func() error {
			if b.committed(group, "feedback") != 4 {
				return fmt.Errorf("nothing is committed yet")
			}
			return nil
		})
		got := b.run("replay", "--group", "scorer", "--to", "earliest", "--yes")
		for _, want := range []string{"has 1 member (test on 127.0.0.1", "spec.suspend", "Nothing was done"} {
			if got.code != exitFailed || !strings.Contains(got.err, want) {
				t.Errorf("replay while a member reads = %+v, want status 1 and %q", got, want)
			}
		}
		if got := b.run("replay", "--group", "scorer", "--to", "earliest", "--dry-run", "-o", "json").ok(t); !strings.Contains(got.err, "would be refused") {
			t.Errorf("replay --dry-run = %+v, want that it would be refused", got)
		} else {
			var m move
			if err := json.Unmarshal([]byte(got.out), &m); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(move{Group: group, Topic: b.topics["feedback"], Committed: 4, Again: 4}, m); diff != "" {
				t.Errorf("move (-want +got):\n%s", diff)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestReplayTeaches(t *testing.T) {
	b := embedded(t)
	b.said(3)
	prefix := b.env["FEEDBACK_PREFIX"]
	b.consume(prefix+".sentiment-scorer", b.topics["feedback"], 3)
	b.consume("analysis", b.topics["feedback"], 3)
	b.left(prefix + ".sentiment-scorer")
	b.left("analysis")
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"no group", []string{"--to", "2h"}, exitUsage, []string{"--group", "notifier/<route>"}},
		{"no target", []string{"--group", "scorer"}, exitUsage, []string{"--to", "earliest"}},
		{"a wrong target", []string{"--group", "scorer", "--to", "yesterday"}, exitUsage, []string{"yesterday", "2h", "0:1200"}},
		{"no route", []string{"--group", "notifier/", "--to", "2h"}, exitUsage, []string{"notifier/negative"}},
		{"a route that is not there", []string{"--group", "notifier/negtive", "--to", "2h"}, exitFailed, []string{"negtive", prefix + ".sentiment-scorer", "--create"}},
		{"an offset that is not there", []string{"--group", "scorer", "--to", "0:99"}, exitUsage, []string{"0:99", "offsets 0 to 2"}},
		{"a partition that is not there", []string{"--group", "scorer", "--to", "7:0"}, exitUsage, []string{"no partition 7"}},
		{"a group of others", []string{"--group", "nobody", "--to", "2h"}, exitUsage, []string{"none of the pipeline's topics", "--topic"}},
		{"nobody to confirm", []string{"--group", "scorer", "--to", "earliest"}, exitUsage, []string{"3 records are read again?", "--yes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := b.run(append([]string{"replay"}, test.args...)...)
			if got.code != test.code {
				t.Errorf("exit status %d, want %d", got.code, test.code)
			}
			for _, want := range test.says {
				if !strings.Contains(got.err, want) {
					t.Errorf("stderr %q, want it to name %q", got.err, want)
				}
			}
		})
	}
	if got := b.committed(prefix+".sentiment-scorer", "feedback"); got != 3 {
		t.Errorf("committed %d after refusals, want 3", got)
	}
	b.run("replay", "--group", "analysis", "--to", "0:1", "--yes").ok(t)
	if got := b.committed("analysis", "feedback"); got != 1 {
		t.Errorf("group by its full name: committed %d, want 1", got)
	}
	b.run("replay", "--group", "notifier/new", "--to", "latest", "--create", "--yes").ok(t)
	if got := b.committed(prefix+".notifier.new", "scored"); got != 0 {
		t.Errorf("new group: committed %d, want 0", got)
	}
}
