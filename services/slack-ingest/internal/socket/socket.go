// Package socket receives events over Slack's Socket Mode.
//
// It guarantees that an envelope is acknowledged only when its event needs no more
// work, that one nobody can read is acknowledged too (Slack would send it for ever),
// and that a connection is sought for ever, but never in a hot loop.
package socket

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/dispatch"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/metrics"
)

const (
	// maxBackOff is the longest between two attempts at a connection, so that one is there again
	// soon after Slack is.
	maxBackOff = 30 * time.Second
	// silence is for how long nothing, not even a ping, may come through a connection: what the
	// client libraries of Slack take by default. It is looked after every look.
	silence = 30 * time.Second
	look    = 2 * time.Second
	// flush is what acknowledgements that were queued last get to reach Slack at a stop.
	flush = 300 * time.Millisecond
	// acks is how many acknowledgements may wait while the connection is renewed.
	acks = 1000
	// refusing is how many unreadable deliveries are written to the dead letters at once.
	refusing = 4
)

// Options are what a Receiver works with; all are required.
type Options struct {
	// Dial makes a client for one session, with these options.
	Dial func(...socketmode.Option) *socketmode.Client
	// Opened waits until intake is open; While ends when it closes. See gate.Gate.
	Opened func(context.Context) error
	While  func(context.Context) (context.Context, context.CancelFunc)
	// Submit takes a change in hand.
	Submit func(context.Context, dispatch.Item) error
	// Drain returns when all that was submitted is done.
	Drain func()
	// Refuse keeps a delivery that cannot be read; after nil it may be acknowledged.
	Refuse func(ctx context.Context, id string, payload []byte, cause error) error
	// Connected and Disconnected are told of the connection; err may be nil.
	Connected    func()
	Disconnected func(err error)
	// Silent is told that a connection is given up because nothing comes through it.
	Silent func()
	// Moved is told that channels have to be looked up again.
	Moved func()
	// Missed is told that an event was not handled and has to be read back.
	Missed  func()
	Metrics *metrics.Metrics
	Log     *slog.Logger
}

// Receiver holds the connection.
type Receiver struct {
	o       Options
	reset   chan struct{}
	refuses chan struct{}
	mu      sync.Mutex
	told    map[string]bool // unknown types that were logged
}

// New makes a receiver; Run connects it.
func New(o Options) *Receiver {
	return &Receiver{o: o, reset: make(chan struct{}, 1), refuses: make(chan struct{}, refusing), told: map[string]bool{}}
}

// Reset drops the connection and makes a new one: the present one swallows events.
func (r *Receiver) Reset() {
	select {
	case r.reset <- struct{}{}:
	default:
	}
}

// Run receives until ctx ends. Then it takes nothing more, has what is in hand finished
// and acknowledged, and disconnects.
func (r *Receiver) Run(ctx context.Context) {
	defer r.o.Drain()
	for attempt := 0; ; attempt++ {
		if r.o.Opened(ctx) != nil {
			return
		}
		began := time.Now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return
		}
		r.o.Disconnected(err)
		if err == nil || time.Since(began) > maxBackOff {
			attempt = 0
		}
		pause := min(time.Second<<min(attempt, 5), maxBackOff)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// session is one client's life; the client itself reconnects after what Slack or the
// network do. It returns an error if Slack refuses it.
func (r *Receiver) session(ctx context.Context) error {
	conn, cancel := r.o.While(context.WithoutCancel(ctx))
	defer cancel()
	pulse := &pulse{}
	// The library would notice a silent connection by its second look, after up to a minute.
	client := r.o.Dial(socketmode.OptionDialer(pulse.dialer()), socketmode.OptionPingInterval(10*silence))
	intake, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(conn, stop)()
	ended := make(chan error, 1)
	go func() { ended <- client.RunContext(conn) }()
	s := &session{Receiver: r, conn: conn, client: client, acks: make(chan string, acks)}
	go s.acknowledge()
	watch := time.NewTicker(look)
	defer watch.Stop()
	for {
		select {
		case <-ctx.Done():
			r.o.Drain()
			select {
			case <-time.After(flush):
			case <-conn.Done():
			}
			return nil
		case ev := <-client.Events:
			s.event(intake, ev)
		case err := <-ended:
			if conn.Err() != nil {
				return nil // intake was closed
			}
			return err
		case <-r.reset:
			return nil
		case <-watch.C:
			switch {
			case s.connected && pulse.silent() > silence:
				r.o.Log.Warn("Slack's socket is silent: it is renewed", "silent", pulse.silent().Round(time.Second).String())
				r.o.Silent()
				return nil
			case !s.retry.IsZero() && time.Now().After(s.retry):
				return errors.New("the client library waits too long")
			}
		}
	}
}

type session struct {
	*Receiver
	conn   context.Context
	client *socketmode.Client
	acks   chan string

	connected bool
	retry     time.Time // when the library has waited long enough; zero: it does not wait for long
}

// acknowledge sends acknowledgements one by one; a connection that is being renewed
// makes it wait.
func (s *session) acknowledge() {
	for {
		select {
		case id := <-s.acks:
			if err := s.client.AckCtx(s.conn, id, nil); err != nil && s.conn.Err() == nil {
				s.o.Log.Warn("cannot acknowledge an envelope", "error", err)
			}
		case <-s.conn.Done():
			return
		}
	}
}

// ack queues an acknowledgement. One that finds no room is not sent: Slack delivers again.
func (s *session) ack(envelope string) {
	if envelope == "" {
		return
	}
	select {
	case s.acks <- envelope:
	default:
	}
}

func (s *session) event(ctx context.Context, ev socketmode.Event) {
	switch ev.Type {
	case socketmode.EventTypeEventsAPI:
		s.deliver(ctx, ev.Request.EnvelopeID, ev.Request.Payload)
	case socketmode.EventTypeErrorBadMessage:
		if bad, ok := ev.Data.(*socketmode.ErrorBadMessage); ok {
			s.bad(ctx, bad)
		}
	case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand:
		s.unknown(string(ev.Type))
		s.ack(ev.Request.EnvelopeID)
	case socketmode.EventTypeConnected:
		s.connected, s.retry = true, time.Time{}
		s.o.Metrics.Connects.Inc()
		s.o.Log.Info("connected to Slack's socket")
		s.o.Connected()
	case socketmode.EventTypeConnecting:
		s.connected, s.retry = false, time.Time{}
		if c, ok := ev.Data.(*slack.ConnectingEvent); ok && c.ConnectionCount > 0 && c.Attempt == 1 {
			s.o.Disconnected(nil)
		}
	case socketmode.EventTypeConnectionError:
		if c, ok := ev.Data.(*slack.ConnectionErrorEvent); ok {
			s.o.Disconnected(c.ErrorObj)
			var limited *slack.RateLimitedError // a word of Slack's, which holds
			if c.Backoff > maxBackOff && !errors.As(c.ErrorObj, &limited) {
				s.retry = time.Now().Add(maxBackOff)
			}
		}
	}
}

// bad looks at an envelope that the library cannot read: an event of a type that it does
// not know may still be a message, or nothing to us.
func (s *session) bad(ctx context.Context, bad *socketmode.ErrorBadMessage) {
	var envelope struct {
		Type       string          `json:"type"`
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(bad.Message, &envelope); err != nil || envelope.Type != socketmode.RequestTypeEventsAPI {
		s.unknown(envelope.Type)
		s.ack(envelope.EnvelopeID)
		return
	}
	s.deliver(ctx, envelope.EnvelopeID, envelope.Payload)
}

// unknown counts a delivery that is no event; each type is logged once.
func (s *session) unknown(kind string) {
	if kind == "" || len(kind) > 40 {
		kind = "unreadable"
	}
	s.mu.Lock()
	told := s.told[kind] || len(s.told) >= 50
	if !told {
		s.told[kind] = true
	} else if !s.told[kind] {
		kind = "other" // made-up types must not become so many series
	}
	s.mu.Unlock()
	s.o.Metrics.UnknownEnvelopes.WithLabelValues(kind).Inc()
	if !told {
		s.o.Log.Warn("Slack sends envelopes that are no events; they are acknowledged and ignored", "type", kind)
	}
}

// deliver takes one Events API payload in hand.
func (s *session) deliver(ctx context.Context, envelope string, payload json.RawMessage) {
	cb, err := event.Parse(payload)
	switch {
	case err != nil:
		s.refuse(envelope, payload, err)
	case cb.Type == "app_rate_limited":
		s.o.Log.Warn("Slack holds events back: more than 30,000 in an hour; they are read back")
		s.o.Missed()
		s.ack(envelope)
	case cb.Change.Kind == event.ChannelMoved:
		s.o.Moved()
		s.ack(envelope)
	case cb.Change.Kind == event.Other:
		s.ack(envelope)
	default:
		// After an error it is not acknowledged: Slack delivers it again.
		_ = s.o.Submit(ctx, dispatch.Item{Change: cb.Change, Arrived: time.Now(), Done: func(err error) { s.done(envelope, err) }})
	}
}

func (s *session) done(envelope string, err error) {
	switch {
	case err == nil:
		s.ack(envelope)
	case errors.Is(err, dispatch.ErrLate):
		s.o.Metrics.AcksLate.Inc()
	default:
		s.o.Missed()
	}
}

// refuse keeps what cannot be read. While too many are being kept it leaves one to Slack's
// next delivery.
func (s *session) refuse(envelope string, payload json.RawMessage, cause error) {
	select {
	case s.refuses <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.refuses }()
		if s.o.Refuse(s.conn, envelope, payload, cause) == nil {
			s.ack(envelope)
		}
	}()
}
