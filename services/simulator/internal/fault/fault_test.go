package fault

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestCountDurationAndTarget(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := New(func() time.Time { return now })
	start := func(f Fault) {
		t.Helper()
		if err := s.Start(f); err != nil {
			t.Fatal(err)
		}
	}
	hit := func(k Kind, target string, want bool) {
		t.Helper()
		if _, got := s.Hit(k, target); got != want {
			t.Errorf("Hit(%s, %q) = %v, want %v", k, target, got, want)
		}
	}
	hit(Slack429, "chat.postMessage", false)

	start(Fault{Kind: Slack429, Target: "chat.postMessage", Count: 2})
	hit(Slack429, "conversations.history", false)
	hit(Slack429, "chat.postMessage", true)
	hit(Slack429, "chat.postMessage", true)
	hit(Slack429, "chat.postMessage", false)

	start(Fault{Kind: X503, Duration: Duration(10 * time.Second)})
	hit(X503, "search", true)
	hit(X503, "lookup", true)
	now = now.Add(10 * time.Second)
	hit(X503, "search", false)

	start(Fault{Kind: Revoke})
	if f, ok := s.Active(Revoke, "bot"); !ok || f.Target != "bot" {
		t.Errorf("Active(revoke, bot) = %+v %v, want the bot token revoked", f, ok)
	}
	start(Fault{Kind: Restore})
	hit(Revoke, "bot", false)
}

func TestUnknownKindTeaches(t *testing.T) {
	err := New(time.Now).Start(Fault{Kind: "dorp"})
	if err == nil || !strings.Contains(err.Error(), "drop") {
		t.Errorf("Start(dorp) = %v, want an error that lists drop", err)
	}
}

func TestHooks(t *testing.T) {
	s := New(time.Now)
	var got []Fault
	s.On(Drop, func(f Fault) { got = append(got, f) })
	if err := s.Start(Fault{Kind: Drop, Target: "x"}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Target != "x" {
		t.Errorf("the hook saw %+v, want one drop of x", got)
	}
	if list, _ := s.List(); len(list) != 0 {
		t.Errorf("List() = %+v, want none: a drop is over at once", list)
	}
}

func TestJSON(t *testing.T) {
	var f Fault
	if err := json.Unmarshal([]byte(`{"kind":"ghost","duration":"10s","count":2}`), &f); err != nil {
		t.Fatal(err)
	}
	if f.Kind != Ghost || time.Duration(f.Duration) != 10*time.Second || f.Count != 2 {
		t.Errorf("decoded %+v, want ghost for 10s, twice", f)
	}
	if err := json.Unmarshal([]byte(`{"kind":"ghost","duration":10}`), &f); err == nil {
		t.Error("a duration without unit was taken, want an error")
	}
}

func TestWhatHappensAtOnceIsCounted(t *testing.T) {
	s := New(time.Now)
	for range 2 {
		if err := s.Start(Fault{Kind: Drop}); err != nil {
			t.Fatal(err)
		}
	}
	if _, hits := s.List(); hits[Drop] != 2 {
		t.Errorf("hits = %v, want drop twice", hits)
	}
}
