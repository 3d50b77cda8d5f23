package controller_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// checkpoint writes what a source writes when it has read all until now.
func (s *stage) checkpoint(p *v1alpha1.FeedbackPipeline, source string) {
	s.Helper()
	text, err := protojson.Marshal(&feedbackv1.SourceState{Source: source, ObservedAt: timestamppb.New(s.clock)})
	s.must(err)
	s.must(s.kafka.Append(s.Context(), desired.Prefix(p)+".state", "checkpoint/"+source, text))
}

// pause suspends the pipeline for so long, resumes it, and has its programs start.
func (s *stage) pause(p *v1alpha1.FeedbackPipeline, length time.Duration) {
	s.Helper()
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = true })
	s.reconcile(p)
	s.roll()
	s.clock = s.clock.Add(length)
	s.reconcile(p)
	s.edit(p, func(p *v1alpha1.FeedbackPipeline) { p.Spec.Suspend = false })
	s.reconcile(p)
	s.roll()
	s.speak(p)
	s.reconcile(p)
	s.condition(p, v1alpha1.ConditionReady, "True Flowing")
}

// gaps are the Events of gaps since the last take.
func (s *stage) gaps(reason string) []string {
	var all []string
	for _, e := range s.events.take() {
		if strings.HasPrefix(e, "Warning "+reason) {
			all = append(all, e)
		}
	}
	return all
}

// TestGapAfterResume: a pipeline that was suspended for longer than its source reaches back says what was not read,
// once, and keeps saying it in its status; one that was suspended for less has no gap.
func TestGapAfterResume(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure") // backfill is 24h
	s.checkpoint(p, "community")
	s.pause(p, 23*time.Hour)
	s.checkpoint(p, "community")
	s.reconcile(p)
	if got := s.gaps("GapNotReadBack"); len(got) > 0 || p.Status.Sources[0].Gap != nil {
		t.Fatalf("after 23 h: events %q, gap %v, want none", got, p.Status.Sources[0].Gap)
	}
	from := s.clock
	s.pause(p, 72*time.Hour)
	s.clock = s.clock.Add(time.Minute)
	s.checkpoint(p, "community")
	s.speak(p)
	s.reconcile(p)
	to := s.clock.Add(-24 * time.Hour)
	if got := p.Status.Sources[0].Gap; got == nil || !got.From.Time.Equal(from) || !got.To.Time.Equal(to) {
		t.Errorf("gap = %v, want from %s to %s", got, from, to)
	}
	want := "what was said from " + from.UTC().Format(time.RFC3339) + " to " + to.UTC().Format(time.RFC3339) + " is not read"
	if got := s.gaps("GapNotReadBack"); len(got) != 1 || !strings.Contains(got[0], want) {
		t.Errorf("events = %q, want one that says %q", got, want)
	}
	s.restart()
	s.clock = s.clock.Add(31 * time.Second)
	s.checkpoint(p, "community")
	s.speak(p)
	s.reconcile(p)
	if got := s.gaps("GapNotReadBack"); len(got) > 0 || p.Status.Sources[0].Gap == nil {
		t.Errorf("an operator that was started anew tells the gap again (%q) or forgets it (%v)", got, p.Status.Sources[0].Gap)
	}
}

// TestOvertakenAfterResume: what retention deleted before it was read is told once.
func TestOvertakenAfterResume(t *testing.T) {
	s := newStage(t)
	p := s.flowing("azure")
	for range 5 {
		s.append(p, "feedback")
	}
	s.commit(p, "feedback", "sentiment-scorer", 2)
	s.reconcile(p)
	s.retain(p, "feedback", 4)
	s.events.take()
	s.pause(p, 200*time.Hour)
	want := "retention has deleted 2 records of topic " + desired.Prefix(p) + ".feedback"
	if got := s.gaps("RecordsOvertaken"); len(got) != 1 || !strings.Contains(got[0], want) {
		t.Errorf("events = %q, want one that says %q", got, want)
	}
	if got := *p.Status.Lag; got != 1 {
		t.Errorf("lag = %d, want the 1 record that is left", got)
	}
	s.commit(p, "feedback", "sentiment-scorer", 5)
	s.reconcile(p)
	if got := s.gaps("RecordsOvertaken"); len(got) > 0 {
		t.Errorf("events = %q, want none once it is read on", got)
	}
}

// retain deletes what is before an offset of partition 0, as retention does.
func (s *stage) retain(p *v1alpha1.FeedbackPipeline, role string, first int64) {
	s.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...), kgo.MaxVersions(kversion.V3_0_0()))
	s.must(err)
	defer c.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = desired.Prefix(p) + "." + role
	partition := kmsg.NewDeleteRecordsRequestTopicPartition()
	partition.Offset = first
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(s.Context(), c)
	s.must(err)
	s.must(kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode))
}
