// Package proxy is a TCP link that can be cut and slowed. What it took from one side it hands to the other in order,
// or not at all: a link never alters, repeats or leaves out a byte in the middle.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// chunk is how many bytes at most pass at once; a slow link waits before each.
const chunk = 16 << 10

// State is what a link does with what it gets.
type State int

// The states of a link.
const (
	// Open passes everything at once.
	Open State = iota
	// Refused resets all connections, and every new one.
	Refused
	// Silent passes nothing and closes nothing, as a network that drops packets. What was sent meanwhile arrives when the
	// link is open again, if the connection still stands.
	Silent
	// Slow passes every chunk after a delay.
	Slow
)

// String is the state in a word.
func (s State) String() string { return [...]string{"open", "cut", "silent", "slow"}[s] }

// Link is a proxy from one address to another. Its methods may be called from several goroutines.
type Link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	state   State
	delay   time.Duration
	changed chan struct{} // closed when the state changes
	closed  bool
	conns   map[net.Conn]bool
}

// Listen opens a link from address (host:port, port 0: any free one) to target. Close ends it.
func Listen(ctx context.Context, address, target string) (*Link, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open a link to %s: %w", target, err)
	}
	link := &Link{listener: l, target: target, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	link.running.Go(link.accept)
	return link, nil
}

// Address is where it listens, host:port.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Set changes what the link does. delay is for Slow.
func (l *Link) Set(s State, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.delay = s, delay
	close(l.changed)
	l.changed = make(chan struct{})
	if s == Refused {
		l.resetAll()
	}
}

// Close cuts everything and returns when nothing is left of the link.
func (l *Link) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.changed)
		l.changed = make(chan struct{})
		l.resetAll()
	}
	l.mu.Unlock()
	err := l.listener.Close()
	l.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// resetAll resets the connections; l.mu is held.
func (l *Link) resetAll() {
	for c := range l.conns {
		reset(c)
	}
}

// reset closes a connection as one does that has crashed.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

func (l *Link) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.running.Go(func() { l.serve(c) })
	}
}

// serve passes a connection on until one side ends or the link is cut.
func (l *Link) serve(near net.Conn) {
	if !l.keep(near) {
		return
	}
	defer l.forget(near)
	if !l.pass(nil) { // a silent link takes connections (the kernel does) and says nothing
		return
	}
	far, err := (&net.Dialer{Timeout: 5 * time.Second}).Dial("tcp", l.target) //nolint:noctx // bounded
	if err != nil {
		reset(near)
		return
	}
	if !l.keep(far) {
		return
	}
	defer l.forget(far)
	var both sync.WaitGroup
	both.Go(func() { l.copy(far, near) })
	both.Go(func() { l.copy(near, far) })
	both.Wait()
}

// keep notes a connection, or resets it and returns false where the link takes none.
func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.state == Refused {
		reset(c)
		return false
	}
	l.conns[c] = true
	return true
}

func (l *Link) forget(c net.Conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	_ = c.Close()
}

// copy passes one direction, and its end.
func (l *Link) copy(to, from net.Conn) {
	buffer := make([]byte, chunk)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !l.pass(to) {
				break
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			if l.pass(to) {
				if t, ok := to.(*net.TCPConn); ok {
					_ = t.CloseWrite()
				}
			}
			return
		}
	}
	_ = from.Close()
	_ = to.Close()
}

// pass waits until the link lets something through, and is false where it never will: it was cut or closed meanwhile.
// to is a connection that has to be the link's still; nil: none.
func (l *Link) pass(to net.Conn) bool {
	delayed := false
	for {
		l.mu.Lock()
		state, delay, changed := l.state, l.delay, l.changed
		over := l.closed || state == Refused || to != nil && !l.conns[to]
		l.mu.Unlock()
		switch {
		case over:
			return false
		case state == Open, state == Slow && delayed:
			return true
		case state == Silent:
			<-changed
		default:
			timer := time.NewTimer(delay)
			select {
			case <-timer.C:
				delayed = true
			case <-changed:
				timer.Stop()
			}
		}
	}
}
