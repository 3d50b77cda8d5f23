package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// clocked gives a Progress with a clock of its own.
func clocked(t *testing.T) (p *Progress, now *time.Time, reg *prometheus.Registry) {
	t.Helper()
	at := time.Unix(1_800_000_000, 0)
	reg = prometheus.NewRegistry()
	p = NewProgress(reg, "g", "t")
	p.now = func() time.Time { return at }
	return p, &at, reg
}

// said are records from the offset on, each so long ago.
func said(now time.Time, offset int64, ago ...time.Duration) []Record {
	var out []Record
	for i, d := range ago {
		out = append(out, Record{Offset: offset + int64(i), Time: now.Add(-d)})
	}
	return out
}

func want(t *testing.T, p *Progress, when string, age time.Duration) {
	t.Helper()
	if got := p.Oldest(); got != age {
		t.Errorf("%s: Oldest = %s, want %s", when, got, age)
	}
}

func TestProgressIsTheAgeOfTheOldestThatIsNotDone(t *testing.T) {
	p, now, reg := clocked(t)
	p.begin()
	want(t, p, "not joined yet", 0)
	*now = now.Add(10 * time.Second)
	want(t, p, "joining for 10 s", 10*time.Second)
	p.assign([]int{0, 1}, map[int]int64{0: 100, 1: 7})
	want(t, p, "joined", 0)

	p.fetched(0, said(*now, 100, 3*time.Minute, 2*time.Minute, time.Minute), 103, 110)
	p.fetched(1, said(*now, 7, 30*time.Second), 8, 8)
	want(t, p, "three and one in hand", 3*time.Minute)
	*now = now.Add(time.Minute) // the handler hangs, and nothing else happens
	want(t, p, "a minute later", 4*time.Minute)
	p.doneTo(0, 101)
	want(t, p, "one done", 3*time.Minute)
	p.doneTo(0, 103)
	want(t, p, "partition 0 done", 90*time.Second)
	p.doneTo(1, 8)
	p.fetched(0, nil, 103, 110)
	p.fetched(1, nil, 8, 8)
	want(t, p, "all done", 0)
	err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP feedback_lag_records Offsets between what the group has handled and the partition's end.
# TYPE feedback_lag_records gauge
feedback_lag_records{group="g",partition="0",topic="t"} 7
feedback_lag_records{group="g",partition="1",topic="t"} 0
# HELP feedback_oldest_unhandled_seconds Age of the oldest record of the topic that the group has not handled; 0 when caught up.
# TYPE feedback_oldest_unhandled_seconds gauge
feedback_oldest_unhandled_seconds{group="g",topic="t"} 0
`))
	if err != nil {
		t.Error(err)
	}
}

func TestProgressGrowsWhileKafkaIsAway(t *testing.T) {
	p, now, _ := clocked(t)
	p.assign([]int{0}, map[int]int64{0: 0})
	*now = now.Add(4 * time.Second)
	want(t, p, "unheard of for 4 s", 0)
	*now = now.Add(4 * time.Second)
	want(t, p, "unheard of for 8 s", 8*time.Second)
	p.fetched(0, nil, 0, 0)
	want(t, p, "heard of", 0)
}

func TestProgressOutlivesARebalance(t *testing.T) {
	p, now, _ := clocked(t)
	p.assign([]int{0, 1}, map[int]int64{0: 0, 1: 0})
	p.fetched(0, said(*now, 0, time.Hour, time.Minute), 2, 2)
	p.fetched(1, said(*now, 0, 2*time.Hour), 1, 1)
	want(t, p, "before", 2*time.Hour)
	p.assign([]int{0}, map[int]int64{0: 1}) // partition 1 went away, and one record was committed
	want(t, p, "after", time.Minute)
	p.fetched(0, said(*now, 1, time.Minute), 2, 2) // comes again
	p.doneTo(0, 2)
	want(t, p, "done", 0)
	p.assign(nil, nil)
	*now = now.Add(time.Hour)
	want(t, p, "standing by", 0)
	p.assign([]int{0}, map[int]int64{0: 0}) // somebody set the group's offset back
	p.fetched(0, said(*now, 0, 2*time.Hour), 2, 2)
	want(t, p, "set back", 2*time.Hour)
}

func TestProgressHoldsNoMoreThanFourStampsASecond(t *testing.T) {
	p, now, _ := clocked(t)
	p.assign([]int{0}, map[int]int64{0: 0})
	var recs []Record
	for i := range 10_000 {
		recs = append(recs, Record{Offset: int64(i), Time: now.Add(-time.Second + time.Duration(i)*100*time.Microsecond)})
	}
	p.fetched(0, recs, 10_000, 10_000)
	if got := len(p.parts[0].stamps); got > 5 {
		t.Errorf("a second of 10,000 records takes %d stamps, want 5 at most", got)
	}
	p.doneTo(0, 5_000)
	if got, want := p.Oldest(), 500*time.Millisecond; (got - want).Abs() > stampEvery {
		t.Errorf("Oldest = %s, want %s within %s", got, want, stampEvery)
	}
}

func TestNoProgressIsNoTrouble(*testing.T) {
	var p *Progress
	p.begin()
	p.assign([]int{0}, nil)
	p.fetched(0, []Record{{}}, 1, 1)
	p.doneTo(0, 1)
}

func BenchmarkProgress(b *testing.B) {
	p := NewProgress(prometheus.NewRegistry(), "g", "t")
	p.assign([]int{0}, map[int]int64{0: 0})
	recs := make([]Record, 500)
	b.ReportAllocs()
	for next := int64(0); b.Loop(); next += 500 {
		now := time.Now()
		for i := range recs {
			recs[i].Offset, recs[i].Time = next+int64(i), now
		}
		p.fetched(0, recs, next+500, next+500)
		p.doneTo(0, next+500)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/record")
}

// TestStill: only a partition with records to handle can stand still, and it does so from its last step on.
func TestStill(t *testing.T) {
	now := time.Now()
	p := NewProgress(prometheus.NewRegistry(), "g", "t")
	p.now = func() time.Time { return now }
	want := func(after string, still time.Duration, lag int64) {
		t.Helper()
		if d, _, n := p.Still(); d != still || n != lag {
			t.Errorf("%s: still for %s with %d to go, want %s with %d", after, d, n, still, lag)
		}
	}
	p.assign([]int{0}, map[int]int64{0: 5})
	now = now.Add(time.Hour)
	want("an hour without a record", 0, 0)
	p.fetched(0, []Record{{Offset: 5, Time: now.Add(-time.Hour)}, {Offset: 6, Time: now}}, 7, 9)
	want("just fetched", 0, 0)
	now = now.Add(time.Minute)
	want("a minute later", time.Minute, 4)
	p.assign([]int{0}, map[int]int64{0: 5})
	want("after a rebalance, which is no progress", time.Minute, 4)
	p.doneTo(0, 6)
	want("after a step", 0, 0)
	now = now.Add(time.Second)
	want("a second after the step", time.Second, 3)
	p.doneTo(0, 7)
	now = now.Add(time.Minute)
	want("caught up", 0, 0)
}
