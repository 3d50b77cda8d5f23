package main

import (
	"strings"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

func TestPreview(t *testing.T) {
	b := newBroker(t, "scored")
	b.write(kafka.Record{Topic: testPrefix + ".scored", Value: []byte("no event")}, nil) // is part of the time all the same
	b.scored("1", "community", "en", "awful", 0.01)
	b.scored("2", "mentions", "en", "bad", 0.2)
	b.scored("3", "mentions", "en", "fine", 0.5)
	b.scored("4", "mentions", "nl", "slecht", -1)
	b.scored("5", "mentions", "en", "gone", 0.02)
	deletion := &feedbackv1.ScoredEvent{Event: &feedbackv1.Event{Id: "5", Revision: 1, Source: "mentions", Deleted: true}, Sentiment: &feedbackv1.Sentiment{}}
	b.write(feedback.ScoredRecord(testPrefix+".scored", feedback.Protobuf, deletion))

	got := b.run("preview", "--match", "scoreBelow: 0.3", "--since", "7d").ok(t)
	for _, want := range []string{"2 of 5 events since ", ", the oldest that the topic holds: too short a time to say how many a day\n", "community", "0.0100  awful", "0.2000  bad"} {
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

func TestPreviewTellsOfTheTimeInWhichTheTopicHoldsAny(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		since  time.Duration
		oldest time.Duration
		from   int64
		want   string
	}{
		{"an older topic", 4 * 24 * time.Hour, 3 * 24 * time.Hour, 11, "since 2026-11-19T12:00:00Z: 2.0 a day"},
		{"all of it", 7 * 24 * time.Hour, 2 * 24 * time.Hour, 10, "since 2026-11-21T12:00:00Z, the oldest that the topic holds: 4.0 a day"},
		{"half a day", 7 * 24 * time.Hour, 12 * time.Hour, 10, "since 2026-11-23T00:00:00Z, the oldest that the topic holds: 16.0 a day if it goes on so"},
		{"a minute", 7 * 24 * time.Hour, time.Minute, 10, "since 2026-11-23T11:59:00Z, the oldest that the topic holds: too short a time to say how many a day"},
		{"half an hour", 30 * time.Minute, 20 * time.Minute, 11, "since 2026-11-23T11:30:00Z: too short a time to say how many a day"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &previewing{app: &app{now: func() time.Time { return now }, zone: time.UTC}, since: now.Add(-c.since), oldest: now.Add(-c.oldest)}
			p.begin(map[int]int64{0: c.from, 1: 5}, map[int]int64{0: 10, 1: 5})
			if got := p.rate(8); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestPreviewSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "--match is empty"}, {[]string{"--match", "scoreBelow"}, "such as 'scoreBelow: 0.3'"}, {[]string{"--match", "scoreBelow: 3"}, "between 0 and 1"},
		{[]string{"--match", "scoreBlow: 0.3"}, "unknown field \"scoreBlow\"; there are scoreBelow, scoreAbove, sources,"},
		{[]string{"--match", "[1]"}, "\"[1]\": it has no fields; write it"}, {[]string{"--match", "scoreBelow: low"}, "match.scoreBelow: it is a string, want a number between 0 and 1"},
		{[]string{"--match", "keywords: outage"}, "match.keywords: it is a string, want a list of texts"}, {[]string{"--match", "keywords: [503]"}, "match.keywords: it is a number, want texts"},
		{[]string{"--match", "scoreBelow: .nan"}, "NaN"}, {[]string{"--match", "scoreBelow: 0.3", "--since", "week"}, "--since"},
		{[]string{"--match", "scoreBelow: 0.3", "--texts", "-1"}, "--texts -1"}, {[]string{"--match", "scoreBelow: 0.3", "--since", ""}, "--since is empty"},
	} {
		if got := (call{}).run(t, append([]string{"preview", "--kafka", "localhost:1", "--prefix", "p"}, test.args...)...); got.code != exitUsage || !strings.Contains(got.err, test.says) {
			t.Errorf("%v: %+v, want it refused with %q", test.args, got, test.says)
		}
	}
}
