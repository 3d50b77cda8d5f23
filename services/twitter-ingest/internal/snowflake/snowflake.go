// Package snowflake reads X's post ids. They grow with time: an id holds the millisecond
// in which its post was made, so that ids order posts and a time can be asked for as an id.
package snowflake

import (
	"fmt"
	"strconv"
	"time"
)

// epoch is the millisecond from which X counts: 2010-11-04T01:42:54.657Z.
const epoch = 1288834974657

// timeShift is how many low bits of an id (machine and sequence) hold no time.
const timeShift = 22

// first is below every id that holds a time; X's ids before November 2010 were counted up.
const first = 1 << 36

// ID is the id of one version of a post. Zero stands for none.
type ID uint64

// Parse reads an id as X writes it: a positive decimal number.
func Parse(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("post id %.40q is not a positive number", s)
	}
	return ID(n), nil
}

// String is the id as X writes it, and empty for none.
func (id ID) String() string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(id), 10)
}

// Time is when the post was made, in UTC to the millisecond; the zero time where the id
// holds none.
func (id ID) Time() time.Time {
	if id < first {
		return time.Time{}
	}
	return time.UnixMilli(int64(id>>timeShift) + epoch).UTC()
}

// At returns an id below all ids of posts made at t or later, and above all others.
func At(t time.Time) ID {
	ms := t.UnixMilli() - epoch
	if ms <= 0 {
		return 0
	}
	return ID(ms)<<timeShift - 1
}

// Before returns an id that lies d before id in time, or id itself where it holds no time.
func (id ID) Before(d time.Duration) ID {
	t := id.Time()
	if t.IsZero() {
		return id
	}
	return min(id, At(t.Add(-d)))
}
