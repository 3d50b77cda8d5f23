package memory

import (
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// segmentSize is how many events a segment holds.
const (
	segmentBits = 13
	segmentSize = 1 << segmentBits
)

// ref is where an event stands in a table: the segment's number and the place in it.
type ref uint32

// table holds events by id without a pointer an event, so that a million of them cost the
// garbage collector nothing. As in a log, an event is only ever appended; what it was before
// is dropped, and a segment that is half empty is moved to the end and given free.
type table struct {
	seed     maphash.Seed
	segments []*segment     // nil where one was given free
	free     []uint32       // numbers of those
	last     uint32         // the segment that is appended to
	index    map[uint64]ref // by the hash of the id
	odd      map[string]ref // ids whose hash another id has
	live     int
	names    []string // channels and digests, by number; 0 is none
	numbers  map[string]uint32
	// moved is told where an event has gone.
	moved func(from, to ref, t Told)
}

// segment is a run of events and their strings.
type segment struct {
	entries []entry
	text    []byte
	live    int
}

// entry is an event without its strings: id, key, into and an unusual ts stand one behind the
// other in the segment's text.
type entry struct {
	text              uint32
	id, key, into, ts uint16 // lengths
	channel, digest   uint32 // numbers of names
	shown             int32
	state             uint8
	gone              bool
	revision          uint64
	stamp             int64 // ts in microseconds, where it is usual
	said, written     int64
}

func newTable() *table {
	return &table{
		seed: maphash.MakeSeed(), segments: []*segment{{}}, index: map[uint64]ref{}, odd: map[string]ref{},
		names: []string{""}, numbers: map[string]uint32{"": 0},
	}
}

func (t *table) hash(s string) uint64 { return maphash.String(t.seed, s) }

func (t *table) at(r ref) *entry { return &t.segments[r>>segmentBits].entries[r&(segmentSize-1)] }

// texts gives the strings of an entry, as they lie in the segment.
func (t *table) texts(r ref) (e *entry, id, key, into, ts []byte) {
	s := t.segments[r>>segmentBits]
	e = &s.entries[r&(segmentSize-1)]
	b := s.text[e.text:]
	next := func(n uint16) (part []byte) { part, b = b[:n], b[n:]; return part }
	return e, next(e.id), next(e.key), next(e.into), next(e.ts)
}

func (t *table) id(r ref) string {
	_, id, _, _, _ := t.texts(r)
	return string(id)
}

func (t *table) find(id string) (ref, bool) {
	if r, ok := t.index[t.hash(id)]; ok {
		if _, have, _, _, _ := t.texts(r); string(have) == id {
			return r, true
		}
	}
	if len(t.odd) == 0 {
		return 0, false
	}
	r, ok := t.odd[id]
	return r, ok
}

func (t *table) get(r ref) Told {
	e, _, key, into, ts := t.texts(r)
	told := Told{
		State: feedbackv1.Notification_State(e.state), Revision: e.revision, Channel: t.names[e.channel], TS: string(ts),
		Digest: t.names[e.digest], Into: string(into), Key: unpackKey(key), Shown: int(e.shown), Said: e.said, Written: e.written,
	}
	if e.stamp > 0 {
		told.TS = unpackTS(e.stamp)
	}
	return told
}

// put appends an event that the table does not hold.
func (t *table) put(id string, told Told) ref {
	e := entry{
		channel: t.number(told.Channel), digest: t.number(told.Digest), shown: int32(told.Shown), state: uint8(told.State),
		revision: told.Revision, said: told.Said, written: told.Written,
	}
	ts := told.TS
	if e.stamp = packTS(ts); e.stamp > 0 {
		ts = ""
	}
	key := packKey(told.Key)
	e.id, e.key, e.into, e.ts = uint16(len(id)), uint16(len(key)), uint16(len(told.Into)), uint16(len(ts))
	r, s := t.room()
	e.text = uint32(len(s.text))
	s.text = append(append(append(append(s.text, id...), key...), told.Into...), ts...)
	s.entries = append(s.entries, e)
	s.live++
	t.live++
	h := t.hash(id)
	if _, taken := t.index[h]; taken {
		t.odd[id] = r
	} else {
		t.index[h] = r
	}
	return r
}

// room gives the segment that is appended to and the place of its next event.
func (t *table) room() (ref, *segment) {
	s := t.segments[t.last]
	if len(s.entries) == segmentSize {
		s.text = slices.Clone(s.text) // without the room to grow
		full := t.last
		s = &segment{entries: make([]entry, 0, segmentSize)}
		if n := len(t.free); n > 0 {
			t.last, t.free = t.free[n-1], t.free[:n-1]
			t.segments[t.last] = s
		} else {
			t.last = uint32(len(t.segments))
			t.segments = append(t.segments, s)
		}
		if t.segments[full].live < segmentSize/2 {
			t.vacate(full)
		}
	}
	return ref(t.last<<segmentBits) | ref(len(s.entries)), s
}

// drop takes an event out.
func (t *table) drop(r ref) {
	id := t.id(r)
	t.unindex(id, r)
	t.at(r).gone = true
	t.live--
	n := uint32(r >> segmentBits)
	s := t.segments[n]
	if s.live--; s.live < segmentSize/2 && n != t.last {
		t.vacate(n)
	}
}

func (t *table) unindex(id string, r ref) {
	h := t.hash(id)
	if at, ok := t.index[h]; ok && at == r {
		delete(t.index, h)
		return
	}
	delete(t.odd, id)
}

// vacate moves what is left of a segment to the end.
func (t *table) vacate(n uint32) {
	s := t.segments[n]
	for i := range s.entries {
		if s.entries[i].gone {
			continue
		}
		from := ref(n<<segmentBits) | ref(i)
		id, told := t.id(from), t.get(from)
		t.unindex(id, from)
		t.live--
		t.moved(from, t.put(id, told), told)
	}
	t.segments[n] = nil
	t.free = append(t.free, n)
}

// each calls f with all events. f must not change the table.
func (t *table) each(f func(ref, *entry)) {
	for n, s := range t.segments {
		if s == nil {
			continue
		}
		for i := range s.entries {
			if !s.entries[i].gone {
				f(ref(uint32(n)<<segmentBits)|ref(i), &s.entries[i])
			}
		}
	}
}

// cut is a time before which about n events were written.
func (t *table) cut(n int) int64 {
	const sample = 10_000
	stride := max(1, t.live/sample)
	times := make([]int64, 0, 2*sample)
	i := 0
	t.each(func(_ ref, e *entry) {
		if i++; i%stride == 0 {
			times = append(times, e.written)
		}
	})
	slices.Sort(times)
	return times[min(n/stride, len(times)-1)]
}

// number gives a name its number. The channels and digests of a route are few.
func (t *table) number(name string) uint32 {
	if n, ok := t.numbers[name]; ok {
		return n
	}
	n := uint32(len(t.names))
	t.names = append(t.names, name)
	t.numbers[name] = n
	return n
}

const (
	textPrefix = "text:"
	hashedText = len(textPrefix) + 24
)

// renumber gives the numbers of names that no event bears free.
func (t *table) renumber() {
	old := t.names
	t.names, t.numbers = []string{""}, map[string]uint32{"": 0}
	t.each(func(_ ref, e *entry) { e.channel, e.digest = t.number(old[e.channel]), t.number(old[e.digest]) })
}

// packKey shortens the key of a text, which is most of them, to the bytes of its hash behind
// a zero.
func packKey(key string) string {
	if len(key) == hashedText && strings.HasPrefix(key, textPrefix) {
		if b, err := hex.DecodeString(key[len(textPrefix):]); err == nil && unpackKey(append([]byte{0}, b...)) == key {
			return "\x00" + string(b)
		}
	}
	return key
}

func unpackKey(b []byte) string {
	if len(b) == 13 && b[0] == 0 {
		return textPrefix + hex.EncodeToString(b[1:])
	}
	return string(b)
}

// packTS gives a message's ts, such as 1762093805.000001, in microseconds; 0 for one that is
// written otherwise.
func packTS(ts string) int64 {
	s, us, ok := strings.Cut(ts, ".")
	if !ok || len(us) != 6 {
		return 0
	}
	n, err := strconv.ParseInt(s+us, 10, 64)
	if err != nil || n <= 0 || unpackTS(n) != ts {
		return 0
	}
	return n
}

func unpackTS(n int64) string {
	b := strconv.AppendInt(make([]byte, 0, 24), n/1e6, 10)
	us := strconv.Itoa(int(1e6 + n%1e6))
	b = append(b, '.')
	return string(append(b, us[1:]...))
}
