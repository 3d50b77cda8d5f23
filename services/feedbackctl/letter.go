package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// Headers that feedbackctl itself writes.
const (
	// headerHandled marks a record of the dead letters topic that says what became of another
	// one there: redriven or dropped. Its key is handledKey + the other's place.
	headerHandled = "dead-letter-handled"
	handledKey    = "handled/"
	// headerHistory stands on a redriven record, once for each time: why it was a dead letter.
	headerHistory = "dead-letter-history"

	redriven = "redriven"
	dropped  = "dropped"
)

// keptBytes is how much of a value a dead letter keeps; see feedback.DeadLetter.
const keptBytes = 900_000

// spot is where a record stands in a topic.
type spot struct {
	partition int
	offset    int64
}

func (s spot) String() string { return fmt.Sprintf("%d@%d", s.partition, s.offset) }

// parseSpot reads a spot as String writes it.
func parseSpot(text string) (spot, error) {
	p, o, ok := strings.Cut(text, "@")
	partition, err1 := strconv.ParseInt(p, 10, 32)
	offset, err2 := strconv.ParseInt(o, 10, 64)
	if !ok || err1 != nil || err2 != nil || partition < 0 || offset < 0 {
		return spot{}, usagef("%q: name a dead letter as feedbackctl dead-letters list does, <partition>@<offset>, such as 0@12", text)
	}
	return spot{int(partition), offset}, nil
}

// letter is what stands about a dead letter in its headers.
type letter struct {
	at       spot
	time     time.Time
	reason   string
	cause    string
	source   string
	topic    string // origin; partition and offset are -1 where it never stood in a topic
	from     spot
	attempts int
	key      string
	size     int
	handled  string // redriven, dropped or empty
	history  []string
	refusal  string // why it cannot be redriven, empty if it can
}

// newLetter reads a record of the dead letters topic.
func (a *app) newLetter(c *connection, r kafka.Record) letter {
	number := func(header string) int64 {
		n, err := strconv.ParseInt(feedback.Header(r, header), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	l := letter{
		at: spot{r.Partition, r.Offset}, time: r.Time, reason: feedback.Header(r, feedback.HeaderReason),
		cause: feedback.Header(r, feedback.HeaderError), topic: feedback.Header(r, feedback.HeaderTopic),
		from: spot{int(number(feedback.HeaderPartition)), number(feedback.HeaderOffset)}, attempts: int(max(number(feedback.HeaderAttempts), 0)),
		key: string(r.Key), size: len(r.Value), source: strings.TrimPrefix(feedback.Header(r, feedback.HeaderSource), "/"),
	}
	for _, h := range r.Headers {
		if h.Key == headerHistory {
			l.history = append(l.history, string(h.Value))
		}
	}
	e := newEntry(r, a.shortName(c, l.topic))
	if event := e.event(); event != nil {
		l.source = event.GetSource()
	}
	l.refusal = l.refuse(e)
	return l
}

// refuse says why a letter cannot be redriven.
func (l letter) refuse(e entry) string {
	switch {
	case l.size >= keptBytes:
		return fmt.Sprintf("only the first %d bytes of its value were kept, the rest is gone: what it said has to come from its source again (a larger backfill), once the topic's max.message.bytes takes it", keptBytes)
	case l.topic == "":
		return "it does not say from which topic it comes (header " + feedback.HeaderTopic + ")"
	case l.from.partition < 0 && e.value == nil:
		return "it never was a record of " + l.topic + ": it is what the source sent, and could not be understood; a release that understands it reads it back by a backfill"
	}
	return ""
}

// origin is where the letter's record stood.
func (l letter) origin() string {
	if l.from.partition < 0 {
		return l.topic
	}
	return fmt.Sprintf("%s[%d]@%d", l.topic, l.from.partition, l.from.offset)
}

// letterFilter says which dead letters are meant. All that is given must hold.
type letterFilter struct {
	reasons, sources    []string
	topic, since, until string
	all                 bool
	from, to            time.Time     // since and until
	origin              string        // the full name of topic
	spots               map[spot]bool // those named by their place, nil for any
}

func (f *letterFilter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.reasons, "reason", nil, "only those with this reason, such as TooLarge; may be repeated")
	flags.StringSliceVar(&f.sources, "source", nil, "only events of this source; may be repeated")
	flags.StringVar(&f.topic, "topic", "", "only records that come from this topic: feedback, scored or a full name")
	flags.StringVar(&f.since, "since", "", "only those that are younger: an age such as 2h, or a time (RFC 3339)")
	flags.StringVar(&f.until, "until", "", "only those that are older: an age such as 10m, or a time (RFC 3339)")
	flags.BoolVar(&f.all, "all", false, "those as well that were redriven or dropped before")
	complete(cmd, "topic", "feedback", "scored")
	complete(cmd, "reason", "Permanent", "HandlerFailed", "TooLarge", "Malformed", "MalformedPost")
}

// resolve reads the flags and the places that are named by the arguments.
func (f *letterFilter) resolve(a *app, c *connection, args []string) error {
	var err error
	if f.from, f.to, err = a.span(f.since, f.until); err != nil {
		return err
	}
	if f.topic != "" {
		if f.origin, err = a.topic(c, f.topic); err != nil {
			return err
		}
	}
	for _, arg := range args {
		at, err := parseSpot(arg)
		if err != nil {
			return err
		}
		if f.spots == nil {
			f.spots = map[spot]bool{}
		}
		f.spots[at] = true
	}
	return nil
}

// match tells whether the letter is meant, whether or not it was handled.
func (f *letterFilter) match(l letter) bool {
	return (f.spots == nil || f.spots[l.at]) &&
		(len(f.reasons) == 0 || slices.ContainsFunc(f.reasons, func(r string) bool { return strings.EqualFold(r, l.reason) })) &&
		(len(f.sources) == 0 || slices.Contains(f.sources, l.source)) &&
		(f.origin == "" || f.origin == l.topic) &&
		(f.from.IsZero() || !l.time.Before(f.from)) &&
		(f.to.IsZero() || l.time.Before(f.to))
}

// letters reads the dead letters that are meant, in the order of their partitions and
// offsets. Their values are not kept.
func (a *app) letters(ctx context.Context, client *kafka.Client, c *connection, topic string, f *letterFilter) ([]letter, error) {
	var out []letter
	handled := map[string]string{}
	err := client.ScanFrom(ctx, topic, f.from, func(r kafka.Record) error {
		if how := feedback.Header(r, headerHandled); how != "" {
			handled[strings.TrimPrefix(string(r.Key), handledKey)] = how
			return nil
		}
		if l := a.newLetter(c, r); f.match(l) {
			out = append(out, l)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", err)
	}
	for i := range out {
		out[i].handled = handled[out[i].at.String()]
	}
	if !f.all {
		out = slices.DeleteFunc(out, func(l letter) bool { return l.handled != "" })
	}
	return out, nil
}
