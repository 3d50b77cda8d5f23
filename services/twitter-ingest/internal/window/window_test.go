package window

import (
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) snowflake.ID { return snowflake.At(noon.Add(d)) + 1 }

func TestHead(t *testing.T) {
	for _, c := range []struct {
		name     string
		newest   snowflake.ID
		searched time.Time
		want     Gap
	}{
		{"never read", 0, time.Time{}, Gap{From: noon}},
		{"after a restart", at(0), time.Time{}, Gap{After: at(0).Before(Overlap)}},
		{"busy: searched a second after the newest post", at(0), noon.Add(time.Second), Gap{After: snowflake.At(noon.Add(time.Second - Overlap))}},
		{"quiet: searched an hour after the newest post", at(0), noon.Add(time.Hour), Gap{After: at(0)}},
		{"ids without a time", 17, time.Time{}, Gap{After: 17}},
	} {
		w := &Window{Newest: c.newest, NewestAt: noon}
		if got := w.Head(c.searched); got != c.want {
			t.Errorf("%s: Head = %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestReadPagesDown(t *testing.T) {
	w := &Window{Newest: at(0)}
	g := w.Head(time.Time{})
	g1, more := w.Read(g, at(100*time.Second), at(90*time.Second), true)
	if !more || w.Newest != at(100*time.Second) {
		t.Fatalf("after the first page: more = %v, Newest = %s, want the page's newest and a gap", more, w.Newest.Time())
	}
	want := []Gap{{After: g.After, Until: at(90 * time.Second)}}
	if d := cmp.Diff(want, w.Gaps); d != "" {
		t.Errorf("Gaps after the first page (-want +got):\n%s", d)
	}
	g2, _ := w.Read(g1, at(89*time.Second), at(80*time.Second), true)
	if got := w.Gaps[0].Until; got != at(80*time.Second) {
		t.Errorf("Until after the second page = %s, want its oldest", got.Time())
	}
	if w.Newest != at(100*time.Second) {
		t.Errorf("Newest = %s, want that of the first page", w.Newest.Time())
	}
	if _, more := w.Read(g2, 0, 0, true); !more || len(w.Gaps) != 1 {
		t.Errorf("an empty page that is not the last closed the gap: %v", w.Gaps)
	}
	if _, more := w.Read(g2, at(70*time.Second), at(60*time.Second), false); more || len(w.Gaps) != 0 {
		t.Errorf("Gaps after the last page = %v, want none", w.Gaps)
	}
}

func TestEmptyPageKeepsNewest(t *testing.T) {
	w := &Window{Newest: at(0), NewestAt: noon}
	w.Read(w.Head(noon), 0, 0, false)
	if w.Newest != at(0) || len(w.Gaps) != 0 {
		t.Errorf("after an empty page: Newest = %s, Gaps = %v, want them unchanged", w.Newest.Time(), w.Gaps)
	}
	w = New("s", noon)
	if rest, _ := w.Read(w.Head(noon), 0, 0, true); rest.Until != 0 || len(w.Gaps) != 0 {
		t.Errorf("an empty first page with more made the gap %v", w.Gaps)
	}
}

func TestOverlapKeepsNewest(t *testing.T) {
	w := &Window{Newest: at(0)}
	w.Read(w.Head(time.Time{}), at(-10*time.Second), at(-20*time.Second), false)
	if w.Newest != at(0) {
		t.Errorf("Newest = %s, want it not to go back", w.Newest.Time())
	}
}

func TestManyGapsAreJoined(t *testing.T) {
	w := &Window{Newest: at(0)}
	for i := range 3 * maxGaps {
		up := time.Duration(i+1) * 10 * time.Minute
		w.Read(w.Head(time.Time{}), at(up), at(up-time.Minute), true)
	}
	if len(w.Gaps) != maxGaps {
		t.Errorf("%d gaps, want %d", len(w.Gaps), maxGaps)
	}
	if got, want := w.Gaps[0].After, at(0).Before(Overlap); got != want {
		t.Errorf("the oldest gap begins after %s, want %s", got.Time(), want.Time())
	}
}

func TestExpire(t *testing.T) {
	w := &Window{Gaps: []Gap{{After: at(0), Until: at(time.Hour)}, {After: at(2 * time.Hour), Until: at(3 * time.Hour)}}}
	lost := w.Expire(noon.Add(2*time.Hour + time.Minute))
	if len(lost) != 1 || lost[0].Until != at(time.Hour) || len(w.Gaps) != 1 {
		t.Errorf("Expire = %v, left %v, want the first lost and the second kept", lost, w.Gaps)
	}
}

func TestProto(t *testing.T) {
	want := &Window{Scope: Scope("#azure"), Newest: at(0), NewestAt: noon,
		Gaps: []Gap{{From: noon.Add(-time.Hour), Until: at(-time.Minute)}, {After: at(-50 * time.Second), Until: at(-40 * time.Second)}}}
	if d := cmp.Diff(want, FromProto(want.Proto())); d != "" {
		t.Errorf("FromProto(Proto) (-want +got):\n%s", d)
	}
	if Scope("a") == Scope("b") {
		t.Error("two queries have one scope")
	}
}
