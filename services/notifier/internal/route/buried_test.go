package route

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// TestRoutesOfAProcessBuryARecordOnce lets two routes read the same bad record.
func TestRoutesOfAProcessBuryARecordOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buried := &Buried{}
		dead := 0
		for _, name := range []string{"negative", "everything"} {
			w := newWorld(t)
			w.put(kafka.Record{Topic: topics.Scored, Key: []byte("a"), Value: []byte("\xff\xff\xff")})
			p := w.start(config(func(c *Config) { c.Name = name }), name, func(p *process) { p.buried = buried })
			await(t, time.Minute, "passed over", w.settled)
			p.end()
			dead += len(w.dead)
		}
		if dead != 1 {
			t.Errorf("%d dead letters of one record, want 1", dead)
		}
	})
}

func TestARouteBuriesAgainWhatItMayNotHaveWritten(t *testing.T) {
	b, bad := &Buried{}, position{1, 7}
	for i, c := range []struct {
		route string
		want  bool
	}{{"a", true}, {"b", false}, {"a", true}} {
		if got := b.claim(bad, c.route); got != c.want {
			t.Errorf("%d: claim by %s = %v, want %v", i, c.route, got, c.want)
		}
	}
	for i := range int64(maxBuried) {
		b.claim(position{2, i}, "a")
	}
	if len(b.by) != maxBuried || !b.claim(bad, "b") {
		t.Errorf("%d records are remembered, want %d, and the oldest is forgotten", len(b.by), maxBuried)
	}
}
