package loop

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"
)

// troubles says in words what the simulator's faults do to the pipeline; one without words here is shown by its name.
var troubles = map[string]string{
	"drop":        "connections are cut without a word; they have to be opened again",
	"disconnect":  "Slack closes the socket and asks the app to reconnect",
	"ghost":       "a socket stays open and swallows events",
	"half_open":   "connections go silent without closing",
	"redeliver":   "Slack delivers an event again that was acknowledged",
	"slack429":    "Slack answers 429 Too Many Requests",
	"slack5xx":    "Slack answers 503",
	"x429":        "X answers 429 Too Many Requests",
	"x503":        "X answers 503",
	"lost_answer": "Slack does what it is asked and the answer is lost",
}

// watch shows each trouble that the simulator makes, until ctx ends. What comes of it is seen in the lines that follow:
// health that changes, or nothing at all.
func (s *simulator) watch(ctx context.Context, out *printer) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	seen := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var status struct {
			Hits map[string]int `json:"fault_hits"`
		}
		if s.call(ctx, http.MethodGet, "/sim/status", nil, &status) != nil {
			continue // it is stopping, or busy: the next tick asks again
		}
		for _, kind := range slices.Sorted(maps.Keys(status.Hits)) {
			if status.Hits[kind] > seen[kind] {
				text := cmp.Or(troubles[kind], kind)
				out.line(time.Now().Format(clock) + "  " + out.paint(yellow, "simulated trouble: "+printable(text)))
			}
		}
		seen = status.Hits
	}
}
