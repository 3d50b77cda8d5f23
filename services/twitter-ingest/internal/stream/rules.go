package stream

import (
	"context"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/xapi"
)

// Rules are X's calls for the rules of an app's stream.
type Rules struct {
	List   func(ctx context.Context) ([]xapi.Rule, error)
	Add    func(ctx context.Context, value, tag string) (id string, err error)
	Delete func(ctx context.Context, ids ...string) error
}

// Sync has exactly one rule with the tag stand in X, the query's, and returns the id of the
// rule by which the query's posts can be told. The rules of others are left alone; where one
// of them asks for the same, X takes no second one and its id is returned.
//
// The new rule is added before an old one goes, so that the stream has no hole.
func (r Rules) Sync(ctx context.Context, query, tag string) (string, error) {
	rules, err := r.List(ctx)
	if err != nil {
		return "", err
	}
	id := ""
	var old []string
	for _, rule := range rules {
		switch {
		case rule.Tag != tag:
		case rule.Value == query && id == "":
			id = rule.ID
		default:
			old = append(old, rule.ID)
		}
	}
	if id == "" {
		if id, err = r.Add(ctx, query, tag); err != nil {
			return "", err
		}
	}
	if len(old) > 0 {
		if err := r.Delete(ctx, old...); err != nil {
			return "", err
		}
	}
	return id, nil
}
