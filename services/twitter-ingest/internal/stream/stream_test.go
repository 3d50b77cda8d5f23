package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/budget"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/intake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/progress"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// world is a stream with X on one side and Kafka on the other.
type world struct {
	x      *xtest.X
	kafka  *xtest.Kafka
	stream *Stream
	limit  uint64
	stop   context.CancelFunc
	done   chan error

	mu      sync.Mutex
	reports []error
	catchUp int
	up      []bool
}

func newWorld() *world { return &world{x: xtest.New(), kafka: &xtest.Kafka{}, limit: 10_000} }

func (w *world) start(t *testing.T) {
	client := xapi.New(xapi.Options{URL: "http://x.test", Token: "good", Transport: w.x.Transport()})
	in := intake.New(intake.Options{Source: "mentions", Topics: xtest.Topics, Format: feedback.Protobuf, Write: w.kafka.Write})
	locked := func(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }
	w.stream = New(Options{
		Query: "#azure", Tag: "ours", Block: 100,
		Rules:   Rules{List: client.Rules, Add: client.AddRule, Delete: client.DeleteRules},
		Connect: client.Stream, Take: in.Take, Malformed: in.Malformed,
		Progress:  progress.Open("mentions", "#azure", w.kafka.Checkpoint(), w.limit, time.Hour, w.kafka.Save),
		CatchUp:   func() { locked(func() { w.catchUp++ }) },
		Connected: func(up bool) { locked(func() { w.up = append(w.up, up) }) },
		Report:    func(err error) { locked(func() { w.reports = append(w.reports, err) }) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	w.stop, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.stream.Run(ctx, t.Context()) }()
	xtest.Pass(time.Second)
}

func (w *world) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		t.Errorf("Run = %v, want nil after a clean stop", err)
	}
}

// reasons are the reasons of the problems that were reported, without repetitions.
func (w *world) reasons() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, err := range w.reports {
		var p *xapi.Problem
		if errors.As(err, &p) {
			out = append(out, p.Reason)
		}
	}
	return slices.Compact(out)
}

func (w *world) wantEvent(t *testing.T, id snowflake.ID, want int) {
	t.Helper()
	if got := len(w.kafka.Events(post.EventID(id))); got != want {
		t.Errorf("post %s stands %d times in Kafka, want %d", id, got, want)
	}
}

func TestFollows(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.start(t)
		var ids []snowflake.ID
		for i := range 1000 {
			ids = append(ids, w.x.Say(time.Now(), fmt.Sprint("post ", i)))
		}
		xtest.Pass(time.Second)
		for _, id := range ids {
			w.wantEvent(t, id, 1)
		}
		if e := w.kafka.Events(post.EventID(ids[0])); len(e) > 0 && (e[0].GetBackfilled() || e[0].GetAuthor().GetHandle() != "someone") {
			t.Errorf("event = %v, want it live and with its author", e[0])
		}
		xtest.Pass(10 * time.Minute) // nothing but keep-alives
		w.x.Say(time.Now(), "last")
		xtest.Pass(time.Second)
		w.end(t)
		if got := w.reasons(); len(got) > 0 || w.catchUp != 2 {
			t.Errorf("problems %v, %d searches, want none and two", got, w.catchUp)
		}
		if got := w.kafka.Checkpoint().GetBudget().GetUsed(); got < 1000 || got > 1200 {
			t.Errorf("budget used = %d, want the 1001 read and at most a block more", got)
		}
	})
}

func TestReconnects(t *testing.T) {
	for _, c := range []struct {
		name, line, reason string
		within             time.Duration
	}{
		{"end", xtest.HangUp, "StreamEnded", 2 * time.Second},
		{"end in mid-line", `{"data":{"id":"1855012345678901000","te` + xtest.HangUp, "StreamEnded", 2 * time.Second},
		{"silence", "", "StreamSilent", 28 * time.Second},
		{"operational disconnect", `{"errors":[{"title":"operational-disconnect","disconnect_type":"UpstreamOperationalDisconnect","detail":"This stream has been disconnected upstream for operational reasons.","type":"https://api.twitter.com/2/problems/operational-disconnect"}]}`, "StreamDisconnected", 2 * time.Second},
		{"operational disconnect without errors", `{"title":"operational-disconnect","disconnect_type":"OperationalDisconnect","detail":"x"}`, "StreamDisconnected", 2 * time.Second},
		{"another connection", `{"errors":[{"title":"ConnectionException","connection_issue":"TooManyConnections","detail":"x"}]}`, "TooManyConnections", 2 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				w := newWorld()
				w.start(t)
				before := w.x.Say(time.Now(), "before")
				xtest.Pass(time.Second)
				w.x.Silence(c.name == "silence")
				w.x.Send(c.line)
				xtest.Pass(c.within)
				after := w.x.Say(time.Now(), "after")
				xtest.Pass(time.Second)
				w.wantEvent(t, before, 1)
				w.wantEvent(t, after, 1)
				if got := w.reasons(); len(got) != 1 || got[0] != c.reason {
					t.Errorf("problems %v, want %s", got, c.reason)
				}
				if w.catchUp < 2 || !slices.Equal(w.up, []bool{true, false, true}) {
					t.Errorf("%d searches, connected %v, want a search for each of two connections", w.catchUp, w.up)
				}
				if len(w.kafka.Dead()) != 0 {
					t.Errorf("dead letters %v, want none", w.kafka.Dead())
				}
				w.end(t)
			})
		})
	}
}

func TestBadLinesFlowToDeadLetters(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.start(t)
		w.x.Send(`this is no JSON`)
		w.x.Send(`{"data":{"text":"no id"},"matching_rules":[]}`)
		w.x.Send(`{"data":{"id":"1855012345678901000","text":"` + strings.Repeat("x", 2<<20) + `"}}`)
		id := w.x.Say(time.Now(), "good")
		xtest.Pass(time.Second)
		w.wantEvent(t, id, 1)
		if got := len(w.kafka.Dead()); got != 3 {
			t.Errorf("%d dead letters, want 3", got)
		}
		w.end(t)
	})
}

func TestOthersPostsAreLeftAlone(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.start(t)
		w.x.Send(`{"data":{"id":"1855012345678901000","text":"theirs"},"matching_rules":[{"id":"77"}]}`)
		w.x.Send(`{"data":{"id":"1855012345678901001","text":"both"},"matching_rules":[{"id":"77"},{"id":"` + w.stream.rule + `"}]}`)
		xtest.Pass(time.Second)
		w.wantEvent(t, 1855012345678901000, 0)
		w.wantEvent(t, 1855012345678901001, 1)
		w.end(t)
	})
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules [][2]string
		want  []string
	}{
		{"none yet", nil, []string{"#azure=ours"}},
		{"ours is there", [][2]string{{"#azure", "ours"}}, []string{"#azure=ours"}},
		{"an old query, others' rules", [][2]string{{"#old", "ours"}, {"#cats", "theirs"}, {"#dogs", ""}}, []string{"#azure=ours", "#cats=theirs", "#dogs="}},
		{"another has the same", [][2]string{{"#azure", "theirs"}}, []string{"#azure=theirs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				w := newWorld()
				for _, r := range c.rules {
					w.x.AddRule(r[0], r[1])
				}
				w.start(t)
				if got := w.x.Rules(); !slices.Equal(got, c.want) {
					t.Errorf("rules = %v, want %v", got, c.want)
				}
				if w.stream.rule == "" || w.x.Connected() != 1 {
					t.Errorf("rule %q, %d connections, want a rule and one connection", w.stream.rule, w.x.Connected())
				}
				w.end(t)
			})
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		reason string
		most   int
	}{
		{"429 with a reset", func(w http.ResponseWriter) {
			w.Header().Set("x-rate-limit-reset", fmt.Sprint(time.Now().Add(15*time.Minute).Unix()))
			xtest.Refuse(w, 429, `{"title":"Too Many Requests"}`)
		}, "RateLimited", 2},
		{"401", func(w http.ResponseWriter) { xtest.Refuse(w, 401, `{"title":"Unauthorized"}`) }, "TokenRefused", 120},
		{"503", func(w http.ResponseWriter) { xtest.Refuse(w, 503, "") }, "Unavailable", 18},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				w := newWorld()
				var trouble atomic.Bool
				trouble.Store(true)
				served := 0
				w.x.Fault = func(rw http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != "/2/tweets/search/stream" || !trouble.Load() {
						return false
					}
					served++
					c.answer(rw)
					return true
				}
				w.start(t)
				xtest.Pass(29 * time.Minute)
				if served > c.most || served == 0 {
					t.Errorf("%d connections tried in half an hour, want at most %d", served, c.most)
				}
				if got := w.reasons(); len(got) != 1 || got[0] != c.reason {
					t.Errorf("problems %v, want %s", got, c.reason)
				}
				trouble.Store(false)
				xtest.Pass(16 * time.Minute)
				if w.x.Connected() != 1 {
					t.Error("not connected after the trouble")
				}
				w.end(t)
			})
		})
	}
}

func TestBudgetEndsTheStream(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.limit = 500
		w.start(t)
		for range 600 {
			w.x.Say(time.Now(), "post")
			xtest.Pass(10 * time.Millisecond)
		}
		var spent *budget.SpentError
		w.mu.Lock()
		last := w.reports[len(w.reports)-1]
		w.mu.Unlock()
		if !errors.As(last, &spent) || w.x.Connected() != 0 {
			t.Errorf("report %v, %d connections, want the budget spent and none", last, w.x.Connected())
		}
		if got := w.x.Billed(time.Now()); got > 500 || got < 400 {
			t.Errorf("X bills %d posts, want 400 to 500", got)
		}
		xtest.Pass(12*time.Hour + time.Minute)
		if w.x.Connected() != 1 {
			t.Error("not connected after midnight")
		}
		w.end(t)
	})
}

func TestDayTurnsUnderTheStream(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		w := newWorld()
		w.start(t)
		xtest.Pass(13 * time.Hour)
		w.x.Say(time.Now(), "tomorrow")
		xtest.Pass(time.Second)
		if b := w.kafka.Checkpoint().GetBudget(); b.GetDay() != "2026-11-23" || b.GetUsed() != 101 {
			t.Errorf("budget = %v, want one post and a block on the new day", b)
		}
		w.end(t)
	})
}

func TestReaderSplitsLines(t *testing.T) {
	long := strings.Repeat("y", 200_000)
	text := "\r\n\r\none\r\n" + long + "\r\n" + strings.Repeat("z", 2*maxLine) + "\r\ntwo\r\nhalf"
	r := newReader(io.NopCloser(strings.NewReader(text)), time.Minute)
	for _, want := range []string{"one", long} {
		if got, err := r.next(); string(got) != want || err != nil {
			t.Fatalf("next = %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	if got, err := r.next(); !errors.Is(err, errTooLong) || len(got) == 0 {
		t.Errorf("next = %d bytes, %v, want the head of a line that is too long", len(got), err)
	}
	if got, err := r.next(); string(got) != "two" || err != nil {
		t.Errorf("next = %q, %v, want two", got, err)
	}
	if got, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("next = %q, %v, want the end: what is cut off is left out", got, err)
	}
}

// TestHalfOpen: over a real connection that stays open and says nothing, the reader gives up.
func TestHalfOpen(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "\r\nfirst\r\nhal")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	body, err := xapi.New(xapi.Options{URL: srv.URL, Token: "good"}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	r := newReader(body, 100*time.Millisecond)
	if got, err := r.next(); string(got) != "first" || err != nil {
		t.Fatalf("next = %q, %v, want the first line", got, err)
	}
	if _, err := r.next(); !errors.Is(err, errIdle) {
		t.Errorf("next = %v, want the silence noticed", err)
	}
}
