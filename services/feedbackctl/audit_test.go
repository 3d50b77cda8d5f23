package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

const auditManifest = `
kind: FeedbackPipeline
metadata: {name: azure}
spec:
  routes:
  - {name: negative, match: {scoreBelow: 0.3}, slack: {channel: negative-feedback}}
  - {name: outages, match: {keywords: [outage]}, slack: {channel: outages}}
`

// flow is a pipeline that an audit looks at: what its services would have written.
type flow struct {
	*broker
	manifest string
	at       time.Time // when events are taken in, unless they say otherwise
}

func newFlow(t *testing.T, b *broker) *flow {
	f := &flow{broker: b, manifest: filepath.Join(t.TempDir(), "pipeline.yaml"), at: time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)}
	if err := os.WriteFile(f.manifest, []byte(auditManifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *flow) event(id, text string, revision uint64) *feedbackv1.Event {
	source, _, _ := strings.Cut(id, ":")
	return &feedbackv1.Event{
		Id: id, Revision: revision, Source: source, Text: text, Deleted: text == "",
		IngestedAt: timestamppb.New(f.at), CreatedAt: timestamppb.New(f.at), RevisedAt: timestamppb.New(f.at),
	}
}

// ingest writes an event to feedback and returns the record as it stands there.
func (f *flow) ingest(id, text string, revision uint64) kafka.Record {
	f.t.Helper()
	r, err := feedback.EventRecord(f.topics["feedback"], feedback.Protobuf, f.event(id, text, revision))
	f.write(r, err)
	recs := f.records("feedback")
	return recs[len(recs)-1]
}

// score writes it to scored as well; a score below 0 is none.
func (f *flow) score(id, text string, revision uint64, score float64) kafka.Record {
	f.t.Helper()
	s := &feedbackv1.Sentiment{UnscoredReason: feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE}
	if score >= 0 {
		s = &feedbackv1.Sentiment{Score: proto.Float64(score)}
	}
	r, err := feedback.ScoredRecord(f.topics["scored"], feedback.JSON, &feedbackv1.ScoredEvent{Event: f.event(id, text, revision), Sentiment: s})
	f.write(r, err)
	recs := f.records("scored")
	return recs[len(recs)-1]
}

func (f *flow) both(id, text string, score float64) {
	f.ingest(id, text, 0)
	f.score(id, text, 0, score)
}

// tell writes a notification; ts is empty where nothing stands.
func (f *flow) tell(id, route string, state feedbackv1.Notification_State, ts string) {
	f.t.Helper()
	n := &feedbackv1.Notification{EventId: id, Route: route, State: state, ObservedAt: timestamppb.Now()}
	if ts != "" {
		n.Place = &feedbackv1.Place{ChannelId: "C1", ChannelName: route, Ts: ts}
	}
	f.write(feedback.NotificationRecord(f.topics["notifications"], feedback.Protobuf, n))
}

// digest writes a digest that tells events, and their own records.
func (f *flow) digest(id, route, ts string, ids ...string) {
	f.t.Helper()
	place := &feedbackv1.Place{ChannelId: "C1", ChannelName: route, Ts: ts}
	f.write(feedback.NotificationRecord(f.topics["notifications"], feedback.Protobuf,
		&feedbackv1.Notification{DigestId: id, Route: route, State: feedbackv1.Notification_STATE_POSTED, EventIds: ids, Place: place}))
	for _, event := range ids {
		f.write(feedback.NotificationRecord(f.topics["notifications"], feedback.Protobuf,
			&feedbackv1.Notification{EventId: event, DigestId: id, Route: route, State: feedbackv1.Notification_STATE_DIGESTED, Place: place}))
	}
}

func (f *flow) dies(r kafka.Record, reason string) {
	f.t.Helper()
	f.write(feedback.DeadLetter(f.topics["dead-letters"], r, reason, errors.New("boom"), 1), nil)
}

// commits sets a group to the end of its topic, less so many.
func (f *flow) commits(group, short string, less int) {
	f.t.Helper()
	err := f.client.SetOffsets(f.t.Context(), f.env["FEEDBACK_PREFIX"]+"."+group, f.topics[short], map[int]int64{0: int64(len(f.records(short)) - less)})
	if err != nil {
		f.t.Fatal(err)
	}
}

// whole writes one of everything that is as it should be.
func (f *flow) whole() {
	const (
		posted, collapsed   = feedbackv1.Notification_STATE_POSTED, feedbackv1.Notification_STATE_COLLAPSED
		skipped, withdrawn  = feedbackv1.Notification_STATE_SKIPPED, feedbackv1.Notification_STATE_WITHDRAWN
		intent              = feedbackv1.Notification_STATE_INTENT
		mentions, community = "mentions:", "community:"
	)
	f.both(mentions+"1", "an outage", 0.1) // on both routes
	f.tell(mentions+"1", "negative", intent, "")
	f.tell(mentions+"1", "negative", posted, "1.1")
	f.tell(mentions+"1", "outages", posted, "2.1")
	f.tell(mentions+"1", "negative", posted, "1.1") // a count, a second time
	f.both(mentions+"2", "fine", 0.8)
	f.both(mentions+"3", "bad", 0.1)
	f.tell(mentions+"3", "negative", collapsed, "")
	f.both(community+"4", "schlecht", -1) // unscored
	f.both(community+"5", "old", 0.2)
	f.tell(community+"5", "negative", skipped, "")
	f.ingest(community+"6", "awful", 0)
	f.score(community+"6", "awful", 0, 0.1)
	f.ingest(community+"6", "", 7) // told and deleted
	f.score(community+"6", "", 7, -1)
	f.tell(community+"6", "negative", posted, "1.2")
	f.tell(community+"6", "negative", withdrawn, "1.2")
	f.both(community+"7", "worse", 0.1)
	f.both(community+"8", "worst", 0.1)
	f.digest("digest:negative:1", "negative", "1.3", community+"7", community+"8")
	f.tell(community+"8", "negative", withdrawn, "1.3")
	f.dies(f.ingest(community+"9", "poison", 0), "Permanent")
	f.dies(f.score(community+"10", "odd", 0, 0.1), "Malformed")
	f.ingest(community+"10", "odd", 0)
	f.dies(kafka.Record{Topic: f.topics["feedback"], Key: []byte("community:11"), Value: []byte("huge"),
		Headers: []kafka.Header{{Key: feedback.HeaderSource, Value: []byte("/community")}}}, "TooLarge") // never in feedback
	f.both(mentions+"12", "terrible", 0.1) // the route has not come to it
	f.ingest(mentions+"13", "no scorer yet", 0)
	f.commits("sentiment-scorer", "feedback", 1)
	f.commits("notifier.negative", "scored", 1)
	f.commits("notifier.outages", "scored", 0)
}

func (f *flow) audit(args ...string) (auditReport, result) {
	f.t.Helper()
	got := f.run(append([]string{"audit", "-o", "json"}, args...)...)
	var r auditReport
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		f.t.Fatalf("%v in %+v", err, got)
	}
	for _, h := range append(r.Hops, r.HopTotal) {
		if sum := h.Scored + h.Unscored + h.DeadLettered + h.Pending + h.Missing + h.Unjudged; sum != h.Ingested {
			f.t.Errorf("row %+v sums up to %d, want ingested", h, sum)
		}
	}
	for _, t := range append(r.Routes, r.RouteTotal) {
		if sum := t.Told + t.Collapsed + t.Skipped + t.Withdrawn + t.DeadLettered + t.Pending + t.Missing; sum != t.Routed {
			f.t.Errorf("row %+v sums up to %d, want routed", t, sum)
		}
	}
	return r, got
}

func TestAuditOfAWholePipeline(t *testing.T) {
	eachBroker(t, func(t *testing.T, b *broker) {
		f := newFlow(t, b)
		f.whole()
		r, got := f.audit("--manifest", f.manifest)
		got.ok(t)
		hours := []time.Time{f.at, time.Now().UTC().Truncate(time.Hour)} // what has no event has its letter's hour
		wantHops := []hopRow{
			{Source: "community", Hour: hours[0], Ingested: 7, Scored: 5, Unscored: 1, DeadLettered: 1},
			{Source: "community", Hour: hours[1], Ingested: 1, DeadLettered: 1},
			{Source: "mentions", Hour: hours[0], Ingested: 5, Scored: 4, Pending: 1},
		}
		if diff := cmp.Diff(wantHops, r.Hops); diff != "" {
			t.Errorf("hops (-want +got):\n%s", diff)
		}
		wantRoutes := []routeRow{
			{Route: "negative", Source: "community", Hour: hours[0], Routed: 5, Told: 1, Digested: 1, Skipped: 1, Withdrawn: 2, DeadLettered: 1},
			{Route: "negative", Source: "mentions", Hour: hours[0], Routed: 3, Told: 1, Collapsed: 1, Pending: 1},
			{Route: "outages", Source: "mentions", Hour: hours[0], Routed: 1, Told: 1},
		}
		if diff := cmp.Diff(wantRoutes, r.Routes); diff != "" {
			t.Errorf("routes (-want +got):\n%s", diff)
		}
		if len(r.Findings)+len(r.Notes) > 0 {
			t.Errorf("findings %v, notes %v, want none", r.Findings, r.Notes)
		}
		text := f.run("audit", "--manifest", f.manifest).ok(t).out
		for _, want := range []string{"INGESTED", "DOUBLED", "community", f.at.Format(hourForm), "total"} {
			if !strings.Contains(text, want) {
				t.Errorf("audit = %s\nwant %q in it", text, want)
			}
		}
		without, got := f.audit()
		got.ok(t)
		if without.RouteTotal.Routed != 7 || without.RouteTotal.Told != 3 || !strings.Contains(fmt.Sprint(without.Notes), "--manifest") {
			t.Errorf("without a manifest: %+v, %v, want what left a trace, and a note", without.RouteTotal, without.Notes)
		}
	})
}

// TestAuditFinds changes one thing in the whole pipeline: each is found, by its id.
func TestAuditFinds(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(f *flow)
		kind   string
		id     string
		route  string
	}{
		{"an event that was never scored", func(f *flow) { f.ingest("mentions:20", "x", 0) }, "missing", "mentions:20", ""},
		{"an edit that was never scored", func(f *flow) { f.ingest("mentions:1", "better", 9) }, "missing", "mentions:1", ""},
		{"a record that is none", func(f *flow) {
			f.write(kafka.Record{Topic: f.topics["feedback"], Key: []byte("k"), Value: []byte("\xff\xff")}, nil)
		}, "missing", "k", ""},
		{"one that was never told", func(f *flow) { f.both("mentions:21", "bad", 0.1) }, "missing", "mentions:21", "negative"},
		{"one edited into the range and not told", func(f *flow) {
			f.ingest("mentions:2", "an outage", 5)
			f.score("mentions:2", "an outage", 5, 0.8)
		}, "missing", "mentions:2", "outages"},
		{"two cards", func(f *flow) {
			f.tell("mentions:1", "negative", feedbackv1.Notification_STATE_POSTED, "1.9")
		}, "doubled", "mentions:1", "negative"},
		{"a card and a digest", func(f *flow) {
			f.digest("digest:negative:2", "negative", "1.8", "mentions:1")
		}, "doubled", "mentions:1", "negative"},
		{"two digests", func(f *flow) {
			f.digest("digest:negative:2", "negative", "1.8", "community:7")
		}, "doubled", "community:7", "negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFlow(t, embedded(t))
			f.whole()
			test.change(f)
			f.both("mentions:99", "good", 0.9) // the next one is done
			f.tell("mentions:12", "negative", feedbackv1.Notification_STATE_POSTED, "1.7")
			f.score("mentions:13", "no scorer yet", 0, 0.5)
			f.commits("sentiment-scorer", "feedback", 0)
			f.commits("notifier.negative", "scored", 0)
			f.commits("notifier.outages", "scored", 0)
			r, got := f.audit("--manifest", f.manifest)
			if got.code != exitFailed || len(r.Findings) != 1 {
				t.Fatalf("exit status %d, findings %+v, want 1 and one", got.code, r.Findings)
			}
			found := r.Findings[0]
			if found.Kind != test.kind || found.ID != test.id || found.Route != test.route || found.Why == "" {
				t.Errorf("finding %+v, want %s %s on %q", found, test.kind, test.id, test.route)
			}
			if text := f.run("audit", "--manifest", f.manifest); text.code != exitFailed || !strings.Contains(text.out, test.kind+": "+test.id) {
				t.Errorf("text %+v, want the finding and status 1", text)
			}
		})
	}
}

// TestAuditFollowsARedrive: a dead letter that was redriven and scored is scored.
func TestAuditFollowsARedrive(t *testing.T) {
	f := newFlow(t, embedded(t))
	f.dies(f.ingest("mentions:1", "poison", 0), "HandlerFailed")
	f.commits("sentiment-scorer", "feedback", 0)
	if r, _ := f.audit(); r.HopTotal.DeadLettered != 1 {
		t.Errorf("before: %+v, want one dead letter", r.HopTotal)
	}
	f.run("dead-letters", "redrive", "--yes").ok(t)
	f.score("mentions:1", "poison", 0, 0.5)
	f.commits("sentiment-scorer", "feedback", 0)
	r, got := f.audit()
	got.ok(t)
	if want := (hopRow{Ingested: 1, Scored: 1}); r.HopTotal != want {
		t.Errorf("after: %+v, want %+v", r.HopTotal, want)
	}
}

func TestAuditLooksBackOnlySoFar(t *testing.T) {
	f := newFlow(t, embedded(t))
	old := f.event("mentions:1", "lost long ago", 0)
	old.IngestedAt = timestamppb.New(time.Now().Add(-30 * time.Hour))
	r, err := feedback.EventRecord(f.topics["feedback"], feedback.Protobuf, old)
	r.Time = time.Now().Add(-30 * time.Hour)
	f.write(r, err)
	f.both("mentions:2", "fine", 0.5)
	f.commits("sentiment-scorer", "feedback", 0)
	report, got := f.audit()
	got.ok(t)
	if report.HopTotal.Ingested != 1 {
		t.Errorf("since 24h: %+v, want one event", report.HopTotal)
	}
	if report, got := f.audit("--since", "earliest"); got.code != exitFailed || report.HopTotal.Missing != 1 {
		t.Errorf("since earliest: %+v, want the one that is missing", report.HopTotal)
	}
}

// TestAuditTakesThePrefixFromTheManifest: unless it is given.
func TestAuditTakesThePrefixFromTheManifest(t *testing.T) {
	for _, test := range []struct{ spec, given, want string }{
		{"metadata: {name: azure}", "", "default.azure"},
		{"metadata: {name: azure, namespace: team}", "", "team.azure"},
		{"metadata: {name: azure, namespace: team}", "p.q", "p.q"},
	} {
		a := &app{in: strings.NewReader(strings.Replace(auditManifest, "metadata: {name: azure}", test.spec, 1)), env: map[string]string{}, now: time.Now}
		w, err := a.newAudit(auditOptions{connection: &connection{prefix: test.given}, output: "text", since: "1h", manifest: "-"})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.names["scored"]; got != test.want+".scored" || w.conn.prefix != test.want {
			t.Errorf("%s with --prefix %q: topic %s, prefix %s, want prefix %s", test.spec, test.given, got, w.conn.prefix, test.want)
		}
	}
}

// TestAuditTakesTopicsOfTheirOwnNames: groups follow the prefix all the same.
func TestAuditTakesTopicsOfTheirOwnNames(t *testing.T) {
	own := strings.Replace(auditManifest, "spec:", "spec:\n  topics: {prefix: p.q, names: {feedback: people.say, deadLetters: graveyard}}", 1)
	a := &app{in: strings.NewReader(own), env: map[string]string{"TOPIC_FEEDBACK": "other"}, now: time.Now}
	w, err := a.newAudit(auditOptions{connection: &connection{}, output: "text", since: "1h", manifest: "-"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"feedback": "people.say", "scored": "p.q.scored", "notifications": "p.q.notifications", "dead-letters": "graveyard"}
	if diff := cmp.Diff(want, w.names); diff != "" || w.conn.prefix != "p.q" {
		t.Errorf("topics (-want +got):\n%s\nprefix %s, want p.q", diff, w.conn.prefix)
	}
}

func TestAuditTeaches(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		says []string
	}{
		{"no prefix", []string{"--kafka", "localhost:1"}, []string{"--prefix", "default.azure"}},
		{"since", []string{"--prefix", "p.q", "--since", "yesterday"}, []string{"--since", "yesterday", "2h"}},
		{"output", []string{"--prefix", "p.q", "-o", "xml"}, []string{"--output", "xml", "text, json"}},
		{"manifest", []string{"--prefix", "p.q", "--manifest", "/nowhere"}, []string{"--manifest", "/nowhere"}},
		{"both", []string{"--manifest", "a", "--routes", "b"}, []string{"--manifest and --routes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := call{}.run(t, append([]string{"audit"}, test.args...)...)
			if got.code != exitUsage {
				t.Errorf("exit status %d, want %d", got.code, exitUsage)
			}
			for _, want := range test.says {
				if !strings.Contains(got.err, want) {
					t.Errorf("stderr %q, want it to name %q", got.err, want)
				}
			}
		})
	}
}
