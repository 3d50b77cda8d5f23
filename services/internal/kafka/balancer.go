package kafka

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// exclusive gives all partitions to one member: the one that has been there longest, so
// that a replica that joins takes nothing away.
type exclusive struct{ since time.Time }

func (exclusive) ProtocolName() string { return "exclusive" }

// UserData tells the leader since when this member has been there.
func (e exclusive) UserData() ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, uint64(e.since.UnixNano())), nil
}

func (exclusive) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	out := kafkago.GroupMemberAssignments{}
	if len(members) == 0 {
		return out
	}
	oldest := slices.MinFunc(members, func(a, b kafkago.GroupMember) int {
		if c := bytes.Compare(a.UserData, b.UserData); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for _, p := range partitions {
		out[oldest.ID][p.Topic] = append(out[oldest.ID][p.Topic], p.ID)
	}
	return out
}
