package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// said is what one side says of an event.
type said struct {
	topic, id, text, language string
	score                     float64 // below 0: none
	at                        time.Time
	revision                  uint64
	deleted, fallback         bool
}

func (s said) record(t *testing.T) kafka.Record {
	t.Helper()
	e := &feedbackv1.Event{Id: s.id, Source: "community", Text: s.text, Revision: s.revision, Deleted: s.deleted, IngestedAt: timestamppb.New(s.at)}
	v := &feedbackv1.Sentiment{Language: &feedbackv1.Language{Tag: s.language}, Model: map[string]string{"scored": "builtin-chat-7", "shadow": "vader-1"}[s.topic]}
	switch {
	case s.score < 0:
		v.UnscoredReason = feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE
	case s.score < 0.4:
		v.Label = feedbackv1.Label_LABEL_NEGATIVE
	case s.score <= 0.6:
		v.Label = feedbackv1.Label_LABEL_NEUTRAL
	default:
		v.Label = feedbackv1.Label_LABEL_POSITIVE
	}
	if s.score >= 0 {
		v.Score = &s.score
	}
	if s.fallback {
		v.Fallback = &feedbackv1.Fallback{Backend: "azure"}
	}
	r, err := feedback.ScoredRecord(testPrefix+"."+s.topic, feedback.Protobuf, &feedbackv1.ScoredEvent{Event: e, Sentiment: v})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// comparedDays is how far apart the first and the last event of the example are.
const comparedDays = 4

// example has both sides say something of events over four days.
func example(t *testing.T, b *broker) {
	t.Helper()
	begin := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	both := func(hours int, id, text, language string, scorer, shadow float64) {
		at := begin.Add(time.Duration(hours) * time.Hour)
		for _, s := range []said{{topic: "scored", score: scorer}, {topic: "shadow", score: shadow}} {
			s.id, s.text, s.language, s.at = id, text, language, at
			b.write(s.record(t), nil)
		}
	}
	one := func(topic string, hours int, id string) {
		b.write(said{topic: topic, id: id, text: "only " + topic, score: 0.1, language: "en", at: begin.Add(time.Duration(hours) * time.Hour)}.record(t), nil)
	}
	both(0, "1", "the portal is down again, this is awful", "en", 0.05, 0.10)
	both(8, "2", "wow, great, another outage", "en", 0.12, 0.91)
	both(16, "3", "no problem at all, works", "en", 0.80, 0.22)
	both(24, "4", "503s in westeurope, anyone else?", "en", 0.45, 0.50)
	both(32, "5", "love the new dashboard", "en", 0.97, 0.95)
	both(40, "6", "das Portal geht schon wieder nicht", "de", 0.11, -1)
	both(48, "7", "meh", "en", 0.48, 0.30)
	both(24*comparedDays, "8", "thanks, that fixed it", "en", 0.92, 0.88)
	one("scored", 20, "missing")
	one("scored", -5, "before")
	one("scored", 24*comparedDays+1, "pending")
	b.write(said{topic: "scored", id: "gone", text: "so", score: 0.1, at: begin.Add(time.Hour)}.record(t), nil)
	for _, topic := range []string{"scored", "shadow"} {
		b.write(said{topic: topic, id: "gone", score: -1, at: begin.Add(2 * time.Hour), revision: 1, deleted: true}.record(t), nil)
	}
	b.write(kafka.Record{Topic: b.topics["shadow"], Key: []byte("broken"), Value: []byte("\xff\xff")}, nil)
}

// compareBroker has the example in topics of one partition, in which what was said lies in order.
func compareBroker(t *testing.T) *broker {
	t.Helper()
	b := newBrokerOf(t, 1, "scored", "shadow")
	example(t, b)
	return b
}

const compareManifest = `kind: FeedbackPipeline
metadata: {name: azure, namespace: team}
spec:
  topics: {prefix: team.azure}
  routes:
  - {name: negative, match: {scoreBelow: 0.3}, slack: {channel: "#urgent"}}
  - {name: positive, match: {scoreAbove: 0.9}, slack: {channel: praise}}
  - {name: outages, match: {keywords: [outage]}, slack: {channel: outages}}
`

func TestCompareGolden(t *testing.T) {
	b := compareBroker(t)
	manifest := filepath.Join(t.TempDir(), "pipeline.yaml")
	if err := os.WriteFile(manifest, []byte(compareManifest), 0o600); err != nil {
		t.Fatal(err)
	}
	got := b.run("compare", "-f", manifest, "--since", "2026-11-01T00:00:00Z").ok(t)
	golden(t, "testdata/compare.golden", got.out)
	got = b.run("compare", "-f", manifest, "--since", "2026-11-01T00:00:00Z", "-o", "json").ok(t)
	var indented strings.Builder
	e := json.NewEncoder(&indented)
	e.SetIndent("", "  ")
	var report any
	if err := json.Unmarshal([]byte(got.out), &report); err != nil {
		t.Fatal(err)
	}
	if err := e.Encode(report); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/compare.json", indented.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; write it with -update):\n%s", path, diff)
	}
}

// TestCompareCounts checks the example's figures, worked out by hand.
func TestCompareCounts(t *testing.T) {
	b := compareBroker(t)
	var r comparisonReport
	out := b.run("compare", "--match", "scoreBelow: 0.3", "--since", "2026-11-01T00:00:00Z", "-o", "json").ok(t).out
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string][2]int{
		"compared": {r.Compared, 8}, "deleted": {r.Deleted, 1}, "the shadow's before": {r.Shadow.Before, 1}, "pending": {r.Shadow.Pending, 1},
		"missing": {r.Shadow.Missing, 1}, "unscored by the shadow": {r.Shadow.Unscored["language"], 1}, "unscored by the scorer": {len(r.Scorer.Unscored), 0},
		"labelled": {r.Labels.Events, 7}, "the same label": {r.Labels.Same, 4}, "negative to both": {r.Labels.Confusion[0][0], 1},
		"negative, then unscored": {r.Labels.Confusion[0][3], 1}, "same language": {r.Languages.Same, 8},
		"the scorer's route": {r.Routes[0].Scorer, 3}, "the shadow's": {r.Routes[0].Shadow, 2}, "both": {r.Routes[0].Both, 1},
	} {
		if c[0] != c[1] {
			t.Errorf("%s = %d, want %d", what, c[0], c[1])
		}
	}
	// Rows 2, 2, 3 and columns 3, 1, 3 of 7: by chance 17/49 would be the same.
	chance := 17.0 / 49
	if got, want := *r.Labels.Kappa, (4.0/7-chance)/(1-chance); math.Abs(got-want) > 1e-6 {
		t.Errorf("kappa = %v, want %v", got, want)
	}
	if got, want := *r.Scores.Apart, (0.05+0.79+0.58+0.05+0.02+0.18+0.04)/7; math.Abs(got-want) > 1e-6 {
		t.Errorf("mean absolute difference = %v, want %v", got, want)
	}
	if got, want := r.Apart[0].ID+" "+r.Apart[0].Text, "2 wow, great, another outage"; got != want {
		t.Errorf("furthest apart is %q, want %q", got, want)
	}
}

// TestComparePairsRevisions: an event whose newest revision only one side has scored is not compared by an older one, and
// what is scored again counts once, by what was said last.
func TestComparePairsRevisions(t *testing.T) {
	b := newBrokerOf(t, 1, "scored", "shadow")
	now := time.Now()
	for i, s := range []said{
		{topic: "shadow", id: "first", score: 0.5}, {topic: "scored", id: "first", score: 0.5, fallback: true},
		{topic: "scored", id: "edited", score: 0.1}, {topic: "scored", id: "edited", score: 0.9, revision: 1}, {topic: "shadow", id: "edited", score: 0.1},
		{topic: "scored", id: "twice", score: 0.5}, {topic: "shadow", id: "twice", score: 0.1}, {topic: "shadow", id: "twice", score: 0.5, fallback: true},
		{topic: "shadow", id: "later", score: 0.5}, {topic: "scored", id: "later", score: 0.5},
	} {
		s.at = now.Add(time.Duration(i) * time.Second)
		b.write(s.record(t), nil)
	}
	var r comparisonReport
	if err := json.Unmarshal([]byte(b.run("compare", "-o", "json").ok(t).out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Compared != 3 || r.Labels.Same != 3 || r.Shadow.Missing != 1 || r.Fallback != 1 {
		t.Errorf("compared %d, same %d, missing in the shadow %d, by the fallback %d; want 3, 3, 1, 1: %+v", r.Compared, r.Labels.Same, r.Shadow.Missing, r.Fallback, r)
	}
}

func TestCompareSaysWhatIsWrong(t *testing.T) {
	b := newBrokerOf(t, 1, "scored")
	if got := b.run("compare"); got.code != exitFailed || !strings.Contains(got.err, "spec.scorer.shadow") {
		t.Errorf("without a shadow: %+v, want it to say how there is one", got)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--match", "scoreBelow"}, "such as 'scoreBelow: 0.3'"}, {[]string{"--since", "week"}, "--since"}, {[]string{"--limit", "0"}, "--limit 0"},
		{[]string{"-o", "table"}, "text, json"}, {[]string{"-f", "a", "--routes", "b"}, "exclude each other"}, {[]string{"--routes", "x"}, "ROUTES"},
	} {
		if got := b.run(append([]string{"compare"}, test.args...)...); got.code != exitUsage || !strings.Contains(got.err, test.says) {
			t.Errorf("%v: %+v, want it refused with %q", test.args, got, test.says)
		}
	}
	full := compareBroker(t)
	if got := full.run("compare", "--limit", "3", "--since", "2026-11-01T00:00:00Z"); got.code != exitFailed || !strings.Contains(got.err, "more than 3 events") {
		t.Errorf("over the limit: %+v, want it refused", got)
	}
}

// TestCompareOfNothing: topics without events, and events that only one side has.
func TestCompareOfNothing(t *testing.T) {
	b := newBrokerOf(t, 1, "scored", "shadow")
	if got := b.run("compare").ok(t).out; !strings.Contains(got, "No event was scored by both") {
		t.Errorf("stdout %q, want it to say that there is nothing", got)
	}
	b.write(said{topic: "scored", id: "1", score: 0.5, at: time.Now()}.record(t), nil)
	if got := b.run("compare").ok(t).out; !strings.Contains(got, "The shadow has yet to come to 1 event;") {
		t.Errorf("stdout %q, want the event pending", got)
	}
}

func TestTopKeepsTheFurthest(t *testing.T) {
	kept := topOf(3)
	for i, apart := range []float64{0.1, 0.9, -1, 0.5, 0.9, 0.2} {
		kept.offer(eventKey{byte(i)}, apart)
	}
	var got []string
	for _, k := range kept.keys {
		got = append(got, fmt.Sprint(k[0]))
	}
	if got, want := strings.Join(got, " "), "1 4 3"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
	none := topOf(0)
	none.offer(eventKey{}, 1)
	if len(none.keys) != 0 {
		t.Errorf("kept %d of none", len(none.keys))
	}
}

func topOf(n int) top { return top{n: n} }

// TestTheShadowsTopicAndGroup: the other commands know them by their short names, and a pipeline without a shadow has none.
func TestTheShadowsTopicAndGroup(t *testing.T) {
	b := newBroker(t, append([]string{shadowTopic}, shortNames...)...)
	b.write(said{topic: "shadow", id: "1", text: "awful", language: "en", score: 0.1, at: time.Now()}.record(t), nil)
	b.write(feedback.EventRecord(testPrefix+".feedback", feedback.Protobuf, &feedbackv1.Event{Id: "1", Text: "awful"}))
	if got := b.run("tail", "shadow", "--no-follow", "--below", "0.2").ok(t).out; !strings.Contains(got, "awful") {
		t.Errorf("tail shadow: stdout %q, want the text", got)
	}
	if got := b.run("replay", "--group", "shadow", "--to", "earliest", "--create", "--yes").ok(t).err; !strings.Contains(got, testPrefix+".shadow-scorer") {
		t.Errorf("replay --group shadow says %q, want it of %s.shadow-scorer", got, testPrefix)
	}
	got := b.run("topics").ok(t).out
	for _, want := range []string{testPrefix + ".shadow ", testPrefix + ".shadow-scorer"} {
		if !strings.Contains(got, want) {
			t.Errorf("topics has no %q:\n%s", want, got)
		}
	}
	if got := newBroker(t, shortNames...).run("topics").ok(t).out; strings.Contains(got, "shadow") {
		t.Errorf("topics of a pipeline without a shadow:\n%s", got)
	}
}
