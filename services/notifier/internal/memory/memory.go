// Package memory is what one route has told. It is nothing but the route's records of the
// `notifications` topic, in a form that answers questions: the same records, in any order
// of their keys, give the same memory.
//
// It guarantees to be bounded: see Forget.
package memory

import (
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	// MaxTold is how many events a route remembers at most, whatever their age.
	MaxTold = 1_000_000
	// BytesPerEvent is what an event takes of the heap at most, by BenchmarkRestore and with
	// room for what was superseded.
	BytesPerEvent = 300
)

// Told is what became of one event. The zero State means that nothing was told: the event
// was seen at Revision and not wanted.
type Told struct {
	State    feedbackv1.Notification_State
	Revision uint64
	// Channel and TS are where its card stands, or its digest.
	Channel, TS string
	// Digest is the id of the digest that tells it.
	Digest string
	// Into is the event whose card counts it.
	Into string
	// Key is the collapse key under which it was told.
	Key string
	// Shown is the count that its card showed last.
	Shown int
	// Said is when the event was said, Written when its record was.
	Said, Written int64 // microseconds since the Unix epoch
}

// Digest is a digest that was told, or is about to be.
type Digest struct {
	State       feedbackv1.Notification_State
	Channel, TS string
	// Shown are the ids of the events whose text it shows.
	Shown   []string
	Written int64
}

// Memory is what one route has told. It is for one goroutine.
type Memory struct {
	route   string
	shown   int
	told    *table
	digests map[string]Digest
	copies  map[uint64]int32 // events collapsed into the event, by the hash of its id
	keys    map[uint64]ref   // by the hash of a collapse key, the event that stands for it
	open    map[string]*feedbackv1.Notification
}

// New returns an empty memory of the route. shown is how many of a digest's events it
// shows with their text: the first of its event_ids.
func New(route string, shown int) *Memory {
	m := &Memory{
		route: route, shown: shown, told: newTable(), digests: map[string]Digest{},
		copies: map[uint64]int32{}, keys: map[uint64]ref{}, open: map[string]*feedbackv1.Notification{},
	}
	m.told.moved = m.moved
	return m
}

// moved keeps the keys right where the table has put an event elsewhere.
func (m *Memory) moved(from, to ref, t Told) {
	h := m.told.hash(t.Key)
	if at, ok := m.keys[h]; ok && at == from {
		m.keys[h] = to
	}
}

// Apply takes in a record: it replaces what is known of its event or digest. Records of
// other routes are ignored, and those of ids that no event has: they are longer than 65,535
// bytes.
func (m *Memory) Apply(n *feedbackv1.Notification) {
	if n.GetRoute() != m.route {
		return
	}
	if n.GetEventId() == "" {
		m.applyDigest(n)
		return
	}
	id := n.GetEventId()
	if max(len(id), len(n.GetCollapsedInto()), len(n.GetCollapseKey()), len(n.GetPlace().GetTs())) > math.MaxUint16 {
		return
	}
	m.forget(id)
	t := Told{
		State: n.GetState(), Revision: n.GetRevision(),
		Channel: n.GetPlace().GetChannelId(), TS: n.GetPlace().GetTs(),
		Digest: n.GetDigestId(), Into: n.GetCollapsedInto(), Key: n.GetCollapseKey(), Shown: int(n.GetCount()),
		Said: n.GetCreatedAt().AsTime().UnixMicro(), Written: n.GetObservedAt().AsTime().UnixMicro(),
	}
	at := m.told.put(id, t)
	switch {
	case t.State == feedbackv1.Notification_STATE_INTENT:
		m.open[id] = proto.CloneOf(n)
	case counted(t):
		m.copies[m.told.hash(t.Into)]++
	case stands(t.State) && t.Key != "":
		h := m.told.hash(t.Key)
		if old, ok := m.keys[h]; !ok || m.told.at(old).said <= t.Said {
			m.keys[h] = at
		}
	}
}

func (m *Memory) applyDigest(n *feedbackv1.Notification) {
	id := n.GetDigestId()
	delete(m.open, id)
	if n.GetState() == feedbackv1.Notification_STATE_INTENT {
		m.open[id] = proto.CloneOf(n)
	}
	shown := n.GetEventIds()
	m.digests[id] = Digest{
		State: n.GetState(), Channel: n.GetPlace().GetChannelId(), TS: n.GetPlace().GetTs(),
		Shown:   slices.Clone(shown[:min(len(shown), m.shown)]),
		Written: n.GetObservedAt().AsTime().UnixMicro(),
	}
}

// forget takes back what the event's last record did to the counts and keys.
func (m *Memory) forget(id string) {
	at, ok := m.told.find(id)
	if !ok {
		return
	}
	old := m.told.get(at)
	delete(m.open, id)
	if counted(old) {
		h := m.told.hash(old.Into)
		if m.copies[h]--; m.copies[h] <= 0 {
			delete(m.copies, h)
		}
	}
	h := m.told.hash(old.Key)
	if have, ok := m.keys[h]; ok && have == at {
		delete(m.keys, h)
	}
	m.told.drop(at)
}

// counted tells whether the event is counted by another one's card or item.
func counted(t Told) bool {
	return t.Into != "" && (t.State == feedbackv1.Notification_STATE_COLLAPSED || t.State == feedbackv1.Notification_STATE_DIGESTED)
}

func stands(s feedbackv1.Notification_State) bool {
	return s == feedbackv1.Notification_STATE_POSTED || s == feedbackv1.Notification_STATE_DIGESTED
}

// Get returns what became of an event; false where nothing is known of it.
func (m *Memory) Get(id string) (Told, bool) {
	at, ok := m.told.find(id)
	if !ok {
		return Told{}, false
	}
	return m.told.get(at), true
}

// Seen notes an event's revision that was not wanted, so that an older one that is sent
// again is not told. It stands in no record.
func (m *Memory) Seen(id string, revision uint64, now time.Time) {
	if at, ok := m.told.find(id); ok {
		if m.told.at(at).state != uint8(feedbackv1.Notification_STATE_UNSPECIFIED) {
			return
		}
		m.told.drop(at)
	}
	m.told.put(id, Told{Revision: revision, Written: now.UnixMicro()})
}

// Digest returns what became of a digest.
func (m *Memory) Digest(id string) (Digest, bool) {
	d, ok := m.digests[id]
	return d, ok
}

// Count is how many events the event's card stands for, its own included.
func (m *Memory) Count(id string) int { return 1 + int(m.copies[m.told.hash(id)]) }

// Standing returns the event whose card, or item in a digest, stands for the collapse key.
func (m *Memory) Standing(key string) (string, bool) {
	if key == "" {
		return "", false
	}
	at, ok := m.keys[m.told.hash(key)]
	if !ok || m.told.get(at).Key != key {
		return "", false
	}
	return m.told.id(at), true
}

// Outdated returns the events whose card shows another count than it stands for.
func (m *Memory) Outdated() []string {
	var out []string
	if len(m.copies) == 0 {
		return nil
	}
	m.told.each(func(at ref, e *entry) {
		if !stands(feedbackv1.Notification_State(e.state)) {
			return
		}
		if id := m.told.id(at); m.copies[m.told.hash(id)] > 0 && int(e.shown) != m.Count(id) {
			out = append(out, id)
		}
	})
	slices.Sort(out)
	return out
}

// Intent returns the open intent of an event or digest, nil if there is none.
func (m *Memory) Intent(id string) *feedbackv1.Notification { return m.open[id] }

// Open returns the intents, of events and digests, of which no outcome is known.
func (m *Memory) Open() []*feedbackv1.Notification {
	out := make([]*feedbackv1.Notification, 0, len(m.open))
	for _, n := range m.open {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *feedbackv1.Notification) int {
		return a.GetObservedAt().AsTime().Compare(b.GetObservedAt().AsTime())
	})
	return out
}

// Told returns the events that have a card of their own and the digests whose record was
// written since, with when it was written.
func (m *Memory) Told(since time.Time) map[string]time.Time {
	out := map[string]time.Time{}
	m.told.each(func(at ref, e *entry) {
		if e.written <= since.UnixMicro() {
			return
		}
		t := m.told.get(at)
		own := t.State == feedbackv1.Notification_STATE_POSTED || t.State == feedbackv1.Notification_STATE_WITHDRAWN
		if own && t.Digest == "" && t.Into == "" {
			out[m.told.id(at)] = time.UnixMicro(t.Written)
		}
	})
	for id, d := range m.digests {
		if d.State == feedbackv1.Notification_STATE_POSTED && d.Written > since.UnixMicro() {
			out[id] = time.UnixMicro(d.Written)
		}
	}
	return out
}

// Len is how many events are remembered.
func (m *Memory) Len() int { return m.told.live }

// Forget drops what was written before the time given and, of more than limit events, the
// oldest tenth. What became of an event must be remembered for longer than its route's
// maxAge: an older event that comes again is skipped for its age. It returns from when on
// all is remembered that was.
func (m *Memory) Forget(before time.Time, limit int) time.Time {
	cut := before.UnixMicro()
	if m.told.live > limit {
		cut = max(cut, m.told.cut(m.told.live-limit*9/10))
	}
	var old []string
	m.told.each(func(at ref, e *entry) {
		if e.written < cut && e.state != uint8(feedbackv1.Notification_STATE_INTENT) {
			old = append(old, m.told.id(at))
		}
	})
	for _, id := range old {
		m.forget(id)
		delete(m.copies, m.told.hash(id))
	}
	for id, d := range m.digests {
		if d.Written < cut && d.State != feedbackv1.Notification_STATE_INTENT {
			delete(m.digests, id)
		}
	}
	if len(m.told.names) > 2*len(m.digests)+100 {
		m.told.renumber()
	}
	return time.UnixMicro(cut)
}
