package xapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	twitter "github.com/g8rswimmer/go-twitter/v2"
)

// Rule is one rule of the app's filtered stream.
type Rule struct {
	ID    string `json:"id"`
	Value string `json:"value"`
	Tag   string `json:"tag"`
}

// rulesAnswer is what the rules endpoint says, to all that it is asked.
type rulesAnswer struct {
	Data   []Rule         `json:"data"`
	Errors []post.Problem `json:"errors"`
}

// Rules lists the stream's rules: all of the app's, whoever made them.
func (c *Client) Rules(ctx context.Context) ([]Rule, error) {
	a, err := c.rules(ctx, func(ctx context.Context) error {
		_, err := c.api.TweetSearchStreamRules(ctx, nil)
		return err
	})
	return a.Data, err
}

// AddRule adds a rule and returns its id; where X has one of the same value already,
// whoever made it, that one's id.
func (c *Client) AddRule(ctx context.Context, value, tag string) (string, error) {
	a, err := c.rules(ctx, func(ctx context.Context) error {
		_, err := c.api.TweetSearchStreamAddRule(ctx, []twitter.TweetSearchStreamRule{{Value: value, Tag: tag}}, false)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case len(a.Data) > 0 && a.Data[0].ID != "":
		return a.Data[0].ID, nil
	}
	said := "no rule and no reason"
	for _, e := range a.Errors {
		if e.Title == "DuplicateRule" && e.ID != "" {
			return e.ID, nil
		}
		said = strings.TrimSpace(e.Title + " " + e.Detail)
	}
	return "", &Problem{Kind: Invalid, Reason: "RuleRefused", Status: http.StatusOK,
		Message: fmt.Sprintf("X did not take the query as a rule of its stream (%s): correct the source's query", said)}
}

// DeleteRules removes rules by their ids.
func (c *Client) DeleteRules(ctx context.Context, ids ...string) error {
	names := make([]twitter.TweetSearchStreamRuleID, len(ids))
	for i, id := range ids {
		names[i] = twitter.TweetSearchStreamRuleID(id)
	}
	_, err := c.rules(ctx, func(ctx context.Context) error {
		_, err := c.api.TweetSearchStreamDeleteRuleByID(ctx, names, false)
		return err
	})
	return err
}

func (c *Client) rules(ctx context.Context, request func(context.Context) error) (rulesAnswer, error) {
	var out rulesAnswer
	a, err := c.raw(ctx, endpointRules, request)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		return out, malformed(endpointRules, err)
	}
	return out, nil
}

// Stream connects to the filtered stream and returns its body, which ends when ctx does.
// The caller closes it.
func (c *Client) Stream(ctx context.Context) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(requestTimeout, func() { cancel(errors.New("no answer within " + requestTimeout.String())) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/2/tweets/search/stream", nil)
	if err != nil {
		cancel(nil)
		return nil, unreachable(endpointStream, err)
	}
	q := req.URL.Query()
	q.Set("tweet.fields", join(fields))
	q.Set("expansions", join(expansions))
	q.Set("user.fields", join(userFields))
	req.URL.RawQuery = q.Encode()
	c.auth.Add(req)
	resp, err := c.stream.Do(req)
	timer.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		c.observe(endpointStream, 0)
		return nil, unreachable(endpointStream, err)
	}
	c.observe(endpointStream, resp.StatusCode)
	if resp.StatusCode == http.StatusOK {
		return body{resp.Body, cancel}, nil
	}
	defer cancel(nil)
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return nil, explain("stream", &answer{status: resp.StatusCode, header: resp.Header, body: text})
}

// body ends its request when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close ends the request.
func (b body) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}

func join[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ",")
}
