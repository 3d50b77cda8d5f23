package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/kafka"
)

// target is what --to names.
type target struct {
	start   kafka.Start // Earliest or Latest, or empty
	at      time.Time
	offsets map[int]int64
}

func (r *replaying) target() (target, error) {
	switch {
	case r.group == "":
		return target{}, usagef("--group is missing: give scorer, notifier/<route> or a group's full name")
	case r.to == "":
		return target{}, usagef("--to is missing: give an age such as 2h, a time, earliest, latest, or <partition>:<offset>")
	case r.to == "earliest":
		return target{start: kafka.Earliest}, nil
	case r.to == "latest":
		return target{start: kafka.Latest}, nil
	}
	if at, err := r.moment("to", r.to); err == nil {
		return target{at: at}, nil
	}
	offsets := map[int]int64{}
	for part := range strings.SplitSeq(r.to, ",") {
		p, o, ok := strings.Cut(strings.TrimSpace(part), ":")
		partition, err1 := strconv.ParseInt(p, 10, 32)
		offset, err2 := strconv.ParseInt(o, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			return target{}, usagef("--to %q: give an age such as 2h, a time such as 2026-11-22T14:00:00Z, earliest, latest, or <partition>:<offset> such as 0:1200,1:1175", r.to)
		}
		offsets[int(partition)] = offset
	}
	return target{offsets: offsets}, nil
}

// fullGroup is the group's full name.
func (r *replaying) fullGroup() (string, error) {
	route, isRoute := strings.CutPrefix(r.group, "notifier/")
	switch {
	case r.group != "scorer" && r.group != shadowTopic && !isRoute:
		return r.group, nil
	case r.prefix == "":
		return "", usagef("--group %s: the prefix of the pipeline's groups is not known: give --prefix, or set FEEDBACK_PREFIX, or give the group's full name", r.group)
	case isRoute && route == "":
		return "", usagef("--group %s: name the route, as in notifier/negative", r.group)
	case isRoute:
		return r.prefix + ".notifier." + route, nil
	case r.group == shadowTopic:
		return r.prefix + "." + shadowScorer, nil
	}
	return r.prefix + ".sentiment-scorer", nil
}

// readTopic is the topic that the group reads.
func (r *replaying) readTopic(ctx context.Context, client *kafka.Client) (string, error) {
	if r.topic != "" {
		topic, err := r.app.topic(r.connection, r.topic)
		if err != nil {
			return "", err
		}
		return topic, exists(ctx, client, topic)
	}
	for _, short := range shortNames {
		if !readsBy(r.group, short) {
			continue
		}
		topic, err := r.app.topic(r.connection, short)
		if err != nil {
			return "", err
		}
		return topic, exists(ctx, client, topic)
	}
	return r.committedTopic(ctx, client)
}

// committedTopic is the one topic of the pipeline in which the group has committed.
func (r *replaying) committedTopic(ctx context.Context, client *kafka.Client) (string, error) {
	var found []string
	for _, short := range shortNames {
		topic, err := r.app.topic(r.connection, short)
		if err != nil {
			return "", err
		}
		infos, err := client.Topics(ctx, topic)
		if err != nil {
			return "", err
		}
		if !infos[0].Exists {
			continue
		}
		lags, err := client.Lag(ctx, r.group, topic)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(lags, func(l kafka.PartitionLag) bool { return l.Committed >= 0 }) {
			found = append(found, topic)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", usagef("--group %s: it has committed in %s of the pipeline's topics %v: name the one that is meant by --topic", r.group, map[bool]string{true: "none", false: "several"}[len(found) == 0], found)
}

// plan tells where the group goes, partition by partition.
func (r *replaying) plan(ctx context.Context, client *kafka.Client, topic string, to target) ([]move, error) {
	lags, err := client.Lag(ctx, r.group, topic)
	if err != nil {
		return nil, err
	}
	if !r.create && !slices.ContainsFunc(lags, func(l kafka.PartitionLag) bool { return l.Committed >= 0 }) {
		return nil, r.unknownGroup(ctx, client, topic)
	}
	var at map[int]int64
	if !to.at.IsZero() {
		if at, err = client.OffsetsAt(ctx, topic, to.at); err != nil {
			return nil, err
		}
	}
	var out []move
	for _, l := range lags {
		m := move{Group: r.group, Topic: topic, Partition: l.Partition, Committed: l.Committed}
		offset, given := to.offsets[l.Partition]
		switch {
		case to.start == kafka.Earliest:
			m.Target = l.First
		case to.start == kafka.Latest:
			m.Target = l.End
		case at != nil:
			m.Target = min(max(at[l.Partition], l.First), l.End)
		case !given:
			continue
		case offset < l.First || offset > l.End:
			return nil, usagef("--to %d:%d: %s[%d] holds offsets %d to %d; its end is %d", l.Partition, offset, topic, l.Partition, l.First, l.End-1, l.End)
		default:
			m.Target = offset
		}
		reads := max(l.Committed, l.First)
		m.Again, m.Passed = max(reads-m.Target, 0), max(m.Target-reads, 0)
		if l.Committed < 0 { // nothing was read: nothing is read again
			m.Again = 0
		}
		out = append(out, m)
	}
	for p := range to.offsets {
		if !slices.ContainsFunc(lags, func(l kafka.PartitionLag) bool { return l.Partition == p }) {
			return nil, usagef("--to %d:%d: topic %s has no partition %d: it has 0 to %d", p, to.offsets[p], topic, p, len(lags)-1)
		}
	}
	return out, nil
}

// unknownGroup explains that a group has committed nothing: most likely its name is wrong.
func (r *replaying) unknownGroup(ctx context.Context, client *kafka.Client, topic string) error {
	known := "none"
	if groups, err := client.Groups(ctx, r.prefix); err == nil && len(groups) > 0 {
		known = strings.Join(groups, ", ")
	}
	return fmt.Errorf("group %s has committed nothing in %s: check its name (there is %s), or give --create if it has not run yet and shall begin there", safe(r.group), topic, safe(known))
}
