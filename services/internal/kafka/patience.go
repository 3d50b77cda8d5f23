package kafka

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	// While the brokers refuse us, a connection is tried after firstPause, doubling to lastPause:
	// logins that fail fast lock users out and fill the brokers' logs.
	firstPause = 3 * time.Second
	lastPause  = 30 * time.Second
	// lately is for how long what worked proves that we are not refused as a whole: one broker
	// of several may refuse us by itself.
	lately = 10 * time.Second
)

// dialFunc opens a connection, without TLS and login.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// patience spaces out connections while the brokers refuse them. The library alone would try
// twice a second for its metadata, and as often as it is asked besides. So the first connection,
// and each after a refusal, is one by try; the others wait for how that ends. It is safe for
// concurrent use.
type patience struct {
	// try connects to a broker, with TLS and login, and asks it something.
	try func(ctx context.Context, address string) error

	mu     sync.Mutex
	proven bool          // the brokers receive us
	last   time.Time     // when something worked last
	until  time.Time     // no connection before
	why    error         // of the last refusal
	streak int           // of refusals
	trying chan struct{} // closed when the try that runs has ended; nil: none runs
}

// waitError is that of a connection that was not made: the reason for which the last one failed.
type waitError struct{ error }

func (e *waitError) Unwrap() error { return e.error }

// dial is base, but the error of the last refusal while it is too early to try again.
func (p *patience) dial(base dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		for {
			p.mu.Lock()
			switch {
			case p.proven:
				p.mu.Unlock()
				return base(ctx, network, address)
			case time.Now().Before(p.until):
				defer p.mu.Unlock()
				return nil, &waitError{p.why}
			case p.trying == nil:
				p.trying = make(chan struct{})
				p.mu.Unlock()
				if err := p.attempt(ctx, address); err != nil {
					return nil, err
				}
				continue
			}
			trying := p.trying
			p.mu.Unlock()
			select {
			case <-trying:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}

// attempt tries once and remembers how it ended.
func (p *patience) attempt(ctx context.Context, address string) error {
	err := p.try(ctx, address)
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.trying)
	p.trying = nil
	// A connection that just ends is a refusal only where none ever worked: else a broker restarts.
	ended := p.last.IsZero() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
	switch {
	case err == nil:
		p.proven, p.last, p.streak = true, time.Now(), 0
	case refused(err) || ended:
		pause := min(firstPause<<min(p.streak, 4), lastPause)
		p.streak++
		p.until, p.why = time.Now().Add(pause+rand.N(pause/4)), err
	}
	return err
}

// worked notes that the brokers do what we ask.
func (p *patience) worked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proven, p.last, p.streak = true, time.Now(), 0
}

// failed notes an error: a refusal, where nothing has worked lately, makes the next connection
// one to be tried.
func (p *patience) failed(err error) {
	var waited *waitError
	if !refused(err) || errors.As(err, &waited) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) >= lately {
		p.proven = false
	}
}

// pause is how long to wait after the given count of failures in a row: longer where only
// somebody who changes a setting or an ACL cures it.
func pause(err error, failures int) time.Duration {
	if denied(err) || refused(err) {
		return firstPause + rand.N(firstPause)
	}
	return backOff(failures)
}

// knock returns a function that connects to a broker once, as transport does, and asks it for
// metadata, for which one has to be let in.
func knock(transport *kafkago.Transport, base dialFunc) func(ctx context.Context, address string) error {
	return func(ctx context.Context, address string) error {
		once := &kafkago.Transport{
			Dial: base, TLS: transport.TLS, SASL: transport.SASL, ClientID: transport.ClientID,
			DialTimeout: dialTimeout, MetadataTTL: time.Hour, // one connection, and no second one
		}
		defer once.CloseIdleConnections()
		api := &kafkago.Client{Addr: kafkago.TCP(address), Transport: once, Timeout: requestTimeout}
		_, err := api.Metadata(ctx, &kafkago.MetadataRequest{})
		if cause := errors.Unwrap(err); cause != nil {
			return cause // without the name of the library's function
		}
		return err
	}
}
