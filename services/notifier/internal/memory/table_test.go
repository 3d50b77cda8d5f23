package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// model is a memory in plain maps, for comparison.
type model struct {
	told map[string]Told
	keys map[string]string
}

func (m *model) apply(id string, t Told) {
	m.forget(id)
	m.told[id] = t
	if stands(t.State) && !counted(t) && t.Key != "" {
		if old, ok := m.keys[t.Key]; !ok || m.told[old].Said <= t.Said {
			m.keys[t.Key] = id
		}
	}
}

func (m *model) forget(id string) {
	if old, ok := m.told[id]; ok && m.keys[old.Key] == id {
		delete(m.keys, old.Key)
	}
	delete(m.told, id)
}

// TestTheTableIsAMap applies random records, over many segments, to a memory and to plain
// maps, and compares all that they say.
func TestTheTableIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := New("r", 5)
	plain := &model{told: map[string]Told{}, keys: map[string]string{}}
	states := []feedbackv1.Notification_State{
		feedbackv1.Notification_STATE_INTENT, feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_DIGESTED,
		feedbackv1.Notification_STATE_COLLAPSED, feedbackv1.Notification_STATE_WITHDRAWN, feedbackv1.Notification_STATE_SKIPPED,
	}
	now := time.UnixMicro(t0.UnixMicro())
	for i := range 120_000 {
		now = now.Add(time.Second)
		id := fmt.Sprintf("slack:T1:C1:%d", r.IntN(30_000))
		n := record(id, states[r.IntN(len(states))], func(n *feedbackv1.Notification) {
			n.Revision, n.Count, n.ObservedAt = r.Uint64N(9), r.Uint32N(5), timestamppb.New(now)
			n.CollapseKey = [...]string{"", "k", fmt.Sprintf("text:%024x", r.IntN(20_000)), "slack:T1:C1:7", "text:not hexadecimal digits"}[r.IntN(5)]
			n.Place = &feedbackv1.Place{ChannelId: "C1", Ts: [...]string{"", "1762093805.000001", "01.000001", "5.5", "9.1234567", "-1.000001"}[r.IntN(6)]}
			if n.GetState() == feedbackv1.Notification_STATE_COLLAPSED {
				n.CollapsedInto = fmt.Sprintf("slack:T1:C1:%d", r.IntN(50))
			}
			if n.GetState() == feedbackv1.Notification_STATE_DIGESTED {
				n.DigestId = fmt.Sprintf("digest:r:%d", i/1000)
			}
		})
		m.Apply(n)
		plain.apply(id, Told{
			State: n.GetState(), Revision: n.GetRevision(), Channel: "C1", TS: n.GetPlace().GetTs(), Digest: n.GetDigestId(),
			Into: n.GetCollapsedInto(), Key: n.GetCollapseKey(), Shown: int(n.GetCount()), Said: t0.UnixMicro(), Written: now.UnixMicro(),
		})
		if i%20_000 == 19_999 {
			cut := m.Forget(now.Add(-30_000*time.Second), 15_000).UnixMicro()
			for id, told := range plain.told {
				if told.Written < cut && told.State != feedbackv1.Notification_STATE_INTENT {
					plain.forget(id)
				}
			}
		}
	}
	if got, want := m.Len(), len(plain.told); got != want {
		t.Fatalf("Len() = %d, want %d", got, want)
	}
	for i := range 30_000 {
		id := fmt.Sprintf("slack:T1:C1:%d", i)
		got, ok := m.Get(id)
		want, known := plain.told[id]
		if ok != known || got != want {
			t.Fatalf("Get(%s) = %+v, %v, want %+v, %v", id, got, ok, want, known)
		}
	}
	for key, want := range plain.keys {
		if got, ok := m.Standing(key); !ok || got != want {
			t.Fatalf("Standing(%s) = %q, %v, want %q", key, got, ok, want)
		}
	}
	if got, want := len(m.keys), len(plain.keys); got != want {
		t.Errorf("%d keys are known, want %d", got, want)
	}
	if got, want := len(m.told.segments)-len(m.told.free), 2*m.Len()/segmentSize+2; got > want {
		t.Errorf("%d segments hold %d events, want %d at most: what is dropped gives room", got, m.Len(), want)
	}
}

func TestIDsOfOneHashAreToldApart(t *testing.T) {
	m := New("r", 5)
	m.Apply(record("a", feedbackv1.Notification_STATE_POSTED))
	m.told.index[m.told.hash("b")] = m.told.index[m.told.hash("a")] // as if b had the hash of a
	if _, ok := m.Get("b"); ok {
		t.Fatal("Get(b) finds another event")
	}
	m.Apply(record("b", feedbackv1.Notification_STATE_SKIPPED))
	for id, want := range map[string]feedbackv1.Notification_State{"a": feedbackv1.Notification_STATE_POSTED, "b": feedbackv1.Notification_STATE_SKIPPED} {
		if got, _ := m.Get(id); got.State != want {
			t.Errorf("Get(%s) is %s, want %s", id, got.State, want)
		}
	}
	m.Apply(record("b", feedbackv1.Notification_STATE_POSTED))
	if got, _ := m.Get("b"); got.State != feedbackv1.Notification_STATE_POSTED || m.Len() != 2 {
		t.Errorf("Get(b) = %+v of %d events, want POSTED of 2", got, m.Len())
	}
}
