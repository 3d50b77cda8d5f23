package loop

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/hack/local/executor"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// lines is a writer that a test can look into.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func pipeline() *v1alpha1.FeedbackPipeline {
	route := func(name string, match v1alpha1.Match) v1alpha1.Route {
		return v1alpha1.Route{Name: name, Match: &match, Slack: &v1alpha1.SlackSink{Channel: v1alpha1.SlackChannel(name + "-feedback")}}
	}
	return &v1alpha1.FeedbackPipeline{Spec: v1alpha1.FeedbackPipelineSpec{
		Sources: []v1alpha1.Source{{Name: "community"}},
		Routes: []v1alpha1.Route{
			route("negative", v1alpha1.Match{ScoreBelow: proto.Float64(0.3)}),
			route("positive", v1alpha1.Match{ScoreAbove: proto.Float64(0.9)}),
		},
	}}
}

func newView(out *lines) *view {
	p := pipeline()
	return &view{
		out: newPrinter(out), routes: p.Spec.Routes, columns: columnsOf(p), roles: map[string]string{"s": "scored", "n": "notifications", "h": "state"},
		seen: map[string]uint64{}, held: map[string]*held{}, told: map[string]*feedbackv1.Notification{}, conditions: map[string]feedbackv1.Health_Level{},
	}
}

func scored(id string, revision uint64, score *float64, text string) *feedbackv1.ScoredEvent {
	return &feedbackv1.ScoredEvent{
		Event:     &feedbackv1.Event{Id: id, Revision: revision, Source: "community", Text: text, Language: "en", CreatedAt: timestamppb.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.Local))},
		Sentiment: &feedbackv1.Sentiment{Score: score},
	}
}

func told(id, route string, revision uint64, state feedbackv1.Notification_State) *feedbackv1.Notification {
	return &feedbackv1.Notification{EventId: id, Route: route, Revision: revision, State: state}
}

func TestViewTellsWhereAnEventWent(t *testing.T) {
	const posted, digested, collapsed = feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_DIGESTED, feedbackv1.Notification_STATE_COLLAPSED
	bad, fine, good := proto.Float64(0.08), proto.Float64(0.5), proto.Float64(0.95)
	deleted := scored("e", 2, nil, "")
	deleted.Event.Deleted = true
	for _, c := range []struct {
		name string
		feed []any // ScoredEvents and Notifications, in the order in which the view sees them
		want []string
	}{
		{"not routed", []any{scored("e", 0, fine, "meh")}, []string{"12:00:00  community  en   0.50  not routed                         meh"}},
		{"posted", []any{scored("e", 0, bad, "bad"), told("e", "negative", 0, posted)}, []string{"0.08  -> #negative-feedback              bad"}},
		{"nothing before it is told", []any{scored("e", 0, bad, "bad"), told("e", "negative", 0, feedbackv1.Notification_STATE_INTENT)}, nil},
		{"told before it is seen", []any{told("e", "negative", 0, posted), scored("e", 0, bad, "bad")}, []string{"-> #negative-feedback "}},
		{"digest", []any{scored("e", 0, good, "good"), told("e", "positive", 0, digested)}, []string{"0.95  -> #positive-feedback (digest)"}},
		{"collapsed", []any{scored("e", 0, bad, "bad"), told("e", "negative", 0, collapsed)}, []string{"-> #negative-feedback (collapsed)"}},
		{"unscored", []any{scored("e", 0, nil, "???")}, []string{"   -  not routed", "[unscored"}},
		{"an edit that leaves the range", []any{
			scored("e", 0, bad, "bad"), told("e", "negative", 0, posted),
			scored("e", 1, fine, "fine"), told("e", "negative", 1, feedbackv1.Notification_STATE_WITHDRAWN),
		}, []string{"-> #negative-feedback (withdrawn)", "[edited] fine"}},
		{"a deletion of what was told", []any{
			scored("e", 0, bad, "bad"), told("e", "negative", 0, posted), deleted, told("e", "negative", 2, feedbackv1.Notification_STATE_WITHDRAWN),
		}, []string{"(withdrawn)", "[deleted]"}},
		{"an edit before it is told", []any{scored("e", 0, bad, "bad"), scored("e", 1, fine, "fine")}, []string{"0.08  changed before it was told", "not routed                         [edited] fine"}},
		{"a deletion of what was never told", []any{deleted}, []string{"not routed", "[deleted]"}},
		{"a digest's own record", []any{&feedbackv1.Notification{DigestId: "digest:positive:1", Route: "positive", State: digested, EventIds: []string{"a", "b"}}}, []string{"#positive-feedback: a digest of 2"}},
		{"skipped", []any{scored("e", 0, bad, "bad"), &feedbackv1.Notification{EventId: "e", Route: "negative", State: feedbackv1.Notification_STATE_SKIPPED, Reason: "older than 24h"}}, []string{"skipped on negative: older than 24h"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := &lines{}
			v := newView(out)
			for _, m := range c.feed {
				switch m := m.(type) {
				case *feedbackv1.ScoredEvent:
					v.scored(m)
				case *feedbackv1.Notification:
					v.notification(m)
				}
			}
			got := out.String()
			if len(c.want) == 0 && got != "" {
				t.Errorf("view = %q, want nothing", got)
			}
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("view = %q, want %q in it", got, want)
				}
			}
			v.showOlder(time.Now().Add(time.Hour))
			if rest := strings.TrimPrefix(out.String(), got); len(c.want) == 0 && !strings.Contains(rest, "waits for #negative-feedback") {
				t.Errorf("what is held is shown as %q, want that it waits", rest)
			}
		})
	}
}

func TestViewTellsOfHealthThatChanges(t *testing.T) {
	out := &lines{}
	v := newView(out)
	for _, level := range []feedbackv1.Health_Level{
		feedbackv1.Health_LEVEL_GOOD, feedbackv1.Health_LEVEL_DEGRADED, feedbackv1.Health_LEVEL_DEGRADED, feedbackv1.Health_LEVEL_GOOD,
	} {
		v.health(&feedbackv1.Health{Component: "notifier", Instance: "a", Conditions: []*feedbackv1.Health_Condition{
			{Name: "slack", Level: level, Reason: "RateLimited", Message: "waits 30 s\x1b[2J"},
		}})
	}
	got := out.String()
	for want, times := range map[string]int{"notifier is degraded: slack: RateLimited: waits 30 s [2J": 1, "notifier is good again: slack": 1, "\n": 2} {
		if strings.Count(got, want) != times {
			t.Errorf("view = %q, want %q in it %d times", got, want, times)
		}
	}
}

func TestViewFollowsTheTopicsFromTheirEnd(t *testing.T) {
	b, err := broker.StartEmbedded(t.Context(), broker.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	plan := executor.Plan{Kafka: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": b.Bootstrap()[0]}}
	for _, role := range []string{"feedback", "scored", "notifications", "dead-letters", "state"} {
		plan.Topics = append(plan.Topics, desired.Topic{Role: role, Name: "p." + role, Partitions: 2, ReplicationFactor: 1, Managed: true})
	}
	if err := executor.CreateTopics(t.Context(), plan, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	write := func(topic string, headers []kgo.RecordHeader, value []byte) {
		t.Helper()
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("e"), Value: value, Headers: headers}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	binary := func(m proto.Message) []byte {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write("p.scored", nil, binary(scored("old", 0, proto.Float64(0.5), "of another run")))
	out := &lines{}
	v, err := follow(t.Context(), plan, pipeline(), newPrinter(out))
	if err != nil {
		t.Fatal(err)
	}
	write("p.scored", nil, binary(scored("old", 0, proto.Float64(0.5), "of another run"))) // read again by its source
	asJSON, err := protojson.Marshal(scored("e", 0, proto.Float64(0.1), "of this one"))
	if err != nil {
		t.Fatal(err)
	}
	write("p.scored", []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}, asJSON)
	write("p.scored", nil, []byte("no Protobuf \xff"))
	write("p.notifications", nil, binary(told("e", "negative", 0, feedbackv1.Notification_STATE_POSTED)))
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(out.String(), "of this one") {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("view = %q, want the event", out.String())
		}
	}
	v.stop()
	if got, want := strings.Count(out.String(), "\n"), 1; got != want {
		t.Errorf("lines = %d (%q), want %d", got, out.String(), want)
	}
}
