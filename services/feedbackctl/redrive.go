package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// redriveChunk and redriveBytes bound what is written in one go, where there is no rate.
const (
	redriveChunk = 100
	redriveBytes = 4 << 20
)

// handling is one run of redrive or drop.
type handling struct {
	*app
	*connection
	filter      letterFilter
	how         string // redriven or dropped
	dryRun, yes bool
	rate        float64
	limit       int

	client *kafka.Client
	topic  string
	now    time.Time
	done   int
}

func (h *handling) flags(cmd *cobra.Command) {
	h.connection = h.connectionFlags(cmd)
	h.filter.flags(cmd)
	cmd.Flags().BoolVar(&h.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVarP(&h.yes, "yes", "y", false, "don't ask")
	cmd.Flags().IntVar(&h.limit, "limit", 0, "stop after so many (0: never)")
}

func (a *app) redriveCommand() *cobra.Command {
	h := &handling{app: a, how: redriven}
	cmd := &cobra.Command{
		Use:   "redrive [place...]",
		Short: "Write dead letters back to where they come from",
		Long: `redrive writes dead letters back to the topics that they come from, so that they are handled
again: those named by their places, or all that the flags leave; those that were handled
before only with --all. It shows how many they are and asks, unless --yes is given.

A record is written with its key, its value and its headers; the dead letter's own headers
are folded into one, dead-letter-history: reason@origin@time, attempts. It is the newest
record of its topic then, but in no other way newer: a revision that was overtaken meanwhile
is ignored as always, and what was told is not told again.

A dead letter of which only the head was kept, and one that never was a record, cannot be
redriven: it is left, with the reason on stderr, and the exit status is 1.

That a letter was redriven is noted after its record was acknowledged; a redrive that is
interrupted between the two writes a record twice, which does no harm.`,
		Example: `  feedbackctl dead-letters redrive --reason HandlerFailed --since 2h --dry-run
  feedbackctl dead-letters redrive --topic feedback --rate 10 --yes
  feedbackctl dead-letters redrive 0@12 0@15`,
	}
	h.flags(cmd)
	cmd.Flags().Float64Var(&h.rate, "rate", 0, "records a second (0: as fast as the broker takes them)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return h.run(cmd.Context(), args) }
	return cmd
}

func (a *app) dropCommand() *cobra.Command {
	h := &handling{app: a, how: dropped}
	cmd := &cobra.Command{
		Use:   "drop [place...]",
		Short: "Mark dead letters as dropped",
		Long: `drop marks dead letters as dropped: those named by their places, or all that the flags
leave. list does not show them any more, and redrive leaves them, unless --all is given.
It shows how many they are and asks, unless --yes is given.

Nothing is deleted: Kafka deletes them when the topic's retention is over.`,
		Example: `  feedbackctl dead-letters drop --reason TooLarge --until 24h
  feedbackctl dead-letters drop 0@12 --yes`,
	}
	h.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return h.run(cmd.Context(), args) }
	return cmd
}

func (h *handling) run(ctx context.Context, args []string) error {
	switch {
	case h.rate < 0:
		return usagef("--rate %v: give records a second, or 0 for no limit", h.rate)
	case h.limit < 0:
		return usagef("--limit %d: give how many at most, or 0 for no limit", h.limit)
	}
	h.now = h.app.now()
	return h.withLetters(ctx, h.connection, &h.filter, args, func(client *kafka.Client, topic string, list []letter) error {
		h.client, h.topic = client, topic
		if err := h.filter.missing(topic, list); err != nil {
			return err
		}
		if err := h.refuseGone(ctx, list); err != nil {
			return err
		}
		list, refused := h.choose(list)
		if err := h.handle(ctx, list); err != nil {
			return err
		}
		if refused > 0 {
			return fmt.Errorf("%s cannot be redriven, for the reasons above; feedbackctl dead-letters drop takes them off the list", plural(int64(refused), "dead letter", "dead letters"))
		}
		return nil
	})
}

// refuseGone notes which letters come from topics that are not there any more.
func (h *handling) refuseGone(ctx context.Context, list []letter) error {
	if h.how != redriven {
		return nil
	}
	gone := map[string]bool{}
	for i, l := range list {
		missing, known := gone[l.topic]
		if !known && l.refusal == "" {
			infos, err := h.client.Topics(ctx, l.topic)
			if err != nil {
				return fmt.Errorf("look up topic %s: %w", safe(l.topic), err)
			}
			if missing = !infos[0].Exists; missing {
				if err := h.client.Hidden(ctx, l.topic); err != nil {
					return err
				}
			}
			gone[l.topic] = missing
		}
		if missing && l.refusal == "" {
			list[i].refusal = "its topic " + l.topic + " does not exist any more"
		}
	}
	return nil
}

// choose leaves out what cannot be redriven, saying why, and what is over the limit.
func (h *handling) choose(list []letter) (chosen []letter, refused int) {
	for _, l := range list {
		if h.limit > 0 && len(chosen) == h.limit {
			break
		}
		if h.how == redriven && l.refusal != "" {
			refused++
			fmt.Fprintf(h.err, "%s is left: %s\n", l.at, safe(l.refusal))
			continue
		}
		chosen = append(chosen, l)
	}
	return chosen, refused
}

// handle asks, does it and says what was done.
func (h *handling) handle(ctx context.Context, list []letter) error {
	if len(list) == 0 {
		fmt.Fprintln(h.err, "no dead letters match: nothing to do")
		return nil
	}
	if h.dryRun {
		for _, l := range list {
			h.say("would be "+h.how, l)
		}
		fmt.Fprintf(h.err, "%s would be %s\n", plural(int64(len(list)), "dead letter", "dead letters"), h.how)
		return nil
	}
	if !h.yes {
		if err := h.confirm(h.question(list)); err != nil {
			return err
		}
	}
	var err error
	if h.how == dropped {
		err = h.drop(ctx, list)
	} else {
		err = h.redrive(ctx, list)
	}
	fmt.Fprintf(h.err, "%d of %s %s\n", h.done, plural(int64(len(list)), "dead letter", "dead letters"), h.how)
	return err
}

func (h *handling) question(list []letter) string {
	n := plural(int64(len(list)), "dead letter", "dead letters")
	if h.how == dropped {
		return fmt.Sprintf("Mark %s of %s as dropped?", n, h.topic)
	}
	topics := map[string]int{}
	for _, l := range list {
		topics[l.topic]++
	}
	var to []string
	for _, t := range slices.Sorted(maps.Keys(topics)) {
		to = append(to, fmt.Sprintf("%d to %s", topics[t], safe(t)))
	}
	return fmt.Sprintf("Write %s back, %s?", n, strings.Join(to, ", "))
}

func (h *handling) say(what string, l letter) {
	fmt.Fprintf(h.out, "%s  %s  %s  %s\n", what, l.at, safe(l.reason), safe(l.origin()))
}

func (h *handling) drop(ctx context.Context, list []letter) error {
	for chunk := range slices.Chunk(list, redriveChunk) {
		if err := h.note(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// note writes that the letters were handled, and says so.
func (h *handling) note(ctx context.Context, list []letter) error {
	var recs []kafka.Record
	for _, l := range list {
		recs = append(recs, marker(h.topic, l, h.how, h.now))
	}
	err := h.client.Write(ctx, recs...)
	failed := failures(err, len(recs))
	for i, l := range list {
		if !failed[i] {
			h.say(h.how, l)
			h.done++
		}
	}
	if err != nil {
		return fmt.Errorf("note in %s what was %s: %w", h.topic, h.how, err)
	}
	return nil
}

// redrive reads the letters once more, now with their values, and writes them back.
func (h *handling) redrive(ctx context.Context, list []letter) error {
	meant := map[spot]letter{}
	for _, l := range list {
		meant[l.at] = l
	}
	var letters []letter
	var recs []kafka.Record
	size, begun := 0, h.app.now()
	flush := func() error {
		err := h.writeBack(ctx, letters, recs)
		letters, recs, size = nil, nil, 0
		return err
	}
	err := h.client.ScanFrom(ctx, h.topic, h.filter.from, func(r kafka.Record) error {
		l, ok := meant[spot{r.Partition, r.Offset}]
		if !ok {
			return nil
		}
		letters, recs, size = append(letters, l), append(recs, back(r, l)), size+len(r.Value)
		if h.rate > 0 {
			if err := h.pace(ctx, begun); err != nil {
				return err
			}
			return flush()
		}
		if len(recs) < redriveChunk && size < redriveBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// pace waits until the next record is due.
func (h *handling) pace(ctx context.Context, begun time.Time) error {
	due := begun.Add(time.Duration(float64(h.done) / h.rate * float64(time.Second)))
	return run.Sleep(ctx, due.Sub(h.app.now()))
}

// writeBack writes records and then notes which were acknowledged, in that order: a record
// is never taken for redriven that is not there.
func (h *handling) writeBack(ctx context.Context, letters []letter, recs []kafka.Record) error {
	if len(recs) == 0 {
		return nil
	}
	writeErr := h.client.Write(ctx, recs...)
	failed := failures(writeErr, len(recs))
	var written []letter
	for i, l := range letters {
		if !failed[i] {
			written = append(written, l)
		}
	}
	if writeErr != nil {
		writeErr = fmt.Errorf("write back what stands below: %w", writeErr)
		for i := range letters {
			if failed[i] {
				writeErr = fmt.Errorf("%w\n%s, to %s", writeErr, letters[i].at, letters[i].topic)
			}
		}
	}
	var noteErr error
	if len(written) > 0 {
		noteErr = h.note(ctx, written)
	}
	return errors.Join(writeErr, noteErr)
}

// failures tells which of n records were not acknowledged.
func failures(err error, n int) map[int]bool {
	out := map[int]bool{}
	var we *kafka.WriteError
	switch {
	case err == nil:
	case errors.As(err, &we):
		for _, i := range we.Failed {
			out[i] = true
		}
	default:
		for i := range n {
			out[i] = true
		}
	}
	return out
}

// back is the record that a dead letter keeps, as it goes back to its topic: the letter's
// headers are folded into its history.
func back(r kafka.Record, l letter) kafka.Record {
	out := kafka.Record{Topic: l.topic, Key: r.Key, Value: r.Value}
	for _, header := range r.Headers {
		if header.Key == headerHistory || !strings.HasPrefix(header.Key, "dead-letter-") {
			out.Headers = append(out.Headers, header)
		}
	}
	history := fmt.Sprintf("%s@%s@%s, %s", l.reason, l.origin(), l.time.UTC().Format(time.RFC3339), plural(int64(l.attempts), "attempt", "attempts"))
	out.Headers = append(out.Headers, kafka.Header{Key: headerHistory, Value: []byte(history)})
	return out
}
