package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

type tailOptions struct {
	*connection
	filter   filter
	from     string
	noFollow bool
	count    int
	output   string
}

func (a *app) tailCommand() *cobra.Command {
	var o tailOptions
	cmd := &cobra.Command{
		Use:   "tail [topic]",
		Short: "Follow a topic, decoded",
		Long: `tail follows a topic of a pipeline and writes a line for each record: what was said, where,
in which language, with which score; what became of it; why it is a dead letter; how a
component is. The topic is feedback, scored (the default), notifications, dead-letters,
state or shadow (what the scorer's shadow says), or any topic's full name.

Records stand in order within a partition; those of different partitions are merged as they
come. It follows until Ctrl-C, until -n lines are written, or with --no-follow until the end
of the topic as it is now. With -o json a line is an object with topic, partition, offset,
time, key, headers and value.

It joins no consumer group and commits nothing.`,
		Example: `  feedbackctl tail --kafka localhost:9092 --prefix default.azure
  feedbackctl tail scored --below 0.3 --contains westeurope
  feedbackctl tail scored --from 2h --no-follow -o json | jq -r .value.event.text
  feedbackctl tail notifications --route negative --from earliest -n 20
  feedbackctl tail dead-letters --from earliest --no-follow`,
		ValidArgs: everyName,
		Args:      arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			topic := "scored"
			if len(args) > 0 {
				topic = args[0]
			}
			o.filter.given = cmd.Flags().Changed
			return a.tail(cmd.Context(), o, topic)
		},
	}
	o.connection = a.connectionFlags(cmd)
	o.filter.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "latest", "where to begin: latest, earliest, an age such as 2h, or a time (RFC 3339)")
	f.BoolVar(&o.noFollow, "no-follow", false, "stop at the end of the topic as it is now; begins at earliest unless --from is given")
	f.IntVarP(&o.count, "count", "n", 0, "stop after so many lines (0: never)")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	complete(cmd, "output", "text", "json")
	complete(cmd, "from", "latest", "earliest", "15m", "2h", "24h")
	return cmd
}

// errEnough ends a tail after the lines that were asked for.
var errEnough = errors.New("enough")

func (a *app) tail(ctx context.Context, o tailOptions, name string) error {
	if err := oneOf("output", o.output, "text", "json"); err != nil {
		return err
	}
	start, since, err := a.beginning(o)
	if err != nil {
		return err
	}
	topic, err := a.topic(o.connection, name)
	if err != nil {
		return err
	}
	short := a.shortName(o.connection, topic)
	if err := o.filter.validate(short); err != nil {
		return err
	}
	client, err := a.open(ctx, o.connection)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := exists(ctx, client, topic); err != nil {
		return err
	}
	t := &tailing{app: a, options: o, short: short, since: since, out: bufio.NewWriter(a.out)}
	switch {
	case o.noFollow:
		err = client.ScanFrom(ctx, topic, since, t.record)
	case !since.IsZero():
		err = client.TailFrom(ctx, topic, since, t.record)
	default:
		err = client.Tail(ctx, topic, start, t.record)
	}
	if errors.Is(err, errEnough) || (!o.noFollow && ctx.Err() != nil) { // Ctrl-C is how one leaves
		err = nil
	}
	return errors.Join(err, t.out.Flush())
}

// beginning tells where to begin reading and which records are too old to be shown.
func (a *app) beginning(o tailOptions) (kafka.Start, time.Time, error) {
	from := o.from
	if o.noFollow && !o.filter.given("from") {
		from = "earliest"
	}
	switch from {
	case "earliest":
		return kafka.Earliest, time.Time{}, nil
	case "latest":
		if o.noFollow {
			return "", time.Time{}, usagef("--from latest with --no-follow: nothing would be read; leave one of them out")
		}
		return kafka.Latest, time.Time{}, nil
	}
	at, err := a.moment("from", from)
	if err != nil {
		return "", time.Time{}, usagef("--from %q: use latest, earliest, an age such as 2h or 30m, or a time such as 2026-11-22T14:00:00Z", from)
	}
	return kafka.Earliest, at, nil
}

// shortName is the short name of a topic, empty if it is none of the pipeline's.
func (a *app) shortName(c *connection, topic string) string {
	for _, short := range everyName {
		if full, err := a.topic(c, short); err == nil && full == topic {
			return short
		}
		if c.prefix == "" && strings.HasSuffix(topic, "."+short) {
			return short
		}
	}
	return ""
}

// exists explains the absence of a topic.
func exists(ctx context.Context, client *kafka.Client, topic string) error {
	infos, err := client.Topics(ctx, topic)
	if err != nil {
		return fmt.Errorf("look up topic %s: %w", topic, err)
	}
	if !infos[0].Exists {
		if err := client.Hidden(ctx, topic); err != nil {
			return err
		}
		return fmt.Errorf("topic %s does not exist: check --prefix (or the name), and that the pipeline runs; feedbackctl topics lists what is there", topic)
	}
	return nil
}

// tailing writes a line for each record that the filter lets through.
type tailing struct {
	*app
	options tailOptions
	short   string
	since   time.Time
	out     *bufio.Writer
	written int
}

func (t *tailing) record(r kafka.Record) error {
	if r.Time.Before(t.since) {
		return nil
	}
	e := newEntry(r, t.short)
	if !t.options.filter.match(e) {
		return nil
	}
	if err := t.write(e); err != nil {
		return err
	}
	t.written++
	if t.options.count > 0 && t.written >= t.options.count {
		return errEnough
	}
	if t.options.noFollow {
		return nil // flushed when the buffer is full, and at the end
	}
	return t.out.Flush()
}

func (t *tailing) write(e entry) error {
	if t.options.output == "json" {
		line, err := e.line()
		if err != nil {
			return err
		}
		return writeJSON(t.out, line)
	}
	_, err := t.out.WriteString(e.text(t.zone) + "\n")
	return err
}
