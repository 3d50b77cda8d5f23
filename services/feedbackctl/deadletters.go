package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

func (a *app) deadLettersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List, show, redrive or drop records that could not be handled",
		Long:  "dead-letters handles the records that the services could not handle.",
		Args:  arguments(cobra.NoArgs),
	}
	cmd.AddCommand(a.listLettersCommand(), a.showLettersCommand(), a.redriveCommand(), a.dropCommand())
	return cmd
}

func (a *app) listLettersCommand() *cobra.Command {
	var f letterFilter
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the dead letters",
		Long: `list shows a line for each dead letter: its place in the dead letters topic (by which the
other commands name it), its age, why it could not be handled, the source of its event, where
the record stood, how often it was tried, its size and the error.

Those that were redriven or dropped are left out unless --all is given. Kafka cannot delete
a single record: what was handled is noted by a further record in the same topic.

With -o json a line is an object: at, partition, offset, time, ageSeconds, reason, error,
source, key, origin (topic, partition, offset), attempts, size, refusal (why it cannot be
redriven), handled, history.`,
		Example: `  feedbackctl dead-letters list --kafka localhost:9092 --prefix default.azure
  feedbackctl dead-letters list --reason TooLarge --since 24h
  feedbackctl dead-letters list -o json | jq -r '[.reason, .source] | @tsv' | sort | uniq -c`,
		Args: arguments(cobra.NoArgs),
	}
	c := a.connectionFlags(cmd)
	f.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	complete(cmd, "output", "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("output", output, "text", "json"); err != nil {
			return err
		}
		return a.withLetters(cmd.Context(), c, &f, nil, func(_ *kafka.Client, _ string, list []letter) error {
			return a.printLetters(list, output)
		})
	}
	return cmd
}

// withLetters calls do with the topic of the dead letters and those that are meant.
func (a *app) withLetters(ctx context.Context, c *connection, f *letterFilter, args []string, do func(client *kafka.Client, topic string, list []letter) error) error {
	if err := f.resolve(a, c, args); err != nil {
		return err
	}
	topic, err := a.topic(c, "dead-letters")
	if err != nil {
		return err
	}
	client, err := a.open(ctx, c)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := exists(ctx, client, topic); err != nil {
		return err
	}
	list, err := a.letters(ctx, client, c, topic, f)
	if err != nil {
		return err
	}
	return do(client, topic, list)
}

// letterLine is a line of list -o json.
type letterLine struct {
	At         string     `json:"at"`
	Partition  int        `json:"partition"`
	Offset     int64      `json:"offset"`
	Time       time.Time  `json:"time"`
	AgeSeconds int64      `json:"ageSeconds"`
	Reason     string     `json:"reason"`
	Error      string     `json:"error"`
	Source     string     `json:"source,omitempty"`
	Key        string     `json:"key"`
	Origin     originLine `json:"origin"`
	Attempts   int        `json:"attempts"`
	Size       int        `json:"size"`
	Refusal    string     `json:"refusal,omitempty"`
	Handled    string     `json:"handled,omitempty"`
	History    []string   `json:"history,omitempty"`
	// Of show alone.
	Headers map[string]string `json:"headers,omitempty"`
	Value   json.RawMessage   `json:"value,omitempty"`
	Raw     []byte            `json:"raw,omitempty"`
}

// originLine is where a record stood; partition and offset are -1 where it never stood in
// its topic.
type originLine struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
}

func (a *app) letterLine(l letter) letterLine {
	return letterLine{
		At: l.at.String(), Partition: l.at.partition, Offset: l.at.offset, Time: l.time.UTC(), AgeSeconds: int64(a.now().Sub(l.time).Seconds()),
		Reason: l.reason, Error: l.cause, Source: l.source, Key: l.key, Origin: originLine{l.topic, l.from.partition, l.from.offset},
		Attempts: l.attempts, Size: l.size, Refusal: l.refusal, Handled: l.handled, History: l.history,
	}
}

func (a *app) printLetters(list []letter, output string) error {
	if output == "json" {
		for _, l := range list {
			if err := writeJSON(a.out, a.letterLine(l)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(a.err, "no dead letters match")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tAGE\tREASON\tSOURCE\tORIGIN\tATTEMPTS\tSIZE\tERROR")
	for _, l := range list {
		reason := l.reason
		if l.handled != "" {
			reason += " (" + l.handled + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", l.at, age(a.now().Sub(l.time)), safe(or(reason, "-")),
			safe(or(l.source, "-")), safe(or(l.origin(), "-")), l.attempts, l.size, cut(safe(l.cause), 80))
	}
	return w.Flush()
}

// or is s, or what is given for an empty one.
func or(s, empty string) string {
	if s == "" {
		return empty
	}
	return s
}

func (a *app) showLettersCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "show place...",
		Short: "Show dead letters, decoded",
		Long: `show shows dead letters with all that is known of them: headers, history and the decoded
value. A place is <partition>@<offset> in the dead letters topic, as list shows it.

With -o json a line is an object as list's, with headers, and value or raw (base64).`,
		Example: `  feedbackctl dead-letters show 0@12
  feedbackctl dead-letters show 0@12 1@3 -o json | jq .value.text`,
		Args: arguments(cobra.MinimumNArgs(1)),
	}
	c := a.connectionFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	complete(cmd, "output", "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf("output", output, "text", "json"); err != nil {
			return err
		}
		f := letterFilter{all: true}
		return a.withLetters(cmd.Context(), c, &f, args, func(client *kafka.Client, topic string, list []letter) error {
			if err := f.missing(topic, list); err != nil {
				return err
			}
			for _, l := range list {
				r, err := client.Read(cmd.Context(), topic, l.at.partition, l.at.offset)
				if err != nil {
					return err
				}
				if err := a.showLetter(c, r, l, output); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

// missing is an error if the filter names places at which no dead letter was found.
func (f *letterFilter) missing(topic string, list []letter) error {
	left := maps.Clone(f.spots)
	for _, l := range list {
		delete(left, l.at)
	}
	var names []string
	for at := range left {
		names = append(names, at.String())
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	hint := "list shows what is there"
	if !f.all {
		hint += ", with --all also what was redriven or dropped before"
	}
	return fmt.Errorf("%s: no dead letter that matches stands there in %s; feedbackctl dead-letters %s", strings.Join(names, ", "), topic, hint)
}

func (a *app) showLetter(c *connection, r kafka.Record, l letter, output string) error {
	e := newEntry(r, a.shortName(c, l.topic))
	if output == "json" {
		line, err := e.line()
		if err != nil {
			return err
		}
		out := a.letterLine(l)
		out.Headers, out.Raw = line.Headers, line.Raw
		if e.value != nil {
			out.Value = line.Value
		}
		return writeJSON(a.out, out)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	field := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, safe(value)) }
	field("dead letter", fmt.Sprintf("%s of %s", l.at, r.Topic))
	field("time", fmt.Sprintf("%s (%s ago)", l.time.In(a.zone).Format(time.RFC3339), age(a.now().Sub(l.time))))
	field("reason", or(l.reason, "-"))
	field("error", or(l.cause, "-"))
	field("origin", or(l.origin(), "-"))
	field("attempts", fmt.Sprint(l.attempts))
	field("source", or(l.source, "-"))
	field("key", l.key)
	field("size", plural(int64(l.size), "byte", "bytes"))
	field("redrive", or(l.refusal, "possible"))
	field("handled", or(l.handled, "no"))
	for _, h := range l.history {
		field("history", h)
	}
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, "dead-letter-") {
			field("header", h.Key+": "+string(h.Value))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printValue(a.out, e)
}

// printValue writes a decoded value as indented JSON, and what cannot be decoded as the
// head of its bytes.
func printValue(out io.Writer, e entry) error {
	if e.value == nil {
		if e.err != nil {
			fmt.Fprintf(out, "value (cannot be decoded: %s)\n", safe(e.err.Error()))
		}
		fmt.Fprintf(out, "  %s\n\n", cut(fmt.Sprintf("%q", e.record.Value[:min(len(e.record.Value), 1000)]), 1000))
		return nil
	}
	value, err := valueJSON(e.value)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, value, "  ", "  "); err != nil {
		return err
	}
	fmt.Fprintln(out, "value")
	for line := range strings.SplitSeq(b.String(), "\n") {
		fmt.Fprintln(out, "  "+strings.TrimPrefix(safe(line), "  "))
	}
	fmt.Fprintln(out)
	return nil
}

// marker is the record that notes what became of a dead letter.
func marker(topic string, l letter, how string, now time.Time) kafka.Record {
	return kafka.Record{Topic: topic, Key: []byte(handledKey + l.at.String()), Time: now, Headers: []kafka.Header{
		{Key: headerHandled, Value: []byte(how)},
		{Key: feedback.HeaderReason, Value: []byte(l.reason)}, // as every record of the topic has one
	}}
}
