package kafka

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// stampEvery is how exactly the age of a record is known: records whose times lie closer
	// together share one stamp, so that what is held does not grow with the rate.
	stampEvery = 250 * time.Millisecond
	// silence is how long a partition may be unheard of, while nothing of it is in hand, before
	// it no longer counts as caught up. An idle one answers every fetchMaxWait.
	silence = 5 * time.Second
)

// Progress tells how a member of a group keeps up, whenever it is asked: also while its handler
// hangs and while Kafka is away. It is a prometheus.Collector of
//
//   - feedback_oldest_unhandled_seconds: how old the oldest record is that was not said to be
//     done; 0 when caught up. While a partition is unheard of for more than 5 s it is the time
//     since it was last heard of, which is the most that such a record can be old.
//   - feedback_lag_records by partition: how many offsets lie between what is done and the end
//     that the broker told last.
//
// A member that stands by has neither. It is safe for concurrent use; a nil *Progress notes nothing.
type Progress struct {
	now         func() time.Time
	oldest, lag *prometheus.Desc

	mu    sync.Mutex
	began time.Time // when the group was to be joined; zero once it has been
	parts map[int]*share
}

// share is one partition of the member.
type share struct {
	stamps []stamp // of what was fetched and is not done, by offset
	next   int64   // behind the last record that was fetched
	done   int64   // below it all is done
	end    int64   // of the partition, as the broker told it last
	heard  time.Time
	moved  time.Time // when done went on last, or there was something to do again
}

// stamp is the time of the records from the offset on, up to the next stamp's.
type stamp struct {
	from int64
	at   time.Time
}

// NewProgress returns the progress of the group on the topic, registered with reg; give it to
// the Subscription.
func NewProgress(reg prometheus.Registerer, group, topic string) *Progress {
	labels := prometheus.Labels{"group": group, "topic": topic}
	p := &Progress{
		now:    time.Now,
		oldest: prometheus.NewDesc("feedback_oldest_unhandled_seconds", "Age of the oldest record of the topic that the group has not handled; 0 when caught up.", nil, labels),
		lag:    prometheus.NewDesc("feedback_lag_records", "Offsets between what the group has handled and the partition's end.", []string{"partition"}, labels),
		parts:  map[int]*share{},
	}
	reg.MustRegister(p)
	return p
}

// Describe describes the two metrics.
func (p *Progress) Describe(out chan<- *prometheus.Desc) { out <- p.oldest; out <- p.lag }

// Collect gives the two metrics as they are now.
func (p *Progress) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(p.oldest, prometheus.GaugeValue, p.Oldest().Seconds())
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, s := range p.parts {
		at := s.done
		if len(s.stamps) == 0 { // offsets that hold no record need no handling
			at = s.next
		}
		out <- prometheus.MustNewConstMetric(p.lag, prometheus.GaugeValue, float64(max(0, s.end-at)), strconv.Itoa(id))
	}
}

// Oldest is the age of the oldest record that is not done; see Progress.
func (p *Progress) Oldest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, oldest := p.now(), time.Duration(0)
	unheard := func(since time.Time) {
		if d := now.Sub(since); d > silence {
			oldest = max(oldest, d)
		}
	}
	if !p.began.IsZero() {
		unheard(p.began)
	}
	for _, s := range p.parts {
		if len(s.stamps) == 0 {
			unheard(s.heard)
			continue
		}
		oldest = max(oldest, now.Sub(s.stamps[0].at))
	}
	return oldest
}

// Still is for how long the member has been at the same record at most, with records to handle:
// the longest of its partitions, 0 where each is caught up or goes on. lag is how many offsets
// that partition has left.
func (p *Progress) Still() (still time.Duration, partition int, lag int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, s := range p.parts {
		if len(s.stamps) == 0 {
			continue
		}
		if d := p.now().Sub(s.moved); d > still {
			still, partition, lag = d, id, max(s.end, s.next)-s.done
		}
	}
	return still, partition, lag
}

// begin notes that the group is to be joined.
func (p *Progress) begin() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = p.now()
}

// assign notes the partitions of a new generation and where each starts. What is known of one
// that stays holds on, so that a rebalance does not look like progress.
func (p *Progress) assign(partitions []int, start map[int]int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := map[int]*share{}
	for _, id := range partitions {
		s := p.parts[id]
		if s == nil || start[id] < s.done {
			s = &share{next: start[id], done: start[id], end: start[id], heard: p.now(), moved: p.now()}
		}
		parts[id] = s
		s.advance(start[id], p.now())
	}
	p.began, p.parts = time.Time{}, parts
}

// fetched notes an answer of the broker: records, which may be none, the offset behind them and
// the partition's end, 0 where it was not told.
func (p *Progress) fetched(partition int, recs []Record, next, end int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.parts[partition]
	if s == nil {
		return
	}
	s.heard, s.end = p.now(), max(s.end, end)
	for i := range recs {
		r := &recs[i]
		if r.Offset < s.next || r.Offset < s.done { // read again after a rebalance
			continue
		}
		at := r.Time
		if at.Unix() <= 0 { // the record does not say
			at = s.heard
		}
		if len(s.stamps) == 0 {
			s.moved = s.heard
		}
		if n := len(s.stamps); n == 0 || at.Sub(s.stamps[n-1].at).Abs() >= stampEvery {
			s.stamps = append(s.stamps, stamp{r.Offset, at})
		}
	}
	s.next = max(s.next, next)
}

// doneTo notes that all below next is done.
func (p *Progress) doneTo(partition int, next int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.parts[partition]; s != nil {
		s.advance(next, p.now())
	}
}

func (s *share) advance(next int64, now time.Time) {
	if next > s.done {
		s.moved = now
	}
	s.done = max(s.done, next)
	if s.done >= s.next {
		s.stamps, s.next = s.stamps[:0], s.done
		return
	}
	n := 0
	for n+1 < len(s.stamps) && s.stamps[n+1].from <= s.done {
		n++
	}
	s.stamps = s.stamps[n:]
}
