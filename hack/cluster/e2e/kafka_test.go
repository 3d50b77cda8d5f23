//go:build e2e

package e2e

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// admin calls f with a client of its own, since Kafka is killed now and then.
func (s *scene) admin(ctx context.Context, f func(*kadm.Client, *kgo.Client) error) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Bootstrap()...))
	if err != nil {
		return err
	}
	defer c.Close()
	return f(kadm.NewClient(c), c)
}

// partitions are the topics whose names begin with prefix, and how many partitions each has.
func (s *scene) partitions(ctx context.Context, prefix string) (map[string]int, error) {
	counts := map[string]int{}
	err := s.admin(ctx, func(admin *kadm.Client, _ *kgo.Client) error {
		topics, err := admin.ListTopics(ctx)
		for name, t := range topics {
			if strings.HasPrefix(name, prefix) {
				counts[name] = len(t.Partitions)
			}
		}
		return err
	})
	return counts, err
}

// written is up to which offset each topic is written, its partitions together.
func (s *scene) written(ctx context.Context, topics ...string) ([]int64, error) {
	sums := make([]int64, len(topics))
	err := s.admin(ctx, func(admin *kadm.Client, _ *kgo.Client) error {
		ends, err := admin.ListEndOffsets(ctx, topics...)
		if err == nil {
			err = ends.Error()
		}
		ends.Each(func(o kadm.ListedOffset) { sums[slices.Index(topics, o.Topic)] += o.Offset })
		return err
	})
	return sums, err
}

// groups are the consumer groups whose names begin with prefix.
func (s *scene) groups(ctx context.Context, prefix string) ([]string, error) {
	var found []string
	err := s.admin(ctx, func(admin *kadm.Client, _ *kgo.Client) error {
		listed, err := admin.ListGroups(ctx)
		found = slices.DeleteFunc(listed.Groups(), func(g string) bool { return !strings.HasPrefix(g, prefix) })
		return err
	})
	return found, err
}

// shares are how many partitions each member of a group that has any has.
func (s *scene) shares(ctx context.Context, group string) ([]int, error) {
	var shares []int
	err := s.admin(ctx, func(admin *kadm.Client, _ *kgo.Client) error {
		described, err := admin.DescribeGroups(ctx, group)
		if err == nil {
			err = described.Error()
		}
		for _, m := range described[group].Members {
			n := 0
			if assigned, ok := m.Assigned.AsConsumer(); ok {
				for _, t := range assigned.Topics {
					n += len(t.Partitions)
				}
			}
			if n > 0 {
				shares = append(shares, n)
			}
		}
		return err
	})
	return shares, err
}

// claims are the newest records of the owners' keys in a state topic: true for a claim, false for one withdrawn.
func (s *scene) claims(ctx context.Context, topic string) (map[string]bool, error) {
	claims := map[string]bool{}
	err := s.admin(ctx, func(admin *kadm.Client, c *kgo.Client) error {
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err != nil {
			return err
		}
		end, _ := ends.Lookup(topic, 0)
		c.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}})
		for at := int64(0); at < end.Offset; {
			fetches := c.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				return err
			}
			fetches.EachRecord(func(r *kgo.Record) {
				at = r.Offset + 1
				if strings.HasPrefix(string(r.Key), "owner/") {
					claims[string(r.Key)] = r.Value != nil
				}
			})
		}
		return nil
	})
	return claims, err
}

// live are the keys of claims that are not withdrawn.
func live(claims map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(claims)), func(key string) bool { return !claims[key] })
}
