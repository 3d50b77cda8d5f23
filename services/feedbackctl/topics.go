package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

func (a *app) topicsCommand() *cobra.Command {
	var output string
	var partitions bool
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Show the pipeline's topics: partitions, size, lag of each group",
		Long: `topics shows the topics of a pipeline: how many partitions they have, how many records
stand in them, and for each consumer group of the pipeline its lag, the records that it has
still to read. A group of others that reads a topic of the pipeline is shown with --group.

The number of records is that of offsets: in a compacted topic it counts those that
compaction has removed since the oldest one.`,
		Example: `  feedbackctl topics --kafka localhost:9092 --prefix default.azure
  feedbackctl topics --partitions
  feedbackctl topics -o json | jq '[.[].groups[]?.lag] | add'`,
		Args: arguments(cobra.NoArgs),
	}
	var groups []string
	c := a.connectionFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&partitions, "partitions", false, "a line for each partition")
	cmd.Flags().StringSliceVar(&groups, "group", nil, "show this consumer group as well; may be repeated")
	complete(cmd, "output", "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("output", output, "text", "json"); err != nil {
			return err
		}
		list, err := a.listTopics(cmd.Context(), c, groups)
		if err != nil {
			return err
		}
		if output == "json" {
			return writeJSON(a.out, list)
		}
		return printTopics(a.out, list, partitions)
	}
	return cmd
}

// topicLine is a topic and who reads it.
type topicLine struct {
	Name       string          `json:"name"`
	Topic      string          `json:"topic"`
	Exists     bool            `json:"exists"`
	Records    int64           `json:"records"`
	Partitions []partitionLine `json:"partitions,omitempty"`
	Groups     []groupLine     `json:"groups,omitempty"`
}

type partitionLine struct {
	ID    int   `json:"id"`
	First int64 `json:"first"`
	End   int64 `json:"end"`
}

type groupLine struct {
	Group      string         `json:"group"`
	Lag        int64          `json:"lag"`
	Partitions []groupOffsets `json:"partitions"`
}

type groupOffsets struct {
	ID        int   `json:"id"`
	Committed int64 `json:"committed"` // -1 where the group has committed nothing
	Lag       int64 `json:"lag"`
}

func (a *app) listTopics(ctx context.Context, c *connection, extra []string) ([]topicLine, error) {
	names := make([]string, len(everyName))
	for i, short := range everyName {
		full, err := a.topic(c, short)
		if err != nil {
			return nil, err
		}
		names[i] = full
	}
	client, err := a.open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	infos, err := client.Topics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("look up topics %s: %w", strings.Join(names, ", "), err)
	}
	groups, err := pipelineGroups(ctx, client, c.prefix, extra)
	if err != nil {
		return nil, err
	}
	var out []topicLine
	for i, info := range infos {
		if !info.Exists && everyName[i] == shadowTopic {
			continue
		}
		line := newTopicLine(everyName[i], info)
		if info.Exists {
			if line.Groups, err = groupLines(ctx, client, groups, line.Name, info.Name); err != nil {
				return nil, err
			}
		}
		out = append(out, line)
	}
	return out, nil
}

// pipelineGroups are the groups whose names begin with the prefix, and those asked for.
func pipelineGroups(ctx context.Context, client *kafka.Client, prefix string, extra []string) ([]string, error) {
	var groups []string
	if prefix != "" {
		var err error
		if groups, err = client.Groups(ctx, prefix+"."); err != nil {
			return nil, fmt.Errorf("list consumer groups: %w", err)
		}
	}
	groups = append(groups, extra...)
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

func newTopicLine(short string, info kafka.TopicInfo) topicLine {
	line := topicLine{Name: short, Topic: info.Name, Exists: info.Exists}
	for _, p := range info.Partitions {
		line.Records += p.End - p.First
		line.Partitions = append(line.Partitions, partitionLine{ID: p.ID, First: p.First, End: p.End})
	}
	return line
}

// groupLines are the groups that read the topic: those that have committed there, and those
// of the services that will.
func groupLines(ctx context.Context, client *kafka.Client, groups []string, short, topic string) ([]groupLine, error) {
	var out []groupLine
	for _, group := range groups {
		lags, err := client.Lag(ctx, group, topic)
		if err != nil {
			return nil, fmt.Errorf("read the lag of group %s: %w", group, err)
		}
		line, reads := groupLine{Group: group}, readsBy(group, short)
		for _, l := range lags {
			reads = reads || l.Committed >= 0
			line.Lag += l.Lag()
			line.Partitions = append(line.Partitions, groupOffsets{ID: l.Partition, Committed: l.Committed, Lag: l.Lag()})
		}
		if reads {
			out = append(out, line)
		}
	}
	return out, nil
}

// readsBy tells by its name whether a group of a service reads a topic.
func readsBy(group, short string) bool {
	return (short == "feedback" && (strings.HasSuffix(group, ".sentiment-scorer") || strings.HasSuffix(group, "."+shadowScorer))) ||
		(short == "scored" && strings.Contains(group, ".notifier."))
}

func printTopics(out io.Writer, list []topicLine, partitions bool) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tPARTITIONS\tRECORDS\tGROUP\tLAG")
	for _, t := range list {
		if !t.Exists {
			fmt.Fprintf(w, "%s\t-\t-\t(does not exist)\t\n", safe(t.Topic))
			continue
		}
		head := fmt.Sprintf("%s\t%d\t%d", safe(t.Topic), len(t.Partitions), t.Records)
		if len(t.Groups) == 0 {
			fmt.Fprintf(w, "%s\t-\t-\n", head)
		}
		for i, g := range t.Groups {
			if i > 0 {
				head = "\t\t"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\n", head, safe(g.Group), g.Lag)
		}
		if partitions {
			printPartitions(w, t)
		}
	}
	return w.Flush()
}

func printPartitions(w io.Writer, t topicLine) {
	for i, p := range t.Partitions {
		fmt.Fprintf(w, "  [%d]\t%d..%d\t%d", p.ID, p.First, p.End, p.End-p.First)
		var lags []string
		for _, g := range t.Groups {
			lags = append(lags, fmt.Sprint(g.Partitions[i].Lag))
		}
		fmt.Fprintf(w, "\t\t%s\n", strings.Join(lags, " "))
	}
}
