package socket

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// pulse tells when something came through the newest of a session's connections. Slack sends
// pings all the time, so that one which is silent is dead, whatever TCP thinks.
type pulse struct {
	last atomic.Int64 // Unix time in nanoseconds
}

// silent is for how long nothing came.
func (p *pulse) silent() time.Duration { return time.Since(time.Unix(0, p.last.Load())) }

func (p *pulse) beat() { p.last.Store(time.Now().UnixNano()) }

// dialer opens connections that p listens to.
func (p *pulse) dialer() *websocket.Dialer {
	return &websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 10 * time.Second, WriteBufferSize: 8 << 10,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			p.beat()
			return heard{conn, p}, nil
		},
	}
}

// heard is a connection that tells of what it reads.
type heard struct {
	net.Conn
	pulse *pulse
}

// Read reads, and notes that something came.
func (h heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.pulse.beat()
	}
	return n, err
}
