package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

const (
	// maxTries is how often an envelope is sent that nobody acknowledges.
	maxTries = 3
	// eventsAPI is the type of the envelopes that events come in.
	eventsAPI = "events_api"
	// unknownType is one that no library knows.
	unknownType = "quantum_entangled"
)

// delivery brings events to the app: to one of its sockets each, or to its HTTP address.
// What is not acknowledged in time is sent again, at most maxTries times.
type delivery struct {
	w      *Workspace
	push   *pusher
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu      sync.Mutex
	rng     *rand.Rand
	conns   []*conn
	tickets map[string]time.Time
	pending map[string]*envelope
	made    int
	stats   map[string]int
}

// envelope is an event on its way through Socket Mode.
type envelope struct {
	ID       string          `json:"envelope_id"`
	Payload  json.RawMessage `json:"payload"`
	Type     string          `json:"type"`
	Accepts  bool            `json:"accepts_response_payload"`
	Attempt  int             `json:"retry_attempt"`
	Reason   string          `json:"retry_reason"`
	timer    *time.Timer
	repeated bool // was sent again although it had been acknowledged
}

func newDelivery(w *Workspace, rng *rand.Rand) *delivery {
	ctx, cancel := context.WithCancel(context.Background())
	d := &delivery{w: w, ctx: ctx, cancel: cancel, rng: rng, pending: map[string]*envelope{}, tickets: map[string]time.Time{}, stats: map[string]int{}}
	if w.opts.EventsURL != "" {
		d.push = newPusher(d, &http.Client{Timeout: w.opts.AckTimeout})
	}
	return d
}

// start begins to deliver and obeys faults.
func (d *delivery) start() {
	if d.push != nil {
		d.push.start()
	}
	faults := d.w.opts.Faults
	slackOnly := func(do func(fault.Fault)) func(fault.Fault) {
		return func(f fault.Fault) {
			if f.Target == "" || f.Target == "slack" {
				do(f)
			}
		}
	}
	faults.On(fault.Drop, slackOnly(func(f fault.Fault) { d.each(f.Count, (*conn).cut) }))
	faults.On(fault.Disconnect, slackOnly(func(f fault.Fault) { d.each(f.Count, (*conn).refresh) }))
	faults.On(fault.HalfOpen, slackOnly(func(f fault.Fault) {
		d.each(f.Count, func(c *conn) { c.freeze(time.Duration(f.Duration)) })
	}))
	faults.On(fault.Ghost, slackOnly(func(f fault.Fault) { d.each(max(1, f.Count), func(c *conn) { c.haunt(f.Until) }) }))
	faults.On(fault.Revoke, func(f fault.Fault) {
		if f.Target == "app" {
			d.each(0, (*conn).cut)
		}
	})
	faults.On(fault.BadEnvelope, func(f fault.Fault) { d.sendBad(f.Error) })
}

// sendBad sends an envelope of a type that no library knows, or, with inner, an event of
// that type with nothing in it.
func (d *delivery) sendBad(inner string) {
	kind, payload := unknownType, map[string]any{"type": unknownType}
	if inner != "" {
		kind, payload = eventsAPI, map[string]any{"type": "event_callback", "event": map[string]string{"type": inner}}
	}
	now := d.w.opts.Now()
	payload["team_id"], payload["api_app_id"] = TeamID, AppID
	payload["event_id"], payload["event_time"] = makeID("Ev", kind+inner+now.String()), now.Unix()
	d.sendAs(kind, must(json.Marshal(payload)))
}

// each has do called for the n oldest connections, or for all if n is 0.
func (d *delivery) each(n int, do func(*conn)) {
	d.mu.Lock()
	conns := slices.Clone(d.conns)
	d.mu.Unlock()
	if n > 0 && n < len(conns) {
		conns = conns[:n]
	}
	for _, c := range conns {
		do(c)
	}
}

func (d *delivery) stop() {
	d.cancel()
	d.each(0, (*conn).cut)
	d.mu.Lock()
	for _, e := range d.pending {
		e.timer.Stop()
	}
	d.mu.Unlock()
	d.tasks.Wait()
}

// send puts an event on its way. It never blocks.
func (d *delivery) send(payload json.RawMessage) { d.sendAs(eventsAPI, payload) }

// sendAs is send in an envelope of another type; over HTTP there is none.
func (d *delivery) sendAs(kind string, payload json.RawMessage) {
	if d.push != nil {
		d.push.queue(&pushed{body: payload})
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return
	}
	d.made++
	e := &envelope{ID: envelopeID(d.made, d.w.opts.Now()), Payload: payload, Type: kind}
	d.pending[e.ID] = e
	d.try(e)
}

func envelopeID(n int, now time.Time) string { return clientMsgID(fmt.Sprint(n, now.UnixNano())) }

// try sends e to one connection at random and looks again after the time for
// acknowledging; d.mu is held.
func (d *delivery) try(e *envelope) {
	open := slices.DeleteFunc(slices.Clone(d.conns), (*conn).leaving)
	if len(open) > 0 {
		c := open[d.rng.IntN(len(open))]
		if c.haunted(d.w.opts.Now()) {
			delete(d.pending, e.ID)
			d.stats["vanished"]++
			return
		}
		d.stats["delivered"]++
		c.queue(must(json.Marshal(e)))
	}
	e.timer = time.AfterFunc(d.w.opts.AckTimeout, func() { d.again(e) })
}

// again sends e once more or gives it up.
func (d *delivery) again(e *envelope) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending[e.ID] != e || d.ctx.Err() != nil {
		return
	}
	if e.Attempt+1 >= maxTries {
		delete(d.pending, e.ID)
		d.stats["given_up"]++
		d.w.opts.Log.Warn("an event was never acknowledged and is not sent again", "envelope", e.ID, "tries", maxTries, "connections", len(d.conns))
		return
	}
	e.Attempt++
	e.Reason = "timeout"
	d.stats["redelivered"]++
	d.try(e)
}

// ack takes an acknowledgement.
func (d *delivery) ack(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.pending[id]
	if e == nil {
		return
	}
	e.timer.Stop()
	delete(d.pending, id)
	d.stats["acknowledged"]++
	if e.repeated {
		return
	}
	if _, ok := d.w.opts.Faults.Hit(fault.Redeliver, ""); ok {
		e.repeated = true
		d.pending[id] = e
		e.Attempt, e.Reason = e.Attempt+1, "timeout"
		d.stats["redelivered"]++
		d.try(e)
	}
}

func (d *delivery) counts() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]int{"connections": len(d.conns), "unacknowledged": len(d.pending)}
	for k, n := range d.stats {
		out["events_"+k] = n
	}
	return out
}
