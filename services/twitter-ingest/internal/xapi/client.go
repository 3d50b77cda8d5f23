// Package xapi speaks to X: recent search, look-ups, the stream and its rules. It is the
// only importer of go-twitter, which builds the requests; the answers are read from the raw
// body, because that library drops the long text, the edit history and the matched rules.
//
// Every error of a request is a *Problem, which says what kind of trouble it is, what to do
// about it, how long to wait and whether X may bill the request all the same.
package xapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/post"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	twitter "github.com/g8rswimmer/go-twitter/v2"
)

const (
	// MinResults is the smallest page that search gives.
	MinResults = 10
	// MaxResults is the largest page that search gives.
	MaxResults = 100
	// MaxQueryBytes is the longest query that the client library lets through.
	MaxQueryBytes = 512
	// History is how far back recent search reaches.
	History = 7 * 24 * time.Hour

	// requestTimeout is short enough that at the usual interval of 30 s a silent X is told in 45 s.
	requestTimeout = 10 * time.Second
	maxBody        = 16 << 20
)

// Endpoints, as Observe and Wait name them.
const (
	endpointSearch = "search"
	endpointLookup = "lookup"
	endpointRules  = "rules"
	endpointStream = "stream"
)

// Limited are the endpoints that Wait names.
var Limited = []string{endpointSearch, endpointLookup, endpointRules}

// Options are what a Client needs.
type Options struct {
	// URL is where X's API is, such as https://api.x.com.
	URL string
	// Token is the app's bearer token.
	Token string
	// Transport carries the requests; http.DefaultTransport's settings if nil.
	Transport http.RoundTripper
	// Observe, if set, is told of every answer: the endpoint and the HTTP status, 0 if there
	// was no answer.
	Observe func(endpoint string, status int)
	// Wait, if set, is told of each answer after which X's rate limit asks to wait, and how long.
	Wait func(endpoint string, d time.Duration)
}

// Client asks X. It is safe for concurrent use.
type Client struct {
	api     *twitter.Client
	stream  *http.Client
	url     string
	auth    bearer
	observe func(endpoint string, status int)
	wait    func(endpoint string, d time.Duration)
}

// New returns a client; it makes no request.
func New(o Options) *Client {
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Observe == nil {
		o.Observe = func(string, int) {}
	}
	if o.Wait == nil {
		o.Wait = func(string, time.Duration) {}
	}
	// A redirect is not followed: the token is meant for this host alone.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	auth, url := bearer(strings.TrimSpace(o.Token)), strings.TrimRight(o.URL, "/")
	return &Client{
		api: &twitter.Client{Authorizer: auth, Host: url,
			Client: &http.Client{Transport: tee{transport}, CheckRedirect: stay}},
		stream:  &http.Client{Transport: transport, CheckRedirect: stay},
		url:     url,
		auth:    auth,
		observe: o.Observe,
		wait:    o.Wait,
	}
}

type bearer string

// Add sets the request's authorization.
func (b bearer) Add(r *http.Request) { r.Header.Set("Authorization", "Bearer "+string(b)) }

// Query is one page to search for.
type Query struct {
	Text string
	// Max is how many posts the page may have, MinResults to MaxResults.
	Max int
	// After and Until are exclusive bounds by id; zero for none.
	After, Until snowflake.ID
	// From is the lower bound in time where After is zero. X refuses it beside Until.
	From time.Time
	// Next is the token of the page before; the other fields must be as they were there.
	Next string
}

// Answer is what X said.
type Answer struct {
	Page *post.Page
	// At is when X said it, by its own clock.
	At time.Time
	// Pause is how long X's rate limit asks to wait before the next request to this
	// endpoint; zero if requests are left.
	Pause time.Duration
	// Spacing is the time between requests at which those that are left last until the rate
	// limit's window ends; zero if X does not say.
	Spacing time.Duration
}

var (
	fields = []twitter.TweetField{twitter.TweetFieldAuthorID, twitter.TweetFieldConversationID, twitter.TweetFieldCreatedAt,
		twitter.TweetFieldEntities, twitter.TweetFieldLanguage, twitter.TweetFieldReferencedTweets, "edit_history_tweet_ids", "note_tweet"}
	expansions = []twitter.Expansion{twitter.ExpansionAuthorID, twitter.ExpansionReferencedTweetsID, twitter.ExpansionReferencedTweetsIDAuthorID}
	userFields = []twitter.UserField{twitter.UserFieldName, twitter.UserFieldUserName}
)

// Search asks for one page of recent search, newest first.
func (c *Client) Search(ctx context.Context, q Query) (*Answer, error) {
	opts := twitter.TweetRecentSearchOpts{
		TweetFields: fields, Expansions: expansions, UserFields: userFields,
		SortOrder: twitter.TweetSearchSortOrderRecency, MaxResults: q.Max, NextToken: q.Next,
		SinceID: q.After.String(), UntilID: q.Until.String(), StartTime: q.From.UTC(),
	}
	return c.ask(ctx, endpointSearch, func(ctx context.Context) error {
		_, err := c.api.TweetRecentSearch(ctx, q.Text, opts)
		return err
	})
}

// Lookup asks for posts by their ids, at most 100. Those that X no longer shows are in the
// page's Problems.
func (c *Client) Lookup(ctx context.Context, ids []snowflake.ID) (*Answer, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	opts := twitter.TweetLookupOpts{TweetFields: fields, Expansions: expansions, UserFields: userFields}
	return c.ask(ctx, endpointLookup, func(ctx context.Context) error {
		_, err := c.api.TweetLookup(ctx, names, opts)
		return err
	})
}

// ask makes one request through the library and reads its raw answer.
func (c *Client) ask(ctx context.Context, endpoint string, request func(context.Context) error) (*Answer, error) {
	raw, err := c.raw(ctx, endpoint, request)
	if err != nil {
		return nil, err
	}
	page, err := post.Parse(raw.body)
	if err != nil {
		return nil, malformed(endpoint, err)
	}
	pause, spacing := limits(raw.header, raw.at())
	if pause > 0 {
		c.wait(endpoint, pause)
	}
	return &Answer{Page: page, At: raw.at(), Pause: pause, Spacing: spacing}, nil
}

// raw makes one request and returns its answer if X took it; else a *Problem, or ctx's error.
func (c *Client) raw(ctx context.Context, endpoint string, request func(context.Context) error) (*answer, error) {
	a := &answer{}
	limited, cancel := context.WithTimeout(context.WithValue(ctx, answerKey{}, a), requestTimeout)
	defer cancel()
	err := request(limited)
	c.observe(endpoint, a.status)
	switch {
	case a.status == 0 && ctx.Err() != nil:
		return nil, ctx.Err()
	case a.status == 0 && err == nil:
		return nil, malformed(endpoint, errors.New("no answer"))
	case a.status == 0:
		return nil, unreachable(endpoint, err)
	case a.status >= 300 || a.status < 200:
		problem := explain(endpoint, a)
		if problem.Kind == RateLimited {
			c.wait(endpoint, problem.Wait)
		}
		return nil, problem
	}
	return a, nil // what the library made of the body does not matter
}

type answerKey struct{}

// answer is a raw HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// at is when the answer was made, by X's clock where it says so.
func (a *answer) at() time.Time {
	if t, err := http.ParseTime(a.header.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}

// tee keeps each answer's raw form in the *answer of the request's context.
type tee struct{ next http.RoundTripper }

// RoundTrip reads the whole body before it hands the answer on.
func (t tee) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	_ = resp.Body.Close()
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("answer is longer than %d bytes", maxBody)
	}
	if err != nil {
		return nil, err
	}
	if a, ok := req.Context().Value(answerKey{}).(*answer); ok {
		a.status, a.header, a.body = resp.StatusCode, resp.Header, body
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// limits reads what is left in the rate limit's window: how long to wait if nothing is, else
// how to space what is.
func limits(h http.Header, at time.Time) (pause, spacing time.Duration) {
	left, err := strconv.ParseInt(h.Get("x-rate-limit-remaining"), 10, 64)
	window, known := reset(h, at)
	switch {
	case err != nil || !known || left < 0:
		return 0, 0
	case left == 0:
		return window, window
	}
	return 0, window / time.Duration(left)
}

// longestWindow is the longest for which X limits requests. A reset behind it is a wrong clock's:
// nobody would notice a source that waits for years.
const longestWindow = 24 * time.Hour

// reset is how long the rate limit's window still lasts, at least a second; false if X does
// not say.
func reset(h http.Header, at time.Time) (time.Duration, bool) {
	sec, err := strconv.ParseInt(h.Get("x-rate-limit-reset"), 10, 64)
	if err != nil || sec <= 0 {
		return 0, false
	}
	return min(max(time.Unix(sec, 0).Sub(at), 0), longestWindow) + time.Second, true
}
