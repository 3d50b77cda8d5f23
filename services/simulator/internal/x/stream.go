package x

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

const (
	// maxStreams is how many connections one app may have.
	maxStreams = 1
	// streamBuffer is how many posts may wait for a slow reader before it is cut off.
	streamBuffer = 1000
)

// subscriber is one connection to the filtered stream.
type subscriber struct {
	wanted *wanted
	lines  chan []byte
	// drop ends the connection at once; bye ends it with a last line.
	drop chan struct{}
	once sync.Once

	mu     sync.Mutex
	frozen bool
}

func (s *subscriber) cut() { s.once.Do(func() { close(s.drop) }) }

func (s *subscriber) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen
}

// obeyFaults has streams cut and frozen on request.
func (n *Network) obeyFaults() {
	each := func(do func(*subscriber, fault.Fault)) func(fault.Fault) {
		return func(f fault.Fault) {
			if f.Target != "x" {
				return
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			for s := range n.streams {
				do(s, f)
			}
		}
	}
	n.opts.Faults.On(fault.Drop, each(func(s *subscriber, _ fault.Fault) { s.cut() }))
	n.opts.Faults.On(fault.HalfOpen, each(func(s *subscriber, f fault.Fault) {
		s.mu.Lock()
		s.frozen = true
		s.mu.Unlock()
		time.AfterFunc(time.Duration(f.Duration), s.cut)
	}))
	n.opts.Faults.On(fault.Disconnect, each(func(s *subscriber, _ fault.Fault) { s.bye() }))
	n.opts.Faults.On(fault.Revoke, each(func(s *subscriber, _ fault.Fault) { s.cut() }))
}

// bye tells the client that the stream ends, as X does, and ends it.
func (s *subscriber) bye() {
	line, err := json.Marshal(map[string]any{"errors": []map[string]string{{
		"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
		"detail": "This stream has been disconnected upstream for operational reasons.", "type": problems + "operational-disconnect",
	}}})
	if err == nil {
		s.send(line)
	}
	s.send(nil)
}

// send hands over a line; nil ends the stream. A reader that is too slow is cut off.
func (s *subscriber) send(line []byte) {
	select {
	case s.lines <- line:
	default:
		s.cut()
	}
}

// connect is GET /2/tweets/search/stream.
func (n *Network) connect(rw http.ResponseWriter, r *http.Request) *problem {
	q := r.URL.Query()
	var bad invalid
	s := &subscriber{wanted: fields(q, []string{"backfill_minutes"}, &bad), lines: make(chan []byte, streamBuffer), drop: make(chan struct{})}
	if q.Get("backfill_minutes") != "" && q.Get("backfill_minutes") != "0" {
		bad.add("The `backfill_minutes` query parameter is not available in your product", map[string][]string{"backfill_minutes": q["backfill_minutes"]})
	}
	if p := bad.problem(); p != nil {
		return p
	}
	if p := n.subscribe(s); p != nil {
		return p
	}
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.streams, s)
	}()
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(http.StatusOK)
	n.pump(rw, r, s)
	return nil
}

func (n *Network) subscribe(s *subscriber) *problem {
	n.mu.Lock()
	defer n.mu.Unlock()
	exception := func(status int, issue, detail string) *problem {
		return &problem{status: status, body: map[string]any{"title": "ConnectionException", "detail": detail, "connection_issue": issue, "type": problems + "streaming-connection"}}
	}
	if len(n.rules) == 0 {
		return exception(http.StatusConflict, "RuleConfigurationIssue", "You must configure at least one rule before you connect to the stream.")
	}
	if len(n.streams) >= maxStreams {
		return exception(http.StatusTooManyRequests, "TooManyConnections", "This stream is currently at the maximum allowed connection limit.")
	}
	n.streams[s] = true
	return nil
}

// pump writes what s is sent, and keepalives, until the connection ends.
func (n *Network) pump(rw http.ResponseWriter, r *http.Request, s *subscriber) {
	flush := http.NewResponseController(rw).Flush
	keepalive := time.NewTicker(n.opts.Keepalive)
	defer keepalive.Stop()
	write := func(line []byte) bool {
		if s.silent() {
			return true
		}
		_, err := rw.Write(append(line, '\r', '\n'))
		return err == nil && flush() == nil
	}
	if flush() != nil {
		return
	}
	for {
		select {
		case <-n.stop:
			return
		case <-r.Context().Done():
			return
		case <-s.drop:
			panic(http.ErrAbortHandler) // without an end of the body, as a cut connection
		case <-keepalive.C:
			if !write(nil) {
				return
			}
		case line := <-s.lines:
			if line == nil || !write(line) {
				return
			}
			keepalive.Reset(n.opts.Keepalive)
		}
	}
}

// stream sends a version to the stream if a rule matches; n.mu is held, so that posts are
// sent in the order of their ids.
func (n *Network) stream(v *version) {
	if len(n.streams) == 0 {
		return
	}
	d := n.document(v)
	var matching []map[string]string
	for _, r := range n.rules {
		if r.query.Match(d) {
			matching = append(matching, map[string]string{"id": r.id, "tag": r.tag})
		}
	}
	if len(matching) == 0 {
		return
	}
	for s := range n.streams {
		body := map[string]any{"data": n.object(v, s.wanted), "matching_rules": matching}
		if inc := n.includes([]*version{v}, s.wanted); inc != nil {
			body["includes"] = inc
		}
		if line, err := json.Marshal(body); err == nil {
			n.counts["streamed"]++
			n.counts["posts_read"]++
			s.send(line)
		}
	}
}

// readBody reads a request's JSON.
func readBody(r *http.Request, into any) *problem {
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		var bad invalid
		bad.add(fmt.Sprintf("Request body is not valid JSON: %v", err), nil)
		return bad.problem()
	}
	return nil
}
