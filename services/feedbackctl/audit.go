package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// auditOptions are those of one audit.
type auditOptions struct {
	*connection
	since                  string
	manifest, name, routes string
	output                 string
	findings               int
}

func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Count what became of every event, hop by hop, and name what is missing or doubled",
		Long: `audit reads the topics of a pipeline, running or not, and counts for each source and hour
what became of the events that were taken in then; and for each route, of those that it has to
do with. An event is counted once, by its highest revision; its hour is that in which it was
taken in, in UTC. It joins no consumer group and commits nothing.

First table, from feedback to scored:
  INGESTED  events in feedback, and those in the dead letters that never came into it
  SCORED    their highest revision stands in scored, with a score;
  UNSCORED  or without one
  DEAD      it is a dead letter
  PENDING   the scorer has not committed past it
  MISSING   the scorer has committed past it, and it is nowhere

Second table, pairs of an event and a route:
  ROUTED     the route matches it, or has something recorded of it
  TOLD       by a card or a digest;  COLLAPSED: counted by another event's card
  SKIPPED    too old, or refused for good;  WITHDRAWN: told, then edited out or deleted
  DEAD       it is a dead letter of the notifier
  PENDING    about to be told, or the route has not committed past it
  MISSING    it matches, the route has committed past it, and nothing is recorded of it
  DOUBLED    the records of it name more than one message

What a route matches is read from a manifest (--manifest; it gives the prefix as well, unless
--prefix does, and the topics that have names of their own) or the notifier's ROUTES (--routes, or the environment). Without them the routes are those that left a trace, and what they failed
to tell cannot be seen. The routes are taken as they are now: after a change of a match, or
for a route that began at the latest record, look --since then.

An audit holds about 250 bytes of memory for each event, and as much for each that was told:
with many millions of them look back less far (--since). What retention took from scored alone
is not judged. A doubled event may have been healed
since: only the channel tells which messages stand.

The exit status is 1 if anything is missing or doubled. With -o json it is one object: prefix,
since, hops, routes, hopTotal, routeTotal, findings (kind, id, route, source, hour, why), notes.`,
		Example: `  feedbackctl audit --kafka localhost:9092 --manifest pipeline.yaml
  feedbackctl audit --since earliest
  feedbackctl audit --manifest pipeline.yaml -o json | jq '.hopTotal, .routeTotal'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exclude(cmd, "manifest", "routes"); err != nil {
				return err
			}
			return a.audit(cmd.Context(), o)
		},
	}
	o.connection = a.connectionFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "24h", "how far to look back: an age such as 2h, a time (RFC 3339), or earliest for all that is there")
	a.routeFlags(cmd, &o.manifest, &o.name, &o.routes)
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.IntVar(&o.findings, "findings", 20, "how many missing or doubled events are named in text")
	complete(cmd, "output", "text", "json")
	complete(cmd, "since", "2h", "24h", "earliest")
	return cmd
}

func (a *app) audit(ctx context.Context, o auditOptions) error {
	w, err := a.newAudit(o)
	if err != nil {
		return err
	}
	if w.client, err = a.open(ctx, o.connection); err != nil {
		return err
	}
	defer w.client.Close()
	for _, short := range shortNames {
		if topic := w.names[short]; topic != "" {
			if err := exists(ctx, w.client, topic); err != nil {
				return err
			}
		}
	}
	if err := w.gather(ctx); err != nil {
		return err
	}
	report := w.judge()
	if o.output == "json" {
		err = writeJSON(a.out, report)
	} else {
		err = a.printAudit(report, o.findings)
	}
	missing, doubled := report.HopTotal.Missing+report.RouteTotal.Missing, report.RouteTotal.Doubled
	if err == nil && missing+doubled > 0 {
		err = fmt.Errorf("%d missing, %d doubled", missing, doubled)
	}
	return err
}

// newAudit reads what an audit is to be of.
func (a *app) newAudit(o auditOptions) (*auditWorld, error) {
	w := &auditWorld{app: a, conn: o.connection, names: map[string]string{}}
	err := oneOf("output", o.output, "text", "json")
	if err == nil && o.since != "earliest" {
		w.since, err = a.moment("since", o.since)
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
		return nil, err
	}
	if p != nil {
		w.routes, w.asked = p.routes, true
		o.prefix, o.named = or(o.prefix, p.prefix), p.topics // o.connection's, which w shares
	}
	if o.prefix == "" {
		return nil, usagef("the prefix of the pipeline's consumer groups is not known: give --prefix or --manifest, or set FEEDBACK_PREFIX; it is <namespace>.<name>, such as default.azure, unless the manifest sets spec.topics.prefix")
	}
	for _, short := range shortNames {
		if short == "state" {
			continue
		}
		if w.names[short], err = a.topic(o.connection, short); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// hourForm is how an hour stands in the tables.
const hourForm = "2006-01-02 15h"

func (a *app) printAudit(r auditReport, findings int) error {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	hop := func(name, hour string, h hopRow) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", safe(name), hour, columns(h.Ingested, h.Scored, h.Unscored, h.DeadLettered, h.Pending, h.Missing))
	}
	fmt.Fprintln(w, "SOURCE\tHOUR\tINGESTED\tSCORED\tUNSCORED\tDEAD\tPENDING\tMISSING")
	for _, h := range r.Hops {
		hop(h.Source, h.Hour.Format(hourForm), h)
	}
	hop("total", "", r.HopTotal)
	err := w.Flush()
	fmt.Fprintln(a.out)
	row := func(name, source, hour string, t routeRow) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", safe(name), safe(source), hour,
			columns(t.Routed, t.Told, t.Collapsed, t.Skipped, t.Withdrawn, t.DeadLettered, t.Pending, t.Missing, t.Doubled))
	}
	fmt.Fprintln(w, "ROUTE\tSOURCE\tHOUR\tROUTED\tTOLD\tCOLLAPSED\tSKIPPED\tWITHDRAWN\tDEAD\tPENDING\tMISSING\tDOUBLED")
	for _, t := range r.Routes {
		row(t.Route, t.Source, t.Hour.Format(hourForm), t)
	}
	row("total", "", "", r.RouteTotal)
	err = errors.Join(err, w.Flush())
	if len(r.Findings) > 0 {
		fmt.Fprintln(a.out)
	}
	printFindings(a.out, r.Findings, findings)
	if r.HopTotal.Unjudged > 0 {
		fmt.Fprintf(a.err, "note: %s not judged\n", plural(int64(r.HopTotal.Unjudged), "event is", "events are"))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(a.err, "note: %s\n", safe(n))
	}
	return err
}

func columns(numbers ...int) string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = fmt.Sprint(n)
	}
	return strings.Join(out, "\t")
}

func printFindings(out io.Writer, all []finding, limit int) {
	for i, f := range all {
		if i == limit {
			fmt.Fprintf(out, "… and %d more; --findings 0 counts only, -o json names all\n", len(all)-i)
			return
		}
		on := ""
		if f.Route != "" {
			on = " on route " + safe(f.Route)
		}
		fmt.Fprintf(out, "%s: %s%s (%s, %s): %s\n", f.Kind, safe(f.ID), on, safe(f.Source), f.Hour.Format(time.RFC3339), safe(f.Why))
	}
}
