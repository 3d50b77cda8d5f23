package snowflake

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	// The first id of X's documentation on edited posts and the time it gives for it.
	id, err := Parse("1212092628029698048")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := id.Time().Truncate(time.Second), time.Date(2019, 12, 31, 19, 26, 16, 0, time.UTC); !got.Equal(want) {
		t.Errorf("Time(%s) = %s, want %s", id, got, want)
	}
	if got := ID(10).Time(); !got.IsZero() {
		t.Errorf("Time(10) = %s, want none", got)
	}
}

func TestAt(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		made  time.Time
		above bool
	}{
		{"a millisecond before", at.Add(-time.Millisecond), false},
		{"at that time", at, true},
		{"after", at.Add(time.Second), true},
	} {
		lowest, highest := At(c.made)+1, At(c.made.Add(time.Millisecond))
		for _, id := range []ID{lowest, highest} {
			if !id.Time().Equal(c.made) {
				t.Errorf("%s: Time = %s, want %s", c.name, id.Time(), c.made)
			}
			if got := id > At(at); got != c.above {
				t.Errorf("%s: %d > At(%s) = %v, want %v", c.name, id, at, got, c.above)
			}
		}
	}
}

func TestBefore(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	id := At(at) + 5
	if got, want := id.Before(time.Minute), At(at.Add(-time.Minute)); got != want {
		t.Errorf("Before(1m) = %d, want %d", got, want)
	}
	if got, want := ID(7).Before(time.Minute), ID(7); got != want {
		t.Errorf("Before(1m) of an id without a time = %d, want %d", got, want)
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"", "0", "-1", "1e3", "12x", "99999999999999999999", " 5"} {
		if id, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", s, id)
		}
	}
}
