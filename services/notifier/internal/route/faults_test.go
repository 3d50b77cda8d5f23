package route

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/notifier/internal/sink"
)

var errLost = fmt.Errorf("post: %w", context.DeadlineExceeded)

func TestALostAnswerIsLookedUp(t *testing.T) {
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				lost := 0
				w.fault = func(call, _ string) (error, bool) {
					if call == "post" && lost < 3 {
						lost++
						return errLost, stored
					}
					return nil, true
				}
				for i := range 5 {
					w.say(fmt.Sprintf("x:%d", i), fmt.Sprintf("broken in way %d", i))
				}
				w.live(t, config(), w.start(config(), "a")).end()
				w.once(t, "x:0", "x:1", "x:2", "x:3", "x:4")
			})
		})
	}
}

func TestAMessageThatAppearsLateIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := true
		w.fault = func(call, id string) (error, bool) {
			if call == "post" && first {
				first = false
				return errLost, false
			}
			return nil, true
		}
		w.say("x:1", "broken")
		p := w.start(config(), "a")
		await(t, time.Minute, "told", w.settled)
		ghost := *w.messages[0]
		ghost.at.TS, ghost.posted = "9.000001", time.Now()
		w.mu.Lock()
		w.messages = append(w.messages, &ghost)
		w.mu.Unlock()
		w.live(t, config(), p).end()
		w.once(t, "x:1")
		if got := testutil.ToFloat64(p.metrics.healed.WithLabelValues("negative")); got != 1 {
			t.Errorf("feedback_healed_total = %v, want 1", got)
		}
	})
}

func TestARevisionWaitsForADoubt(t *testing.T) {
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				blind := time.Now().Add(20 * time.Second)
				w.fault = func(call, _ string) (error, bool) {
					switch {
					case call == "post" && time.Now().Before(blind):
						return errLost, stored
					case call == "find" && time.Now().Before(blind):
						return errors.New("connection reset"), false
					}
					return nil, true
				}
				w.say("x:1", "the first words")
				p := w.start(config(), "a")
				pass(5 * time.Second)
				w.say("x:1", "", revision(4), deleted)
				w.live(t, config(), p).end()
				for _, m := range w.standing() {
					if strings.Contains(m.text(), "the first words") {
						t.Errorf("the deleted text stands: %s", m.text())
					}
				}
				want := map[bool]int{true: 1, false: 0}[stored]
				if got := len(w.standing()); got != want {
					t.Errorf("%d messages stand, want %d", got, want)
				}
			})
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		calls := 0
		w.fault = func(call, _ string) (error, bool) {
			if call != "post" {
				return nil, true
			}
			if calls++; calls == 1 {
				return &slack.RateLimitedError{RetryAfter: 30 * time.Second}, false
			}
			return nil, true
		}
		w.say("x:1", "broken")
		begin := time.Now()
		p := w.start(config(), "a")
		pass(10 * time.Second)
		if got := conditionOf(p, "route/negative"); got.GetReason() != "RateLimited" || !strings.HasPrefix(got.GetMessage(), "#negative-feedback: ") {
			t.Errorf("condition is %v while Slack asks for a pause of 30 s, want RateLimited, and the channel", got)
		}
		w.live(t, config(), p).end()
		w.once(t, "x:1")
		if d := w.posts[0].Sub(begin); d < 30*time.Second || d > 32*time.Second {
			t.Errorf("posted %s after the start, want 30 s and little more", d)
		}
		if got := testutil.ToFloat64(p.metrics.limited.WithLabelValues("negative")); got != 1 {
			t.Errorf("feedback_rate_limit_waits_total = %v, want 1", got)
		}
	})
}

func TestFaultsThatNeedAPerson(t *testing.T) {
	for code, reason := range map[string]string{
		"token_revoked": "TokenRefused", "is_archived": "ChannelArchived",
		"channel_not_found": "ChannelNotFound", "missing_scope": "MissingScope",
	} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var tries, mended atomic.Int32
				w.fault = func(call, _ string) (error, bool) {
					if mended.Load() > 0 || (call != "post" && call != "probe") {
						return nil, true
					}
					if call == "post" {
						tries.Add(1)
					}
					return slack.SlackErrorResponse{Err: code}, false
				}
				w.say("x:1", "broken")
				p := w.start(config(), "a")
				pass(10 * time.Minute)
				if tries.Load() > 20 {
					t.Errorf("posted %d times in ten minutes, want a slow retry", tries.Load())
				}
				if got := conditionOf(p, "route/negative"); got.GetReason() != reason || got.GetLevel() != feedbackv1.Health_LEVEL_FAILED {
					t.Errorf("condition is %v, want %s", got, reason)
				}
				if got := p.health.Snapshot().GetGauges()["overdue/negative"]; got != 1 {
					t.Errorf("gauge overdue = %v, want 1", got)
				}
				mended.Store(1)
				await(t, 30*time.Second, "restored", w.settled)
				w.live(t, config(), p).end()
				w.once(t, "x:1")
				if got := conditionOf(p, "route/negative"); got.GetLevel() != feedbackv1.Health_LEVEL_GOOD {
					t.Errorf("condition is %v after it was mended, want good", got)
				}
			})
		})
	}
}

func conditionOf(p *process, name string) *feedbackv1.Health_Condition {
	for _, c := range p.health.Snapshot().GetConditions() {
		if c.GetName() == name {
			return c
		}
	}
	return nil
}

func TestACardThatSlackRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fault = func(call, id string) (error, bool) {
			if call == "post" && id == "x:bad" {
				return slack.SlackErrorResponse{Err: "invalid_blocks"}, false
			}
			return nil, true
		}
		w.say("x:bad", "never")
		w.say("x:1", "broken")
		p := w.start(config(), "a")
		w.live(t, config(), p).end()
		w.once(t, "x:1")
		if n := w.latest()["x:bad"]; n.GetState() != feedbackv1.Notification_STATE_SKIPPED || n.GetReason() == "" {
			t.Errorf("refused event is %v, want SKIPPED with a reason", n)
		}
		if len(w.dead) != 1 || feedback.Header(w.dead[0], feedback.HeaderReason) != "SinkRefused" {
			t.Errorf("dead letters are %v, want the one that was refused", w.dead)
		}
	})
}

func TestMalformedRecordsGoToTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(kafka.Record{Topic: topics.Scored, Key: []byte("a"), Value: []byte("\xff\xff\xff")})
		w.put(kafka.Record{Topic: topics.Scored, Key: []byte("a")})
		w.say("x:"+strings.Repeat("9", 200), "an id that is too long")
		w.say("x:1", "broken")
		w.live(t, config(), w.start(config(), "a")).end()
		w.once(t, "x:1")
		if got, want := len(w.dead), 3; got != want {
			t.Errorf("%d dead letters, want %d", got, want)
		}
	})
}

func TestWithoutTheHistoryScopeHealthSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fault = func(call, _ string) (error, bool) {
			if call == "find" {
				return slack.SlackErrorResponse{Err: "missing_scope"}, false
			}
			return nil, true
		}
		w.say("x:1", "broken")
		p := w.start(config(), "a")
		w.live(t, config(), p).end()
		w.once(t, "x:1")
		if got := conditionOf(p, "route/negative/history"); got.GetReason() != "HistoryScopeMissing" || got.GetLevel() != feedbackv1.Health_LEVEL_DEGRADED {
			t.Errorf("condition is %v, want degraded for HistoryScopeMissing", got)
		}
	})
}

func TestAStopFinishesTheMessageInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say("x:1", "broken")
		w.say("x:2", "broken in another way")
		posting := make(chan struct{}, 2)
		w.fault = func(call, _ string) (error, bool) {
			if call == "post" {
				posting <- struct{}{}
			}
			return nil, true
		}
		p := w.start(config(), "a")
		<-posting
		p.stop()
		<-p.ended
		if got := len(w.messages); got != 1 {
			t.Fatalf("%d messages after a stop during the first post, want 1", got)
		}
		if got := w.state(w.messages[0].id()); got != feedbackv1.Notification_STATE_POSTED {
			t.Errorf("the message in hand is %s, want POSTED", got)
		}
		w.fault = nil
		w.live(t, config(), w.start(config(), "b")).end()
		w.once(t, "x:1", "x:2")
	})
}

// anIntent puts the intent of another owner into the log, whose lease begins now.
func (w *world) anIntent(id string, age time.Duration) {
	now := time.Now().Add(-age)
	r, err := feedback.NotificationRecord(topics.Notifications, feedback.Protobuf, &feedbackv1.Notification{
		EventId: id, Route: "negative", State: feedbackv1.Notification_STATE_INTENT, Owner: "another", Count: 1,
		ObservedAt: timestamppb.New(now), LeaseUntil: timestamppb.New(now.Add(lease)), CreatedAt: timestamppb.New(now),
		Place: &feedbackv1.Place{ChannelId: "C1"},
	})
	if err != nil {
		panic(err)
	}
	w.notifications = append(w.notifications, r)
}

// appear lets a message of the event appear after a while, as one that was under way.
func (w *world) appear(id string, after time.Duration) {
	go func() {
		pass(after)
		w.mu.Lock()
		defer w.mu.Unlock()
		m := &message{at: sink.Place{Channel: "C1", TS: fmt.Sprintf("%d.999999", time.Now().Unix())}, posted: time.Now()}
		m.m.Type, m.m.Payload = slackapi.CardType, map[string]any{"event_id": id, "revision": "0"}
		w.messages = append(w.messages, m)
	}()
}

func TestTheLeaseOfAnotherOwnerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say("x:1", "broken")
		w.anIntent("x:1", 0)
		w.appear("x:1", 5*time.Second)
		w.live(t, config(), w.start(config(), "heir")).end()
		w.once(t, "x:1")
		w.neverTwice(t)
	})
}

func TestWhatAppearsAfterTheLeaseIsHealed(t *testing.T) {
	for name, after := range map[string]time.Duration{"soon": 15 * time.Second, "late": 35 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.say("x:1", "broken")
				w.anIntent("x:1", 0)
				w.appear("x:1", after)
				begin := time.Now()
				p := w.start(config(), "heir")
				pass(after + time.Second)
				await(t, time.Minute-time.Since(begin), "healed", func() bool { return len(w.standing()) == 1 && w.settled() })
				w.live(t, config(), p).end()
				w.once(t, "x:1")
			})
		})
	}
}

func TestAnOldIntentCostsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say("x:1", "broken")
		w.anIntent("x:1", time.Hour)
		begin := time.Now()
		p := w.start(config(), "heir")
		await(t, 3*time.Second, "told", w.settled)
		if d := time.Since(begin); d > 3*time.Second {
			t.Errorf("told after %s", d)
		}
		p.end()
		w.once(t, "x:1")
	})
}
