package route

import (
	"cmp"
	"slices"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// position is where a record stands in `scored`.
type position struct {
	partition int
	offset    int64
}

// tracker knows which records are done and gives, for each partition, the offset below
// which all are.
type tracker struct {
	parts map[int]*progress
}

type progress struct {
	order []int64 // offsets taken and not yet below the mark, ascending
	open  map[int64]bool
	next  int64
}

func newTracker() *tracker { return &tracker{parts: map[int]*progress{}} }

// take notes a record that is to be handled.
func (t *tracker) take(p position) {
	g := t.parts[p.partition]
	if g == nil {
		g = &progress{open: map[int64]bool{}}
		t.parts[p.partition] = g
	}
	g.order = append(g.order, p.offset)
	g.open[p.offset] = true
}

// done notes a record that is handled and tells up to where its partition is done.
func (t *tracker) done(p position) (next int64, moved bool) {
	g := t.parts[p.partition]
	if g == nil || !g.open[p.offset] {
		return 0, false
	}
	delete(g.open, p.offset)
	n := 0
	for n < len(g.order) && !g.open[g.order[n]] {
		g.next = g.order[n] + 1
		n++
	}
	g.order = g.order[n:]
	return g.next, n > 0
}

// held is how many records are taken and not yet below the mark.
func (t *tracker) held() int {
	n := 0
	for _, g := range t.parts {
		n += len(g.order)
	}
	return n
}

// ranges puts positions together to runs.
func ranges(at []position) []*feedbackv1.OffsetRange {
	at = slices.Clone(at)
	slices.SortFunc(at, func(a, b position) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	var out []*feedbackv1.OffsetRange
	for _, p := range at {
		if n := len(out); n > 0 && out[n-1].GetPartition() == int32(p.partition) && p.offset <= out[n-1].GetLast()+1 {
			out[n-1].Last = p.offset
			continue
		}
		out = append(out, &feedbackv1.OffsetRange{Partition: int32(p.partition), First: p.offset, Last: p.offset})
	}
	return out
}
