package main

import (
	"encoding/json"
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

// healthOf is the health of an instance that was heard of so long ago, with conditions that have been so for a minute.
func healthOf(component, instance string, ago time.Duration, conditions ...*feedbackv1.Health_Condition) *feedbackv1.Health {
	h := &feedbackv1.Health{Component: component, Instance: instance, Level: feedbackv1.Health_LEVEL_GOOD, ObservedAt: timestamppb.New(time.Now().Add(-ago)), Conditions: conditions}
	for _, c := range conditions {
		c.Since = timestamppb.New(time.Now().Add(-time.Minute))
		h.Level = max(h.Level, c.Level)
	}
	return h
}

func condition(name string, level feedbackv1.Health_Level, reason, message string) *feedbackv1.Health_Condition {
	return &feedbackv1.Health_Condition{Name: name, Level: level, Reason: reason, Message: message}
}

func TestJudgeHealth(t *testing.T) {
	good := condition("kafka", feedbackv1.Health_LEVEL_GOOD, "Good", "")
	refused := condition("slack", feedbackv1.Health_LEVEL_FAILED, "TokenRefused", "put the token into the Secret")
	limited := condition("x", feedbackv1.Health_LEVEL_DEGRADED, "RateLimited", "it goes on")
	for name, c := range map[string]struct {
		reports []*feedbackv1.Health
		wanted  []string
		all     bool
		want    []string // component/instance level condition reason
		bad     int
	}{
		"all good": {reports: []*feedbackv1.Health{healthOf("notifier", "n-0", time.Second, good), healthOf("notifier", "n-1", time.Second, good)},
			want: []string{"notifier/n-0 good  Good", "notifier/n-1 good  Good"}},
		"what is not": {reports: []*feedbackv1.Health{healthOf("slack-ingest/c", "c-0", time.Second, good, refused, limited)},
			want: []string{"slack-ingest/c/c-0 failed slack TokenRefused", "slack-ingest/c/c-0 degraded x RateLimited"}, bad: 2},
		"all conditions": {reports: []*feedbackv1.Health{healthOf("notifier", "n-0", time.Second, good, limited)}, all: true,
			want: []string{"notifier/n-0 good kafka Good", "notifier/n-0 degraded x RateLimited"}, bad: 1},
		"old and said to be good": {reports: []*feedbackv1.Health{healthOf("sentiment-scorer", "s-0", 31*time.Second, good)},
			want: []string{"sentiment-scorer/s-0 unknown  Silent"}, bad: 1},
		"29 s are not old": {reports: []*feedbackv1.Health{healthOf("sentiment-scorer", "s-0", 29*time.Second, good)},
			want: []string{"sentiment-scorer/s-0 good  Good"}},
		"silent for long beside another": {reports: []*feedbackv1.Health{healthOf("notifier", "n-0", 2*time.Hour, good), healthOf("notifier", "n-1", time.Second, good)},
			want: []string{"notifier/n-1 good  Good"}},
		"silent for long and alone": {reports: []*feedbackv1.Health{healthOf("notifier", "n-0", 2*time.Hour, good)},
			want: []string{"notifier/n-0 unknown  Silent"}, bad: 1},
		"a shadow that is not": {reports: []*feedbackv1.Health{healthOf("sentiment-scorer", "s-0", time.Second, good), healthOf("shadow-scorer", "h-0", time.Second, refused)},
			want: []string{"sentiment-scorer/s-0 good  Good", "shadow-scorer/h-0 failed slack TokenRefused"}},
		"missing": {reports: []*feedbackv1.Health{healthOf("notifier", "n-0", time.Second, good)}, wanted: []string{"notifier", "sentiment-scorer"},
			want: []string{"notifier/n-0 good  Good", "sentiment-scorer/ unknown  Missing"}, bad: 1},
	} {
		t.Run(name, func(t *testing.T) {
			lines, bad := judgeHealth(c.reports, c.wanted, "p.state", time.Now(), c.all)
			var got []string
			for _, l := range lines {
				got = append(got, l.Component+"/"+l.Instance+" "+l.Level+" "+l.Condition+" "+l.Reason)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || bad != c.bad {
				t.Errorf("%d bad, want %d; lines (-want +got):\n%s", bad, c.bad, diff)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	b := newBroker(t, "state")
	if got := b.run("health"); got.code != exitFailed || !strings.Contains(got.err, "nothing was ever heard") {
		t.Errorf("of an empty topic: %+v, want status 1 and that nothing was heard", got)
	}
	tell := func(h *feedbackv1.Health) { b.write(feedback.HealthRecord(testPrefix+".state", feedback.Protobuf, h)) }
	tell(healthOf("notifier", "n-0", 0, condition("route/a", feedbackv1.Health_LEVEL_FAILED, "ChannelArchived", "unarchive it")))
	tell(healthOf("notifier", "stopped", 0))
	b.write(kafka.Record{Topic: testPrefix + ".state", Key: []byte(feedback.HealthKey("notifier", "stopped"))}, nil)
	tell(healthOf("sentiment-scorer", "s-0", time.Minute))
	got := b.run("health")
	for _, want := range []string{"notifier          n-0       failed   route/a    ChannelArchived  60s  ", "unarchive it", "sentiment-scorer  s-0       unknown  -          Silent"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout\n%s\nwant %q in it", got.out, want)
		}
	}
	if got.code != exitFailed || !strings.Contains(got.err, "2 of 2 are not good") {
		t.Errorf("status %d, stderr %q, want 1 and 2 of 2", got.code, got.err)
	}
	manifest := filepath.Join(t.TempDir(), "p.yaml")
	text := "kind: FeedbackPipeline\nmetadata: {name: a}\nspec: {sources: [{name: m, twitter: {query: q}}], routes: [{name: a, slack: {channel: c}}]}\n"
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tell(healthOf("notifier", "n-0", 0))
	tell(healthOf("sentiment-scorer", "s-0", 0))
	if got := b.run("health").ok(t); strings.Contains(got.out, "unknown") {
		t.Errorf("stdout\n%s\nwant all good", got.out)
	}
	var lines []healthLine
	got = b.run("health", "-o", "json", "--manifest", manifest)
	if err := json.Unmarshal([]byte(got.out), &lines); err != nil || got.code != exitFailed {
		t.Fatalf("status %d, %v: %s", got.code, err, got.out)
	}
	if err := os.WriteFile(manifest, []byte(strings.Replace(text, "{sources: [", "{scorer: {builtin: {}, shadow: {vader: {}}}, sources: [", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.run("health", "--manifest", manifest); !strings.Contains(got.out, "shadow-scorer") || !strings.Contains(got.err, "1 of 4 are not good") {
		t.Errorf("with a shadow that was never heard of: %+v, want it shown, and one not good", got)
	}
	if l := lines[len(lines)-1]; len(lines) != 3 || l.Component != "twitter-ingest/m" || l.Reason != "Missing" {
		t.Errorf("lines %+v, want twitter-ingest/m missing at the end", lines)
	}
}
