package topics

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// AppliedKey is the key of the state topic under which the operator keeps what it has set, in JSON.
const AppliedKey = "applied"

// claimPrefix begins the keys of claims in the state topic.
const claimPrefix = "owner/"

// Owner is a pipeline that claims topics. Namespaces have their UID from their cluster, so that the same names in
// two clusters are two owners, and a pipeline that is made anew in its namespace is the same one.
type Owner struct {
	NamespaceUID string `json:"namespaceUID"`
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
}

// Key is the key of o's claim in the state topic.
func (o Owner) Key() string { return claimPrefix + o.NamespaceUID + "/" + o.Name }

// Value is the value of o's claim.
func (o Owner) Value() ([]byte, error) { return json.Marshal(o) }

// String names o for people.
func (o Owner) String() string {
	return fmt.Sprintf("FeedbackPipeline %s/%s (namespace UID %s)", o.Namespace, o.Name, o.NamespaceUID)
}

// ID is what the take-over annotation names.
func (o Owner) ID() string { return o.NamespaceUID + "/" + o.Name }

// Claim is an owner's claim and where it stands in the state topic.
type Claim struct {
	Owner
	Offset int64
}

// IsClaim tells whether key is that of a claim.
func IsClaim(key string) bool { return strings.HasPrefix(key, claimPrefix) }

// ParseClaim reads a claim that is not withdrawn.
func ParseClaim(key string, value []byte, offset int64) (Claim, error) {
	c := Claim{Offset: offset}
	if err := json.Unmarshal(value, &c.Owner); err != nil {
		return Claim{}, fmt.Errorf("claim %s at offset %d: %w", key, offset, err)
	}
	if c.Key() != key {
		return Claim{}, fmt.Errorf("claim %s at offset %d is of %s", key, offset, c.Owner)
	}
	return c, nil
}

// Winner returns the live claim that was written first, nil if there is none. A claim is never written again, so
// that compaction leaves each where it was.
func Winner(claims []Claim) *Claim {
	if len(claims) == 0 {
		return nil
	}
	first := slices.MinFunc(claims, func(a, b Claim) int { return int(a.Offset - b.Offset) })
	return &first
}
