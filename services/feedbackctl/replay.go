package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// replaying is one run of replay.
type replaying struct {
	*app
	*connection
	group, topic, to    string
	dryRun, yes, create bool
	output              string
}

func (a *app) replayCommand() *cobra.Command {
	r := &replaying{app: a}
	cmd := &cobra.Command{
		Use:   "replay --group name --to where",
		Short: "Have a consumer group read again from an earlier point",
		Long: `replay sets the offsets from which a consumer group reads on: the scorer's, its shadow's, a route's,
or any group's by its full name. It shows for each partition how many records will be read again,
or passed over unread, and asks, unless --yes is given. With -o json a line is an object for each
partition: group, topic, partition, committed (-1: nothing), target, again, passed.

It refuses while the group has members, for they would go on from where they are. Stop them
first, and start them again afterwards:

  kubectl patch feedbackpipeline <name> --type merge -p '{"spec":{"suspend":true}}'
  feedbackctl replay ...
  kubectl patch feedbackpipeline <name> --type merge -p '{"spec":{"suspend":false}}'

A member that was killed counts as alive until its session is over, 6 seconds.

Where to: an age (2h) or a time (RFC 3339), which the brokers' index finds; earliest, latest;
or <partition>:<offset>, several separated by commas, which leaves other partitions as they are.

Old news is not told again:

- notifier/<route>: what became of an event on a route stands in the notifications topic and
  is remembered for 7 days, or for a day longer than the route's maxAge, and for a million
  events. What was told, collapsed or skipped at a revision is passed over; what is no longer
  remembered is older than maxAge (24h) and skipped. So a replay tells what has not been told
  and is younger than maxAge: what a route matches only since it was changed, what a dead
  letter was, what --to latest passed over.
- scorer: events are scored again, as the scorer is now, and written to scored under the same
  id and revision. Routes ignore a revision that they have told; one that was not told and
  matches only by its new score is told if it is younger than maxAge. Other readers of scored
  see each event again: the same key and revision is the same thing.`,
		Example: `  feedbackctl replay --group scorer --to 2h --dry-run
  feedbackctl replay --group notifier/negative --to 2026-11-22T14:00:00Z
  feedbackctl replay --group default.azure.sentiment-scorer --to 0:1200,3:1175 --yes`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	r.connection = a.connectionFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&r.group, "group", "", "scorer, shadow, notifier/<route> or a group's full name (required)")
	f.StringVar(&r.to, "to", "", "where to: an age, a time, earliest, latest, or <partition>:<offset>,... (required)")
	f.StringVar(&r.topic, "topic", "", "topic that the group reads (default: known for the pipeline's groups, else where it has committed)")
	f.BoolVar(&r.create, "create", false, "a group that has committed nothing yet is meant: its first start will begin there")
	f.BoolVar(&r.dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.BoolVarP(&r.yes, "yes", "y", false, "don't ask")
	f.StringVarP(&r.output, "output", "o", "text", "text or json")
	complete(cmd, "output", "text", "json")
	complete(cmd, "group", "scorer", shadowTopic, "notifier/")
	complete(cmd, "to", "2h", "24h", "earliest", "latest")
	return cmd
}

// move is where a group goes in one partition.
type move struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Committed int64  `json:"committed"` // -1 where the group has committed nothing
	Target    int64  `json:"target"`
	// Again are records that are read once more, Passed those that were not read and will not
	// be.
	Again  int64 `json:"again"`
	Passed int64 `json:"passed"`
}

func (r *replaying) run(ctx context.Context) error {
	if err := oneOf("output", r.output, "text", "json"); err != nil {
		return err
	}
	target, err := r.target()
	if err != nil {
		return err
	}
	if r.group, err = r.fullGroup(); err != nil {
		return err
	}
	client, err := r.open(ctx, r.connection)
	if err != nil {
		return err
	}
	defer client.Close()
	topic, err := r.readTopic(ctx, client)
	if err != nil {
		return err
	}
	moves, err := r.plan(ctx, client, topic, target)
	if err != nil {
		return err
	}
	if err := r.print(moves); err != nil {
		return err
	}
	group, err := client.Group(ctx, r.group)
	if err != nil {
		return err
	}
	if group.Active() && !r.dryRun {
		return membersError(group)
	}
	if group.Active() {
		fmt.Fprintf(r.err, "without --dry-run it would be refused: %v\n", membersError(group))
	}
	return r.commit(ctx, client, topic, moves)
}

// commit asks and sets the offsets.
func (r *replaying) commit(ctx context.Context, client *kafka.Client, topic string, moves []move) error {
	again, passed := total(moves)
	what := plural(again, "record is", "records are") + " read again"
	if passed > 0 {
		what += ", " + plural(passed, "record", "records") + " that nobody has read passed over"
	}
	if r.dryRun {
		fmt.Fprintf(r.err, "%s would read on from there: %s\n", r.group, what)
		return nil
	}
	if !r.yes {
		if err := r.confirm(fmt.Sprintf("Set %s in %s: %s?", r.group, topic, what)); err != nil {
			return err
		}
	}
	offsets := map[int]int64{}
	for _, m := range moves {
		offsets[m.Partition] = m.Target
	}
	err := client.SetOffsets(ctx, r.group, topic, offsets)
	if errors.Is(err, kafka.ErrGroupActive) {
		return fmt.Errorf("%w: a member has joined meanwhile; stop all of them and run it once more", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(r.err, "%s reads on from there: %s\n", r.group, what)
	return nil
}

// membersError says who is alive and what to do.
func membersError(g kafka.GroupInfo) error {
	count := "members"
	if len(g.Members) > 0 {
		var who []string
		for _, m := range g.Members {
			who = append(who, safe(m.ClientID)+" on "+safe(strings.TrimPrefix(m.Host, "/")))
		}
		slices.Sort(who)
		count = fmt.Sprintf("%s (%s)", plural(int64(len(who)), "member", "members"), strings.Join(who, ", "))
	}
	return fmt.Errorf("group %s has %s alive, state %s: they would go on from where they are. "+
		"Stop them first: suspend the pipeline (spec.suspend: true) or stop the program; one that was killed is gone after 6 s. Nothing was done", g.ID, count, g.State)
}

func total(moves []move) (again, passed int64) {
	for _, m := range moves {
		again, passed = again+m.Again, passed+m.Passed
	}
	return again, passed
}

func (r *replaying) print(moves []move) error {
	if r.output == "json" {
		for _, m := range moves {
			if err := writeJSON(r.out, m); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(r.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PARTITION\tCOMMITTED\tTARGET\tREAD AGAIN\tPASSED OVER")
	for _, m := range moves {
		committed := "-"
		if m.Committed >= 0 {
			committed = fmt.Sprint(m.Committed)
		}
		fmt.Fprintf(w, "%s[%d]\t%s\t%d\t%d\t%d\n", safe(m.Topic), m.Partition, committed, m.Target, m.Again, m.Passed)
	}
	return w.Flush()
}
