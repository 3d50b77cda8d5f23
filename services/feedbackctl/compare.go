package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

type compareOptions struct {
	*connection
	since, match           string
	manifest, name, routes string
	texts, examples, limit int
	output                 string
}

// maxCompared are the routes that one comparison takes: what each would tell of an event is a bit.
const maxCompared = 64

func (a *app) compareCommand() *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Tell where the scorer and its shadow differ, and what the channels would have got",
		Long: `compare reads what the scorer and its shadow (spec.scorer.shadow) have said of the same events
since a time, and says in plain words first, then in figures: how often the two agree on the
label (kappa is that beyond what chance alone would give: 0 is chance, 1 is always), how far
their scores lie apart, what each leaves unscored and why, how often they see the same language,
and on which texts they differ most.

With the pipeline's manifest (--manifest; it gives the prefix as well, unless --prefix does, and
the topics that have names of their own), the notifier's ROUTES (--routes, or the environment) or
one match (--match, as in preview) it says for each route how many events it would have told with
either, how many with both, and which with one alone. Events with equal texts, which a route
tells once, count one by one, and a route's maxAge does not count.

An event counts once, by its highest revision, if both have scored that; one that was deleted is
left out. What only the scorer has is told apart: it came before the shadow began, the shadow has
not come so far yet, or it is missing. The same goes for what only the shadow has. How many the
scorer's fallback scored is told too.

It holds about 150 bytes of memory for each event, and refuses a time with more events than
--limit. It joins no consumer group and commits nothing.`,
		Example: `  feedbackctl compare --manifest pipeline.yaml --since 24h
  feedbackctl compare --match 'scoreBelow: 0.09' --texts 0 --examples 20
  feedbackctl compare -f pipeline.yaml -o json | jq '.routes[] | {route, scorer, shadow}'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exclude(cmd, "manifest", "routes"); err != nil {
				return err
			}
			return a.compare(cmd.Context(), o)
		},
	}
	o.connection = a.connectionFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "7d", "how far back: an age such as 7d or 12h, or a time (RFC 3339)")
	a.routeFlags(cmd, &o.manifest, &o.name, &o.routes)
	f.StringVar(&o.match, "match", "", "one more route: which events it means, as under match in the manifest")
	f.IntVar(&o.texts, "texts", 10, "how many of the texts are shown on which the two differ most")
	f.IntVar(&o.examples, "examples", 3, "how many texts are shown for each route that only the one, or only the other, would have told")
	f.IntVar(&o.limit, "limit", 500_000, "how many events are compared at most")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	complete(cmd, "since", "24h", "7d")
	complete(cmd, "output", "text", "json")
	return cmd
}

func (a *app) compare(ctx context.Context, o compareOptions) error {
	since, routes, err := a.comparing(o)
	if err != nil {
		return err
	}
	client, scored, err := a.reading(ctx, o.connection, "scored")
	if err != nil {
		return err
	}
	defer client.Close()
	shadow, err := a.topic(o.connection, shadowTopic)
	if err != nil {
		return err
	}
	if err := exists(ctx, client, shadow); err != nil {
		return fmt.Errorf("%w; it is made with spec.scorer.shadow", err)
	}
	aligned, err := samePartitions(ctx, client, scored, shadow)
	if err != nil {
		return err
	}
	c := newComparison(since, routes, o.limit, aligned)
	for side, topic := range []string{scorerSide: scored, shadowSide: shadow} {
		if err := client.ScanFrom(ctx, topic, since, c.take(side)); errors.Is(err, errTooManyEvents) {
			return fmt.Errorf("there are more than %d events since %s: compare a shorter time (--since), or give a larger --limit; each event takes about 150 bytes of memory", o.limit, o.since)
		} else if err != nil {
			return err
		}
	}
	report := c.report(o.texts, o.examples)
	if err := report.fetchTexts(ctx, client, scored, since); err != nil {
		return err
	}
	if o.output == "json" {
		return writeJSON(a.out, report)
	}
	return report.print(a.out, a.zone)
}

// comparing reads what is to be compared: since when, and by which routes.
func (a *app) comparing(o compareOptions) (time.Time, []route, error) {
	since, err := a.past("since", o.since)
	if err == nil {
		err = oneOf("output", o.output, "text", "json")
	}
	if err == nil && (o.limit < 1 || o.texts < 0 || o.examples < 0) {
		err = usagef("--limit %d --texts %d --examples %d: give a limit above zero, and numbers of texts from zero on", o.limit, o.texts, o.examples)
	}
	var p *pipeline
	switch {
	case err != nil:
	case o.manifest != "":
		p, err = readManifest(a.in, o.manifest, o.name)
	case o.routes != "":
		p, err = readRoutes(o.routes)
	}
	if err != nil {
		return since, nil, err
	}
	var routes []route
	if p != nil {
		routes = p.routes
		o.prefix, o.named = or(o.prefix, p.prefix), p.topics // o.connection's
	}
	if o.match != "" {
		match, err := previewOptions{match: o.match}.parse()
		if err != nil {
			return since, nil, err
		}
		routes = append(routes, route{name: o.match, match: match})
	}
	if len(routes) > maxCompared {
		return since, nil, usagef("%d routes: at most %d are compared at a time", len(routes), maxCompared)
	}
	return since, routes, nil
}

// samePartitions tells whether two topics have as many partitions, so that an event lies in the same one of both.
func samePartitions(ctx context.Context, client *kafka.Client, a, b string) (bool, error) {
	infos, err := client.Topics(ctx, a, b)
	if err != nil {
		return false, fmt.Errorf("look up topics %s and %s: %w", a, b, err)
	}
	return len(infos[0].Partitions) == len(infos[1].Partitions), nil
}

// fetchTexts reads the texts of the events that the report shows.
func (r *comparisonReport) fetchTexts(ctx context.Context, client *kafka.Client, topic string, since time.Time) error {
	wanted := r.shown()
	if len(wanted) == 0 {
		return nil
	}
	return client.ScanFrom(ctx, topic, since, func(rec kafka.Record) error {
		s, err := feedback.DecodeScored(rec)
		if err != nil {
			return nil //nolint:nilerr // it was not compared either
		}
		for _, text := range wanted[keyOf(s.GetEvent().GetId())] {
			text.fill(s.GetEvent())
		}
		return nil
	})
}
