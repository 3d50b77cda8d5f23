// Package link tells how the connection to Slack is, in one health condition.
//
// It guarantees that the condition is good only while Slack takes the token, events can
// arrive, and the last sweep found none that should have arrived and did not.
package link

import (
	"errors"
	"sync"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

const (
	// grace is how long a connection may be renewed before anybody is told.
	grace = 10 * time.Second
	// lost is how long it may be away before it has failed.
	lost = time.Minute
	// memory is how long refused signatures are told, and events swallowed again and again.
	memory = 15 * time.Minute
	// once is how long it is told that a connection swallowed events or fell silent, and was
	// renewed, if that is all there was of it.
	once = 30 * time.Second
	// trusted is how long a connection must have been up before it is blamed for a message.
	trusted = 5 * time.Second
)

// Link gathers what is known of the connection. Its methods may be called concurrently.
type Link struct {
	set   func(level feedbackv1.Health_Level, reason, message string)
	ready func(error)
	http  bool
	now   func() time.Time

	telling   sync.Mutex
	mu        sync.Mutex
	token     *slackapi.Problem // of the bot token; nil: good
	asked     bool              // the bot token was tried
	app       *slackapi.Problem // of the connection
	up        time.Time         // connected since; zero: not connected
	down      time.Time         // disconnected since
	ever      bool              // was connected once
	swallowed time.Time
	again     bool      // not for the first time within memory
	silent    time.Time // when a silent connection was given up
	refused   time.Time // a signature
}

// New makes a link that is not connected. http is for events over HTTP, where there is
// no connection to watch. set takes the condition, ready what /readyz says.
func New(http bool, set func(feedbackv1.Health_Level, string, string), ready func(error)) *Link {
	l := &Link{set: set, ready: ready, http: http, now: time.Now}
	l.down = l.now()
	if http {
		l.up, l.ever = l.now(), true
	}
	l.Refresh()
	time.AfterFunc(grace+time.Second, l.Refresh)
	return l
}

// Token says what auth.test said; nil is good.
func (l *Link) Token(err error) {
	l.change(func() {
		l.asked, l.token = true, problem(err)
	})
}

// Connected says that events can arrive.
func (l *Link) Connected() {
	l.change(func() {
		if l.up.IsZero() {
			l.up = l.now()
		}
		l.app, l.ever = nil, true
	})
}

// Disconnected says that none can; err is why, nil if Slack asked for a new connection.
func (l *Link) Disconnected(err error) {
	l.change(func() {
		if !l.up.IsZero() {
			l.up, l.down = time.Time{}, l.now()
		}
		if err != nil {
			l.app = problem(err)
		}
	})
	time.AfterFunc(grace+time.Second, l.Refresh)
}

// Silent says that a connection was given up because nothing came through it for so long.
func (l *Link) Silent() {
	l.change(func() { l.silent = l.now() })
	time.AfterFunc(once+time.Second, l.Refresh)
}

// Swallowed says that the sweep found a message from at that nothing had delivered. It tells
// whether the connection is to blame: it was up when the message was said.
func (l *Link) Swallowed(at time.Time) bool {
	l.mu.Lock()
	blame := !l.up.IsZero() && at.After(l.up.Add(trusted))
	l.mu.Unlock()
	if blame {
		l.change(func() {
			now := l.now()
			l.again = !l.swallowed.IsZero() && now.Sub(l.swallowed) > once && now.Sub(l.swallowed) < memory
			l.swallowed = now
		})
		time.AfterFunc(once+time.Second, l.Refresh)
	}
	return blame
}

// Signature says whether an HTTP request was signed rightly.
func (l *Link) Signature(ok bool) {
	l.mu.Lock()
	same := ok == l.refused.IsZero()
	l.mu.Unlock()
	if same {
		return
	}
	l.change(func() {
		l.refused = time.Time{}
		if !ok {
			l.refused = l.now()
		}
	})
}

func problem(err error) *slackapi.Problem {
	if err == nil {
		return nil
	}
	p := slackapi.Explain(err)
	return &p
}

func (l *Link) change(f func()) {
	l.mu.Lock()
	f()
	l.mu.Unlock()
	l.Refresh()
}

// Refresh tells the condition as it is now; call it from time to time.
func (l *Link) Refresh() {
	l.telling.Lock() // so that what is told last is what holds
	defer l.telling.Unlock()
	l.mu.Lock()
	level, reason, message := l.condition()
	ever := l.ever
	l.mu.Unlock()
	l.set(level, reason, message)
	if level == feedbackv1.Health_LEVEL_FAILED || !ever {
		l.ready(errors.New(reason + ": " + message))
	} else {
		l.ready(nil)
	}
}

func (l *Link) condition() (level feedbackv1.Health_Level, reason, message string) {
	const good, degraded, failed = feedbackv1.Health_LEVEL_GOOD, feedbackv1.Health_LEVEL_DEGRADED, feedbackv1.Health_LEVEL_FAILED
	away := l.now().Sub(l.down)
	within := func(t time.Time, d time.Duration) bool { return !t.IsZero() && l.now().Sub(t) < d }
	swallowed := within(l.swallowed, once) || l.again && within(l.swallowed, memory)
	switch {
	case l.token != nil && l.token.Kind == slackapi.Refused:
		return failed, "TokenRefused", "bot token: " + l.token.Message
	case l.app != nil && l.app.Kind == slackapi.Refused:
		return failed, "AppTokenRefused", "app-level token: " + l.app.Message
	case !l.asked:
		return degraded, "Starting", "Slack is asked who the app is"
	case l.up.IsZero() && away > lost:
		return failed, "Disconnected", "Slack's socket is away for " + away.Round(time.Second).String() + cause(l.app)
	case l.up.IsZero() && away > grace:
		return degraded, "Disconnected", "Slack's socket is away for " + away.Round(time.Second).String() + cause(l.app)
	case !l.ever:
		return degraded, "Starting", "the first connection is being made" + cause(l.app)
	case l.token != nil:
		return degraded, l.token.Reason, l.token.Message
	case within(l.silent, once):
		return degraded, "SocketSilent", "Slack's socket was silent for longer than it may be, and is renewed; what was said meanwhile is read back. If it goes on, look for a proxy or firewall that swallows packets"
	case swallowed && l.http:
		return degraded, "EventsMissed", "Slack did not deliver messages that its history has; check the Request URL and the events that the app subscribes to. They were read back"
	case swallowed:
		return degraded, "EventsMissed", "the socket swallowed messages, which were read back, and was renewed; if it goes on, see whether something else uses the same app-level token"
	case within(l.refused, memory):
		return degraded, "SignatureRefused", "HTTP requests bear a wrong signature: compare the signing secret with the app's, and this machine's clock"
	}
	return good, "Good", ""
}

func cause(p *slackapi.Problem) string {
	if p == nil {
		return "; a new one is tried for. What is said meanwhile is read back"
	}
	return ": " + p.Message
}
