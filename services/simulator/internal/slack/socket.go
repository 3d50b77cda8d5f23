package slack

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// maxConnections is how many sockets one app may have.
	maxConnections = 10
	// backlog is how many frames may wait for a slow reader before it is cut off.
	backlog = 20_000
)

// conn is one Socket Mode connection.
type conn struct {
	d    *delivery
	ws   *websocket.Conn
	out  chan []byte
	done chan struct{}
	once sync.Once

	mu       sync.Mutex
	frozen   bool
	ghostEnd time.Time
	closing  bool
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, WriteBufferSize: 32 * 1024}

// ServeSocket takes the connections that apps.connections.open gave a ticket for.
func (w *Workspace) ServeSocket(rw http.ResponseWriter, r *http.Request) {
	d := w.delivery
	if !d.admit(r.URL.Query().Get("ticket")) {
		http.Error(rw, "the ticket is unknown, used or too old: call apps.connections.open", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &conn{d: d, ws: ws, out: make(chan []byte, backlog), done: make(chan struct{})}
	d.mu.Lock()
	if d.ctx.Err() != nil || len(d.conns) >= maxConnections {
		d.mu.Unlock()
		_ = ws.WriteMessage(websocket.TextMessage, disconnectFrame("too_many_websockets"))
		c.cut()
		return
	}
	d.conns = append(d.conns, c)
	c.queue(must(json.Marshal(map[string]any{
		"type": "hello", "num_connections": len(d.conns), "connection_info": map[string]string{"app_id": AppID},
		"debug_info": map[string]any{"host": "applink-simulator", "build_number": 1, "approximate_connection_time": 18060},
	})))
	d.tasks.Add(1)
	d.mu.Unlock()
	w.opts.Log.Info("socket opened", "connections", d.counts()["connections"])
	go func() {
		defer d.tasks.Done()
		c.write()
	}()
	c.read()
}

// ticket lets one socket in within 30 s.
func (d *delivery) ticket() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made++
	t := envelopeID(d.made, d.w.opts.Now())
	d.tickets[t] = d.w.opts.Now().Add(30 * time.Second)
	return t
}

func (d *delivery) admit(ticket string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, ok := d.tickets[ticket]
	delete(d.tickets, ticket)
	return ok && d.w.opts.Now().Before(until)
}

func disconnectFrame(reason string) []byte {
	return must(json.Marshal(map[string]any{"type": "disconnect", "reason": reason, "debug_info": map[string]string{"host": "applink-simulator"}}))
}

// write sends what is queued, and pings.
func (c *conn) write() {
	defer c.cut()
	ping := time.NewTicker(c.d.w.opts.PingInterval)
	defer ping.Stop()
	if !c.ping() {
		return
	}
	for {
		select {
		case <-c.done:
			return
		case frame := <-c.out:
			if c.silent() {
				continue
			}
			_ = c.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if c.ws.WriteMessage(websocket.TextMessage, frame) != nil {
				return
			}
		case <-ping.C:
			if !c.silent() && !c.ping() {
				return
			}
		}
	}
}

func (c *conn) ping() bool {
	return c.ws.WriteControl(websocket.PingMessage, []byte("Ping from simulator"), time.Now().Add(10*time.Second)) == nil
}

// read takes acknowledgements until the connection ends.
func (c *conn) read() {
	defer c.cut()
	for {
		_, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if json.Unmarshal(b, &ack) == nil && !c.silent() {
			c.d.ack(ack.EnvelopeID)
		}
	}
}

// queue hands a frame to write; a reader that is too slow is cut off.
func (c *conn) queue(frame []byte) {
	select {
	case c.out <- frame:
	default:
		go c.cut()
	}
}

// cut ends the connection without a closing handshake.
func (c *conn) cut() {
	c.once.Do(func() {
		close(c.done)
		_ = c.ws.NetConn().Close()
		c.d.mu.Lock()
		c.d.conns = slices.DeleteFunc(c.d.conns, func(o *conn) bool { return o == c })
		c.d.mu.Unlock()
	})
}

// refresh asks the client to reconnect and closes 10 s later.
func (c *conn) refresh() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.queue(disconnectFrame("refresh_requested"))
	time.AfterFunc(10*time.Second, c.cut)
}

// leaving tells whether the client was asked to reconnect: no new events go there.
func (c *conn) leaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// freeze makes the connection silent and cuts it after d.
func (c *conn) freeze(d time.Duration) {
	c.mu.Lock()
	c.frozen = true
	c.mu.Unlock()
	time.AfterFunc(d, c.cut)
}

func (c *conn) silent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen
}

// haunt makes the connection a ghost until then: it pings, but its events vanish.
func (c *conn) haunt(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ghostEnd = until
}

func (c *conn) haunted(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.ghostEnd)
}
