package sink

import (
	"testing"
	"time"
)

func TestABudgetKeepsBelowItsLimitInAnyMinute(t *testing.T) {
	b := NewBudget(updatesAMinute, updatesAtOnce)
	var calls []time.Time
	now := time.Unix(1000, 0)
	for end := now.Add(5 * time.Minute); now.Before(end); now = now.Add(100 * time.Millisecond) {
		if b.Take(now) == 0 {
			calls = append(calls, now)
		}
	}
	if got, want := len(calls), 5*updatesAMinute+updatesAtOnce; got < want-2 || got > want {
		t.Errorf("%d calls in five minutes, want about %d: what is allowed is used", got, want)
	}
	for i := range calls {
		n := 0
		for _, c := range calls[i:] {
			if c.Sub(calls[i]) < time.Minute {
				n++
			}
		}
		if n > 50 {
			t.Fatalf("%d calls in a minute, want 50 at most", n)
		}
	}
}

func TestABudgetHoldsAndThenGivesOneByOne(t *testing.T) {
	b, now := NewBudget(60, 10), time.Unix(1000, 0)
	b.Hold(now.Add(30 * time.Second))
	if d := b.Take(now.Add(10 * time.Second)); d != 20*time.Second {
		t.Errorf("Take while held = %s, want 20s", d)
	}
	now = now.Add(30 * time.Second)
	if d := b.Take(now); d != 0 {
		t.Errorf("Take after the hold = %s, want 0", d)
	}
	if d := b.Take(now); d != time.Second {
		t.Errorf("second Take after the hold = %s, want 1s: one by one", d)
	}
	if d := b.Wait(now.Add(time.Second)); d != 0 {
		t.Errorf("Wait a second later = %s, want 0", d)
	}
	b.Hold(now)
	if d := b.Take(now.Add(time.Hour)); d != 0 {
		t.Errorf("Take an hour later = %s, want 0", d)
	}
}
