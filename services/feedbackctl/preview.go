package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

type previewOptions struct {
	*connection
	match, since string
	texts        int
}

func (a *app) previewCommand() *cobra.Command {
	var o previewOptions
	cmd := &cobra.Command{
		Use:   "preview --match match",
		Short: "Tell how often a route would have told, on what was scored",
		Long: `preview reads what was scored since a time and says how many events a route with that match
would have told on each day, and the last of their texts: to choose a threshold before people
are told. --match is what stands under match in the manifest, in YAML or JSON. Of an event that
was edited or deleted its last revision counts; events with equal texts, which a route tells
once, count one by one. Where the topic holds nothing so old, its own oldest record is where the
time begins that a number a day is told of.

It joins no consumer group and commits nothing.`,
		Example: `  feedbackctl preview --match 'scoreBelow: 0.09' --since 7d
  feedbackctl preview --match '{scoreBelow: 0.3, keywords: [outage], sources: [mentions]}' --since 24h --texts 50`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.preview(cmd.Context(), o) },
	}
	o.connection = a.connectionFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.match, "match", "", "which events are meant, as under match in the manifest (required)")
	f.StringVar(&o.since, "since", "7d", "how far back: an age such as 7d or 12h, or a time (RFC 3339)")
	f.IntVar(&o.texts, "texts", 20, "how many of the last texts are shown")
	complete(cmd, "since", "24h", "7d")
	return cmd
}

func (o previewOptions) parse() (feedback.Match, error) {
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(o.match), &fields); err != nil {
		said := err.Error()
		if kind := (&yaml.TypeError{}); errors.As(err, &kind) {
			said = "it has no fields"
		}
		return feedback.Match{}, usagef("--match %q: %s; write it as in the manifest, such as 'scoreBelow: 0.3'", o.match, said)
	}
	if len(fields) == 0 {
		return feedback.Match{}, usagef("--match is empty: say which events are meant, such as --match 'scoreBelow: 0.3'")
	}
	m, err := parseMatch(fields)
	if err != nil {
		return m, usagef("--match %q: %v", o.match, err)
	}
	return m, nil
}

func (a *app) preview(ctx context.Context, o previewOptions) error {
	match, err := o.parse()
	if err != nil {
		return err
	}
	if o.texts < 0 {
		return usagef("--texts %d: give a number of texts, 0 for none", o.texts)
	}
	since, err := a.past("since", o.since)
	if err != nil {
		return err
	}
	client, topic, err := a.reading(ctx, o.connection, "scored")
	if err != nil {
		return err
	}
	defer client.Close()
	p := &previewing{app: a, match: match, since: since, told: map[string]toldEvent{}, seen: map[string]uint64{}}
	from, err := client.OffsetsAt(ctx, topic, since)
	if err != nil {
		return err
	}
	first, err := client.OffsetsAt(ctx, topic, time.UnixMilli(0)) // of the records that are there, where compaction took others
	if err != nil {
		return err
	}
	if err := client.ScanFrom(ctx, topic, since, p.record); err != nil {
		return err
	}
	p.begin(from, first)
	return p.write(o.texts)
}

// toldEvent is an event that the route would have told.
type toldEvent struct {
	at     time.Time
	scored *feedbackv1.ScoredEvent
}

// previewing gathers what a route would have told.
type previewing struct {
	*app
	match  feedback.Match
	since  time.Time
	oldest time.Time            // of the records that were read, if the topic holds none older; zero otherwise
	told   map[string]toldEvent // by the event's id
	seen   map[string]uint64    // the revision of each event that was read
}

func (p *previewing) record(r kafka.Record) error {
	if r.Time.Before(p.since) {
		return nil
	}
	if p.oldest.IsZero() || r.Time.Before(p.oldest) {
		p.oldest = r.Time
	}
	s, err := feedback.DecodeScored(r)
	if err != nil {
		return nil //nolint:nilerr // what cannot be read is not told; the dead letters say so
	}
	e := s.GetEvent()
	if last, ok := p.seen[e.GetId()]; ok && e.GetRevision() < last {
		return nil
	}
	p.seen[e.GetId()] = e.GetRevision()
	delete(p.told, e.GetId())
	if e.GetDeleted() || !p.match.Scored(s) {
		return nil
	}
	at := r.Time
	if t := e.GetRevisedAt(); t.IsValid() && t.GetSeconds() > 0 {
		at = t.AsTime()
	}
	p.told[e.GetId()] = toldEvent{at: at, scored: s}
	return nil
}

// begin forgets the oldest record that was read where the topic holds older ones, which --since leaves out. from is the
// offset of each partition from which records were read, first that of its first record.
func (p *previewing) begin(from, first map[int]int64) {
	for partition, offset := range from {
		if offset > first[partition] {
			p.oldest = time.Time{}
		}
	}
}

// rate says how many events a day n are, of the time in which the topic holds any.
func (p *previewing) rate(n int) string {
	begin, of, goes := p.since, "", ""
	if p.oldest.After(begin) {
		begin, of, goes = p.oldest, ", the oldest that the topic holds", " if it goes on so"
	}
	span := p.now().Sub(begin)
	since := "since " + begin.In(p.zone).Format(time.RFC3339) + of
	switch {
	case span < time.Hour:
		return since + ": too short a time to say how many a day"
	case span >= 24*time.Hour:
		goes = ""
	}
	return fmt.Sprintf("%s: %.1f a day%s", since, float64(n)/span.Hours()*24, goes)
}

func (p *previewing) write(texts int) error {
	events := make([]toldEvent, 0, len(p.told))
	days := map[string]int{}
	for _, e := range p.told {
		events = append(events, e)
		days[e.at.In(p.zone).Format(time.DateOnly)]++
	}
	slices.SortFunc(events, func(a, b toldEvent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.scored.GetEvent().GetId(), b.scored.GetEvent().GetId()))
	})
	out := bufio.NewWriter(p.out)
	fmt.Fprintf(out, "%d of %d events %s\n", len(events), len(p.seen), p.rate(len(events)))
	for _, day := range slices.Sorted(maps.Keys(days)) {
		fmt.Fprintf(out, "%s  %d\n", day, days[day])
	}
	for _, e := range events[max(0, len(events)-texts):] {
		s := e.scored
		fmt.Fprintf(out, "%s  %-10s %-3s %-6s  %s\n", e.at.In(p.zone).Format("01-02 15:04"), safe(s.GetEvent().GetSource()), safe(s.GetSentiment().GetLanguage().GetTag()),
			scoreText(s.GetSentiment()), safe(cut(s.GetEvent().GetText(), exampleRunes)))
	}
	return out.Flush()
}
