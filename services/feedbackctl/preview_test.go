package main

import (
	"strings"
	"testing"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

func TestPreview(t *testing.T) {
	b := newBroker(t, "scored")
	b.scored("1", "community", "en", "awful", 0.01)
	b.scored("2", "mentions", "en", "bad", 0.2)
	b.scored("3", "mentions", "en", "fine", 0.5)
	b.scored("4", "mentions", "nl", "slecht", -1)
	b.scored("5", "mentions", "en", "gone", 0.02)
	deletion := &feedbackv1.ScoredEvent{Event: &feedbackv1.Event{Id: "5", Revision: 1, Source: "mentions", Deleted: true}, Sentiment: &feedbackv1.Sentiment{}}
	b.write(feedback.ScoredRecord(testPrefix+".scored", feedback.Protobuf, deletion))

	got := b.run("preview", "--match", "scoreBelow: 0.3", "--since", "7d").ok(t)
	for _, want := range []string{"2 of 5 events since ", ": 0.3 a day", "community", "0.0100  awful", "0.2000  bad"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout has no %q:\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "fine") || strings.Contains(got.out, "gone") {
		t.Errorf("stdout tells what the route would not:\n%s", got.out)
	}
	got = b.run("preview", "--match", "{scoreBelow: 0.3, sources: [mentions]}", "--texts", "0").ok(t)
	if !strings.Contains(got.out, "1 of 5 events") || strings.Contains(got.out, "bad") {
		t.Errorf("stdout %q, want one event and no text", got.out)
	}
}

func TestPreviewSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "--match is empty"}, {[]string{"--match", "scoreBelow"}, "such as 'scoreBelow: 0.3'"}, {[]string{"--match", "scoreBelow: 3"}, "between 0 and 1"},
		{[]string{"--match", "scoreBlow: 0.3"}, "scoreBlow"}, {[]string{"--match", "scoreBelow: 0.3", "--since", "week"}, "--since"},
	} {
		if got := (call{}).run(t, append([]string{"preview", "--kafka", "localhost:1", "--prefix", "p"}, test.args...)...); got.code != exitUsage || !strings.Contains(got.err, test.says) {
			t.Errorf("%v: %+v, want it refused with %q", test.args, got, test.says)
		}
	}
}
