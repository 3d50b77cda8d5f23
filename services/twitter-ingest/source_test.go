package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/health"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xtest"
)

// process is a source at work between an X and a Kafka.
type process struct {
	x      *xtest.X
	kafka  *xtest.Kafka
	health *health.Reporter
	stop   context.CancelFunc
	done   chan error
}

func begin(t *testing.T, x *xtest.X, k *xtest.Kafka, replace ...string) *process {
	t.Helper()
	c := &config{}
	settings := append([]string{"X_BEARER_TOKEN=good", "X_API_URL=http://x.test"}, replace...)
	if err := run.Parse("twitter-ingest", c, nil, environ(settings...), io.Discard); err != nil {
		t.Fatal(err)
	}
	c.Topics = xtest.Topics
	p := &process{x: x, kafka: k, health: health.New("twitter-ingest/mentions", "test"), done: make(chan error, 1)}
	s := newSource(c, world{log: slog.New(slog.DiscardHandler), health: p.health, metrics: prometheus.NewRegistry(),
		saved: k.Checkpoint(), write: k.Write, transport: x.Transport()})
	ctx, cancel := context.WithCancel(t.Context())
	p.stop = cancel
	go func() { p.done <- s.run(ctx, t.Context()) }()
	xtest.Pass(time.Second)
	return p
}

func (p *process) end(t *testing.T) {
	t.Helper()
	p.stop()
	if err := <-p.done; err != nil {
		t.Errorf("run = %v, want nil after a clean stop", err)
	}
}

// condition is "level reason" of a condition, empty if there is none of that name.
func (p *process) condition(name string) string {
	for _, c := range p.health.Snapshot().GetConditions() {
		if c.GetName() == name {
			return strings.TrimPrefix(c.GetLevel().String(), "LEVEL_") + " " + c.GetReason()
		}
	}
	return ""
}

func (p *process) wantCondition(t *testing.T, name, want string) {
	t.Helper()
	if got := p.condition(name); got != want {
		t.Errorf("condition %s = %q, want %q", name, got, want)
	}
}

// last is the event's newest revision.
func (p *process) last(t *testing.T, id snowflake.ID) *feedbackv1.Event {
	t.Helper()
	events := p.kafka.Events(post.EventID(id))
	if len(events) == 0 {
		t.Fatalf("no event %s", post.EventID(id))
	}
	return events[len(events)-1]
}

// TestStreamGapIsSearched: what X said while the stream was down is brought by the search,
// and what both bring is published once.
func TestStreamGapIsSearched(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		x, k := xtest.New(), &xtest.Kafka{}
		var ids []snowflake.ID
		for i := range 150 {
			ids = append(ids, x.Say(time.Now().Add(-time.Duration(i)*time.Minute), "before the start"))
		}
		p := begin(t, x, k, "X_MODE=Stream")
		for range 5 {
			for range 20 {
				ids = append(ids, x.Say(time.Now(), "live"))
				xtest.Pass(3 * time.Second)
			}
			x.Silence(true)
			x.Send(xtest.HangUp)
			for range 10 {
				ids = append(ids, x.Say(time.Now(), "in the gap"))
			}
			xtest.Pass(30 * time.Second)
			x.Silence(false)
		}
		xtest.Pass(2 * time.Minute)
		for _, id := range ids {
			if got := len(k.Events(post.EventID(id))); got != 1 {
				t.Errorf("post %s stands %d times in Kafka, want once", id, got)
			}
		}
		for _, name := range []string{"x", "stream", "kafka/write", "budget"} {
			p.wantCondition(t, name, "GOOD Good")
		}
		p.end(t)
	})
}

func TestEditsAndDeletionsAreFound(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		x, k := xtest.New(), &xtest.Kafka{}
		gone, kept, later := x.Say(time.Now(), "gone"), x.Say(time.Now(), "kept"), x.Say(time.Now(), "gone later")
		first := x.Say(time.Now(), "typo")
		p := begin(t, x, k)
		xtest.Pass(2 * time.Minute)
		x.Delete(gone)
		edit := snowflake.At(time.Now()) + 1
		x.Replace(first, xtest.Post{ID: first, Text: "typo", History: []snowflake.ID{first, edit}})
		x.Add(xtest.Post{ID: edit, Text: "corrected", History: []snowflake.ID{first, edit}, Unfound: true})
		xtest.Pass(10 * time.Minute)
		if e := p.last(t, gone); !e.GetDeleted() || e.GetText() != "" || e.GetRevision() == 0 {
			t.Errorf("event = %v, want its deletion", e)
		}
		if e := p.last(t, first); e.GetText() != "corrected" || e.GetRevision() != uint64(edit.Time().UnixMicro()) {
			t.Errorf("event = %v, want its edit", e)
		}
		x.Delete(later)
		xtest.Pass(2 * time.Hour)
		if e := p.last(t, later); !e.GetDeleted() {
			t.Errorf("event = %v, want its deletion", e)
		}
		if e := p.last(t, kept); e.GetDeleted() || len(k.Events(post.EventID(kept))) != 1 {
			t.Errorf("event = %v, want it once, as it was", e)
		}
		if n := len(k.Events(post.EventID(gone))); n != 2 {
			t.Errorf("%d revisions of a deleted post, want 2", n)
		}
		if got, want := k.Checkpoint().GetBudget().GetUsed(), uint64(x.Billed(time.Now())); got != want || want != 5 {
			t.Errorf("budget used = %d, X bills %d, want 5: looking up again is free", got, want)
		}
		p.end(t)
	})
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"token", 401, `{"title":"Unauthorized"}`, "FAILED TokenRefused"},
		{"plan", 403, `{"title":"Client Forbidden"}`, "FAILED NotPermitted"},
		{"query", 400, `{"title":"Invalid Request"}`, "FAILED QueryRefused"},
		{"limit", 429, `{"title":"Too Many Requests"}`, "DEGRADED RateLimited"},
		{"cap", 429, `{"title":"UsageCapExceeded"}`, "DEGRADED UsageCapExceeded"},
		{"down", 503, ``, "DEGRADED Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			xtest.Bubble(t, func(t *testing.T) {
				x := xtest.New()
				var trouble atomic.Bool
				trouble.Store(true)
				x.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
					if trouble.Load() {
						xtest.Refuse(w, c.status, c.body)
					}
					return trouble.Load()
				}
				p := begin(t, x, &xtest.Kafka{})
				p.wantCondition(t, "x", c.want)
				trouble.Store(false)
				xtest.Pass(2 * time.Hour)
				p.wantCondition(t, "x", "GOOD Good")
				p.end(t)
			})
		})
	}
}

func TestBudgetSpentIsSaid(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		x := xtest.New()
		for i := range 25 {
			x.Say(time.Now().Add(-time.Duration(i)*time.Minute), fmt.Sprint(i))
		}
		p := begin(t, x, &xtest.Kafka{}, "X_DAILY_POST_BUDGET=20")
		p.wantCondition(t, "budget", "DEGRADED BudgetSpent")
		if g := p.health.Snapshot().GetGauges(); g["budget_used"] != 20 || g["budget_limit"] != 20 || g["window_gaps"] != 1 {
			t.Errorf("gauges = %v, want 20 of 20 posts read and an open gap", g)
		}
		xtest.Pass(12*time.Hour + time.Minute)
		p.wantCondition(t, "budget", "GOOD Good")
		if p.kafka.Len() != 25 {
			t.Errorf("%d events, want 25", p.kafka.Len())
		}
		p.end(t)
	})
}

// TestKafkaDownHoldsBack: nothing is read from X that cannot be kept, and all is kept after it.
func TestKafkaDownHoldsBack(t *testing.T) {
	xtest.Bubble(t, func(t *testing.T) {
		x, k := xtest.New(), &xtest.Kafka{}
		p := begin(t, x, k, "X_MODE=Stream")
		xtest.Pass(time.Minute)
		k.Down(true)
		id := x.Say(time.Now(), "while Kafka is down")
		xtest.Pass(time.Minute)
		served := x.Served()
		p.wantCondition(t, "kafka/write", "FAILED WriteFailed")
		xtest.Pass(time.Hour)
		if got := x.Served(); got != served {
			t.Errorf("%d requests while Kafka was down", got-served)
		}
		k.Down(false)
		xtest.Pass(time.Minute)
		p.last(t, id)
		p.wantCondition(t, "kafka/write", "GOOD Good")
		p.end(t)
	})
}
