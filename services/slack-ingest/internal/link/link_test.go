package link

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

type told struct {
	level  feedbackv1.Health_Level
	reason string
	ready  error
}

func (o *told) link(http bool) *Link {
	return New(http, func(l feedbackv1.Health_Level, reason, _ string) { o.level, o.reason = l, reason }, func(err error) { o.ready = err })
}

func TestCondition(t *testing.T) {
	revoked, away := slack.SlackErrorResponse{Err: "token_revoked"}, errors.New("EOF")
	up := func(l *Link) { l.Token(nil); l.Connected() }
	pass := func(d time.Duration) { <-time.After(d) }
	for name, c := range map[string]struct {
		http   bool
		do     func(l *Link)
		reason string
		ready  bool
	}{
		"just started":                   {false, func(*Link) {}, "Starting", false},
		"token good, not connected":      {false, func(l *Link) { l.Token(nil) }, "Starting", false},
		"never connected":                {false, func(l *Link) { l.Token(nil); l.Disconnected(away); pass(20 * time.Second) }, "Disconnected", false},
		"connected":                      {false, up, "Good", true},
		"renewing":                       {false, func(l *Link) { up(l); l.Disconnected(nil); pass(5 * time.Second) }, "Good", true},
		"away":                           {false, func(l *Link) { up(l); l.Disconnected(away); pass(20 * time.Second) }, "Disconnected", true},
		"away for long":                  {false, func(l *Link) { up(l); l.Disconnected(away); pass(2 * time.Minute); l.Refresh() }, "Disconnected", false},
		"back":                           {false, func(l *Link) { up(l); l.Disconnected(away); pass(2 * time.Minute); l.Connected() }, "Good", true},
		"bot token revoked":              {false, func(l *Link) { up(l); l.Token(revoked) }, "TokenRefused", false},
		"bot token good again":           {false, func(l *Link) { up(l); l.Token(revoked); l.Token(nil) }, "Good", true},
		"app token revoked":              {false, func(l *Link) { up(l); l.Disconnected(revoked) }, "AppTokenRefused", false},
		"Slack is slow to answer":        {false, func(l *Link) { up(l); l.Token(away) }, "SlackUnreachable", true},
		"events swallowed":               {false, func(l *Link) { up(l); pass(time.Minute); l.Swallowed(time.Now()) }, "EventsMissed", true},
		"a while after events swallowed": {false, func(l *Link) { up(l); pass(time.Minute); l.Swallowed(time.Now()); pass(35 * time.Second) }, "Good", true},
		"events swallowed again and again": {false, func(l *Link) {
			up(l)
			for range 3 {
				pass(time.Minute)
				l.Swallowed(time.Now())
			}
			pass(5 * time.Minute)
			l.Refresh()
		}, "EventsMissed", true},
		"silent":                         {false, func(l *Link) { up(l); l.Silent(); l.Disconnected(nil); l.Connected(); pass(20 * time.Second) }, "SocketSilent", true},
		"a while after silent":           {false, func(l *Link) { up(l); l.Silent(); l.Disconnected(nil); l.Connected(); pass(35 * time.Second) }, "Good", true},
		"long after events swallowed":    {false, func(l *Link) { up(l); pass(time.Minute); l.Swallowed(time.Now()); pass(20 * time.Minute); l.Refresh() }, "Good", true},
		"said before the connection":     {false, func(l *Link) { up(l); l.Swallowed(time.Now().Add(-time.Minute)) }, "Good", true},
		"HTTP":                           {true, func(l *Link) { l.Token(nil) }, "Good", true},
		"HTTP, wrong signatures":         {true, func(l *Link) { l.Token(nil); l.Signature(false) }, "SignatureRefused", true},
		"HTTP, right signatures again":   {true, func(l *Link) { l.Token(nil); l.Signature(false); l.Signature(true) }, "Good", true},
		"HTTP, events are not delivered": {true, func(l *Link) { l.Token(nil); pass(time.Minute); l.Swallowed(time.Now()) }, "EventsMissed", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var o told
				l := o.link(c.http)
				c.do(l)
				synctest.Wait()
				if o.reason != c.reason || (o.ready == nil) != c.ready {
					t.Errorf("told %q, ready %v, want %q, ready %t", o.reason, o.ready, c.reason, c.ready)
				}
			})
		})
	}
}
