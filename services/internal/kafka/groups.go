package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/run"
)

// GroupInfo is a consumer group as its coordinator has it.
type GroupInfo struct {
	ID string
	// State is Kafka's word: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead (it
	// is not known).
	State string
	// Members are those that are alive or were until a session ago. They may be unknown while
	// the group rebalances.
	Members []GroupMember
}

// GroupMember is a member of a consumer group.
type GroupMember struct {
	ClientID, Host string
}

// Active tells whether somebody consumes as the group.
func (g GroupInfo) Active() bool { return g.State != "Empty" && g.State != "Dead" }

// Group describes a consumer group; one that is not known is in the state Dead.
func (c *Client) Group(ctx context.Context, id string) (GroupInfo, error) {
	var resp *kafkago.DescribeGroupsResponse
	err := c.coordinated(ctx, func() (err error) {
		resp, err = c.api.DescribeGroups(ctx, &kafkago.DescribeGroupsRequest{GroupIDs: []string{id}})
		for i := 0; err == nil && i < len(resp.Groups); i++ {
			if passing(resp.Groups[i].Error) {
				err = resp.Groups[i].Error
			}
		}
		return err
	})
	if err != nil {
		return GroupInfo{}, fmt.Errorf("describe group %s: %w", id, err)
	}
	out := GroupInfo{ID: id, State: "Dead"}
	for _, g := range resp.Groups {
		var refused kafkago.Error
		if errors.As(g.Error, &refused) { // any other error is of a member that tells nothing yet
			if errors.Is(refused, kafkago.GroupIdNotFound) {
				continue
			}
			return GroupInfo{}, fmt.Errorf("describe group %s: %w", id, c.explain(refused))
		}
		out.State = g.GroupState
		for _, m := range g.Members {
			out.Members = append(out.Members, GroupMember{ClientID: m.ClientID, Host: m.ClientHost})
		}
	}
	return out, nil
}

// ErrGroupActive is a group whose offsets cannot be set while members of it are alive.
var ErrGroupActive = errors.New("the group has members")

// SetOffsets commits where the group reads on in partitions of the topic. Brokers refuse it,
// with ErrGroupActive, while the group has members.
func (c *Client) SetOffsets(ctx context.Context, group, topic string, offsets map[int]int64) error {
	req := &kafkago.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{}}
	for _, p := range slices.Sorted(maps.Keys(offsets)) {
		req.Topics[topic] = append(req.Topics[topic], kafkago.OffsetCommit{Partition: p, Offset: offsets[p]})
	}
	var resp *kafkago.OffsetCommitResponse
	err := c.coordinated(ctx, func() (err error) {
		resp, err = c.api.OffsetCommit(ctx, req)
		for i := 0; err == nil && i < len(resp.Topics[topic]); i++ {
			if passing(resp.Topics[topic][i].Error) {
				err = resp.Topics[topic][i].Error
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set offsets of group %s: %w", group, err)
	}
	for _, p := range resp.Topics[topic] {
		switch {
		case errors.Is(p.Error, kafkago.UnknownMemberId), errors.Is(p.Error, kafkago.RebalanceInProgress), errors.Is(p.Error, kafkago.IllegalGeneration):
			return fmt.Errorf("set offset of group %s in %s[%d]: %w", group, topic, p.Partition, ErrGroupActive)
		case p.Error != nil:
			return fmt.Errorf("set offset of group %s in %s[%d]: %w", group, topic, p.Partition, c.explain(p.Error))
		}
	}
	return nil
}

// coordinated is try for what only a group's coordinator answers: for some seconds it waits
// for one to be elected or to load, as after a broker's start.
func (c *Client) coordinated(ctx context.Context, f func() error) error {
	for attempt := 0; ; attempt++ {
		err := c.try(ctx, f)
		if attempt == 8 || !passing(err) {
			return err
		}
		if err := run.Sleep(ctx, backOff(attempt)); err != nil {
			return err
		}
	}
}

// passing tells whether err is that the group has no coordinator for the moment.
func passing(err error) bool {
	return errors.Is(err, kafkago.NotCoordinatorForGroup) || errors.Is(err, kafkago.GroupCoordinatorNotAvailable) || errors.Is(err, kafkago.GroupLoadInProgress)
}
