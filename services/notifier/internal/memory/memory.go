// Package memory is what one route has told. It is nothing but the route's records of the
// `notifications` topic, in a form that answers questions: the same records, in any order
// of their keys, give the same memory.
//
// It guarantees to be bounded: see Forget.
package memory

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// MaxTold is how many events a route remembers at most, whatever their age. An event takes
// about 400 bytes, so that a full memory takes about 400 MB.
const MaxTold = 1_000_000

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
	route    string
	shown    int
	told     map[string]Told
	digests  map[string]Digest
	copies   map[string]int    // events collapsed into the key's event
	keys     map[string]string // collapse key -> the event that stands for it
	open     map[string]*feedbackv1.Notification
	interned map[string]string // the few strings that many entries share
}

// New returns an empty memory of the route. shown is how many of a digest's events it
// shows with their text: the first of its event_ids.
func New(route string, shown int) *Memory {
	return &Memory{
		route: route, shown: shown,
		told: map[string]Told{}, digests: map[string]Digest{}, copies: map[string]int{},
		keys: map[string]string{}, open: map[string]*feedbackv1.Notification{}, interned: map[string]string{},
	}
}

// Apply takes in a record: it replaces what is known of its event or digest. Records of
// other routes are ignored.
func (m *Memory) Apply(n *feedbackv1.Notification) {
	if n.GetRoute() != m.route {
		return
	}
	if n.GetEventId() == "" {
		m.applyDigest(n)
		return
	}
	id := n.GetEventId()
	m.forget(id)
	t := Told{
		State: n.GetState(), Revision: n.GetRevision(),
		Channel: m.intern(n.GetPlace().GetChannelId()), TS: n.GetPlace().GetTs(),
		Digest: m.intern(n.GetDigestId()), Into: n.GetCollapsedInto(), Key: n.GetCollapseKey(), Shown: int(n.GetCount()),
		Said: n.GetCreatedAt().AsTime().UnixMicro(), Written: n.GetObservedAt().AsTime().UnixMicro(),
	}
	m.told[id] = t
	switch {
	case t.State == feedbackv1.Notification_STATE_INTENT:
		m.open[id] = proto.CloneOf(n)
	case counted(t):
		m.copies[t.Into]++
	case stands(t.State) && t.Key != "":
		if old, ok := m.keys[t.Key]; !ok || m.told[old].Said <= t.Said {
			m.keys[t.Key] = id
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
		State: n.GetState(), Channel: m.intern(n.GetPlace().GetChannelId()), TS: n.GetPlace().GetTs(),
		Shown:   slices.Clone(shown[:min(len(shown), m.shown)]),
		Written: n.GetObservedAt().AsTime().UnixMicro(),
	}
}

// forget takes back what the event's last record did to the counts and keys.
func (m *Memory) forget(id string) {
	old, ok := m.told[id]
	if !ok {
		return
	}
	delete(m.open, id)
	if counted(old) {
		if m.copies[old.Into]--; m.copies[old.Into] <= 0 {
			delete(m.copies, old.Into)
		}
	}
	if m.keys[old.Key] == id {
		delete(m.keys, old.Key)
	}
	delete(m.told, id)
}

// counted tells whether the event is counted by another one's card or item.
func counted(t Told) bool {
	return t.Into != "" && (t.State == feedbackv1.Notification_STATE_COLLAPSED || t.State == feedbackv1.Notification_STATE_DIGESTED)
}

func stands(s feedbackv1.Notification_State) bool {
	return s == feedbackv1.Notification_STATE_POSTED || s == feedbackv1.Notification_STATE_DIGESTED
}

func (m *Memory) intern(s string) string {
	if s == "" {
		return ""
	}
	if have, ok := m.interned[s]; ok {
		return have
	}
	m.interned[s] = s
	return s
}

// Get returns what became of an event; false where nothing is known of it.
func (m *Memory) Get(id string) (Told, bool) {
	t, ok := m.told[id]
	return t, ok
}

// Seen notes an event's revision that was not wanted, so that an older one that is sent
// again is not told. It stands in no record.
func (m *Memory) Seen(id string, revision uint64, now time.Time) {
	if old, ok := m.told[id]; ok && old.State != feedbackv1.Notification_STATE_UNSPECIFIED {
		return
	}
	m.told[id] = Told{Revision: revision, Written: now.UnixMicro()}
}

// Digest returns what became of a digest.
func (m *Memory) Digest(id string) (Digest, bool) {
	d, ok := m.digests[id]
	return d, ok
}

// Count is how many events the event's card stands for, its own included.
func (m *Memory) Count(id string) int { return 1 + m.copies[id] }

// Standing returns the event whose card, or item in a digest, stands for the collapse key.
func (m *Memory) Standing(key string) (string, bool) {
	if key == "" {
		return "", false
	}
	id, ok := m.keys[key]
	return id, ok
}

// Outdated returns the events whose card shows another count than it stands for.
func (m *Memory) Outdated() []string {
	var out []string
	for id := range m.copies {
		if t, ok := m.told[id]; ok && stands(t.State) && t.Shown != m.Count(id) {
			out = append(out, id)
		}
	}
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

// Len is how many events are remembered.
func (m *Memory) Len() int { return len(m.told) }

// Forget drops what was written before the time given and, of more than limit events, the
// oldest tenth. What became of an event must be remembered for longer than its route's
// maxAge: an older event that comes again is skipped for its age.
func (m *Memory) Forget(before time.Time, limit int) {
	cut := before.UnixMicro()
	if len(m.told) > limit {
		times := make([]int64, 0, len(m.told))
		for _, t := range m.told {
			times = append(times, t.Written)
		}
		slices.Sort(times)
		cut = max(cut, times[len(times)-limit*9/10])
	}
	for id, t := range m.told {
		if t.Written < cut && t.State != feedbackv1.Notification_STATE_INTENT {
			m.forget(id)
			delete(m.copies, id)
		}
	}
	for id, d := range m.digests {
		if d.Written < cut && d.State != feedbackv1.Notification_STATE_INTENT {
			delete(m.digests, id)
			delete(m.interned, id)
		}
	}
}
