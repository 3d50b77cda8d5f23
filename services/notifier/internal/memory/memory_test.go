package memory

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

var t0 = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func record(id string, state feedbackv1.Notification_State, change ...func(*feedbackv1.Notification)) *feedbackv1.Notification {
	n := &feedbackv1.Notification{EventId: id, Route: "r", State: state, ObservedAt: timestamppb.New(t0), CreatedAt: timestamppb.New(t0)}
	for _, f := range change {
		f(n)
	}
	return n
}

func into(id string) func(*feedbackv1.Notification) {
	return func(n *feedbackv1.Notification) { n.CollapsedInto, n.CollapseKey = id, "k" }
}

func key(k string) func(*feedbackv1.Notification) {
	return func(n *feedbackv1.Notification) { n.CollapseKey, n.Count = k, 1 }
}

func TestCountsDoNotDependOnTheOrderOfKeys(t *testing.T) {
	records := []*feedbackv1.Notification{
		record("a", feedbackv1.Notification_STATE_POSTED, key("k")),
		record("b", feedbackv1.Notification_STATE_COLLAPSED, into("a")),
		record("c", feedbackv1.Notification_STATE_COLLAPSED, into("a")),
		record("d", feedbackv1.Notification_STATE_INTENT, key("d")),
		{DigestId: "digest:r:1", Route: "r", State: feedbackv1.Notification_STATE_INTENT, EventIds: []string{"x", "y", "z"}},
		record("e", feedbackv1.Notification_STATE_POSTED, func(n *feedbackv1.Notification) { n.Route = "another" }),
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		m := New("r", 2)
		for _, n := range records {
			m.Apply(n)
		}
		if got, want := m.Count("a"), 3; got != want {
			t.Errorf("seed %d: Count(a) = %d, want %d", seed, got, want)
		}
		if got, _ := m.Standing("k"); got != "a" {
			t.Errorf("seed %d: Standing(k) = %q, want a", seed, got)
		}
		if got, want := fmt.Sprint(m.Outdated()), "[a]"; got != want {
			t.Errorf("seed %d: Outdated() = %s, want %s", seed, got, want)
		}
		if got, want := len(m.Open()), 2; got != want {
			t.Errorf("seed %d: Open() has %d, want %d", seed, got, want)
		}
		if d, _ := m.Digest("digest:r:1"); len(d.Shown) != 2 {
			t.Errorf("seed %d: digest shows %v, want the first two", seed, d.Shown)
		}
		if _, ok := m.Get("e"); ok {
			t.Errorf("seed %d: a record of another route was taken in", seed)
		}
	}
}

func TestWithdrawnNoLongerStandsForItsKey(t *testing.T) {
	m := New("r", 5)
	m.Apply(record("a", feedbackv1.Notification_STATE_POSTED, key("k")))
	m.Apply(record("b", feedbackv1.Notification_STATE_COLLAPSED, into("a")))
	m.Apply(record("a", feedbackv1.Notification_STATE_WITHDRAWN, key("k")))
	if got, ok := m.Standing("k"); ok {
		t.Errorf("Standing(k) = %q after its card was withdrawn, want none", got)
	}
	m.Apply(record("b", feedbackv1.Notification_STATE_WITHDRAWN, into("a")))
	if got, want := m.Count("a"), 1; got != want {
		t.Errorf("Count(a) = %d after the copy was withdrawn, want %d", got, want)
	}
}

func TestSeenNeverHidesWhatWasTold(t *testing.T) {
	m := New("r", 5)
	m.Apply(record("a", feedbackv1.Notification_STATE_POSTED, key("k")))
	m.Seen("a", 9, t0)
	if got, _ := m.Get("a"); got.State != feedbackv1.Notification_STATE_POSTED {
		t.Errorf("Get(a) = %+v after Seen, want POSTED", got)
	}
	m.Seen("b", 9, t0)
	if got, _ := m.Get("b"); got.Revision != 9 {
		t.Errorf("Get(b).Revision = %d, want 9", got.Revision)
	}
}

func TestForget(t *testing.T) {
	m := New("r", 5)
	for i := range 100 {
		m.Apply(record(fmt.Sprint(i), feedbackv1.Notification_STATE_POSTED, key(fmt.Sprint("k", i)), func(n *feedbackv1.Notification) {
			n.ObservedAt = timestamppb.New(t0.Add(time.Duration(i) * time.Minute))
		}))
	}
	m.Apply(record("open", feedbackv1.Notification_STATE_INTENT))
	m.Forget(t0.Add(10*time.Minute), 1000)
	if got, want := m.Len(), 91; got != want {
		t.Errorf("Len() = %d after forgetting ten minutes of a hundred, want %d (an open intent stays)", got, want)
	}
	m.Forget(t0, 50)
	if got := m.Len(); got > 50 || got < 40 {
		t.Errorf("Len() = %d after forgetting down to 50, want 40 to 50", got)
	}
	if _, ok := m.Get("99"); !ok {
		t.Error("the newest event was forgotten before older ones")
	}
	if _, ok := m.Standing("k1"); ok {
		t.Error("a forgotten event still stands for its key")
	}
}

func TestKeys(t *testing.T) {
	same := [][2]string{
		{"Azure is DOWN!", "azure   is\ndown"},
		{"Azure is down https://t.co/abc", "@azuresupport azure is down https://t.co/xyz"},
		{"RT @ada: Azure is down", "Azure is down"},
	}
	for _, c := range same {
		a, b := textKey(c[0]), textKey(c[1])
		if a != b || a == "" {
			t.Errorf("textKey(%q) = %q and textKey(%q) = %q, want the same", c[0], a, c[1], b)
		}
	}
	if textKey("Azure is down") == textKey("Azure is up") {
		t.Error("different texts have one key")
	}
	for _, empty := range []string{"", " ", "https://t.co/abc", "@ada @bob", "!!!"} {
		if got := textKey(empty); got != "" {
			t.Errorf("textKey(%q) = %q, want none", empty, got)
		}
	}
	long := strings.Repeat("Azure is down. ", maxPlain)
	if textKey(long+"now") != textKey(strings.ToUpper(long[:1000])+long[1000:]+"now") || textKey(long+"now") == textKey(long+"again") {
		t.Error("a long text's key, want that of its copy, and another one for another end")
	}
	repost := Keys(&feedbackv1.Event{Id: "x:2", Text: "RT @ada: hello", RepostOf: "x:1"})
	if repost[0] != "x:1" {
		t.Errorf("Keys(repost)[0] = %q, want the id of what it repeats", repost[0])
	}
}

func TestToldIsWhatHasAMessageOfItsOwnAndWasWrittenSince(t *testing.T) {
	m, now := New("negative", 5), time.Now()
	for id, n := range map[string]*feedbackv1.Notification{
		"posted":    {State: feedbackv1.Notification_STATE_POSTED},
		"withdrawn": {State: feedbackv1.Notification_STATE_WITHDRAWN},
		"old":       {State: feedbackv1.Notification_STATE_POSTED, ObservedAt: timestamppb.New(now.Add(-time.Hour))},
		"intent":    {State: feedbackv1.Notification_STATE_INTENT},
		"copy":      {State: feedbackv1.Notification_STATE_COLLAPSED, CollapsedInto: "posted"},
		"digested":  {State: feedbackv1.Notification_STATE_DIGESTED, DigestId: "digest"},
	} {
		n.EventId, n.Route = id, "negative"
		if n.ObservedAt == nil {
			n.ObservedAt = timestamppb.New(now)
		}
		m.Apply(n)
	}
	m.Apply(&feedbackv1.Notification{DigestId: "digest", Route: "negative", State: feedbackv1.Notification_STATE_POSTED, ObservedAt: timestamppb.New(now)})
	got := slices.Sorted(maps.Keys(m.Told(now.Add(-time.Minute))))
	if want := []string{"digest", "posted", "withdrawn"}; !slices.Equal(got, want) {
		t.Errorf("Told = %v, want %v", got, want)
	}
}
