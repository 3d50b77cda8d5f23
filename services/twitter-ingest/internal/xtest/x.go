// Package xtest is a small stand-in for X for the tests of twitter-ingest: recent search,
// look-ups, and the filtered stream with its rules. It refuses what X refuses, bills as X
// bills, and works without a network, so that it can live in a testing/synctest bubble.
package xtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

// Post is one version of a post that X has.
type Post struct {
	ID   snowflake.ID
	Text string
	// History are the ids of all versions; empty for a post that was never edited.
	History []snowflake.ID
	// Indexed is when search finds it; zero: as soon as it is made.
	Indexed time.Time
	// Unfound keeps the post out of search and stream: it does not match the query.
	Unfound bool
	// Raw replaces the post's JSON.
	Raw string
}

// X is the stand-in. Its fields may be set before it is used, and under Lock afterwards.
type X struct {
	sync.Mutex
	// Token is the bearer token that is taken.
	Token string
	// Fault, if set, may answer a request in X's place; it returns true if it did.
	Fault func(w http.ResponseWriter, r *http.Request) bool
	// Requests are the paths and queries that were served, oldest first.
	Requests []string

	posts   []Post
	deleted map[snowflake.ID]bool
	seq     int64
	tokens  map[string]token
	billed  map[string]map[snowflake.ID]bool
	reads   map[snowflake.ID]int
	rules   []rule
	streams []chan string
	silent  atomic.Bool
}

type token struct {
	until snowflake.ID
	query string
}

type rule struct {
	ID    string `json:"id"`
	Value string `json:"value"`
	Tag   string `json:"tag,omitempty"`
}

// New returns an X without posts that takes the token "good".
func New() *X {
	return &X{Token: "good", deleted: map[snowflake.ID]bool{}, tokens: map[string]token{},
		billed: map[string]map[snowflake.ID]bool{}, reads: map[snowflake.ID]int{}}
}

// Say adds a post made at t and returns its id. It goes to the stream at once.
func (x *X) Say(t time.Time, text string) snowflake.ID {
	x.Lock()
	defer x.Unlock()
	x.seq++
	p := Post{ID: snowflake.At(t) + 1 + snowflake.ID(x.seq), Text: text}
	x.add(p)
	return p.ID
}

// Add adds a post as it is.
func (x *X) Add(p Post) {
	x.Lock()
	defer x.Unlock()
	x.add(p)
}

func (x *X) add(p Post) {
	p.Raw = p.json()
	x.posts = append(x.posts, p)
	slices.SortFunc(x.posts, func(a, b Post) int { return int(int64(a.ID) - int64(b.ID)) })
	if len(x.rules) == 0 || p.Unfound {
		return
	}
	x.send(`{"data":` + p.json() + `,` + includes + `,"matching_rules":[{"id":"` + x.rules[0].ID + `"}]}`)
	if len(x.streams) > 0 {
		x.bill(p.ID)
	}
}

// Delete has X no longer show a post.
func (x *X) Delete(id snowflake.ID) {
	x.Lock()
	defer x.Unlock()
	x.deleted[id] = true
	x.posts = slices.DeleteFunc(x.posts, func(p Post) bool { return p.ID == id })
}

// Replace has X tell p in the place of the post id.
func (x *X) Replace(id snowflake.ID, p Post) {
	x.Lock()
	defer x.Unlock()
	for i := range x.posts {
		if x.posts[i].ID == id {
			x.posts[i] = p
		}
	}
}

// Billed is how many posts X bills for the day of t.
func (x *X) Billed(t time.Time) int {
	x.Lock()
	defer x.Unlock()
	return len(x.billed[t.UTC().Format(time.DateOnly)])
}

// Reads is how often a post was given out.
func (x *X) Reads(id snowflake.ID) int {
	x.Lock()
	defer x.Unlock()
	return x.reads[id]
}

// Served is how many requests were served.
func (x *X) Served() int {
	x.Lock()
	defer x.Unlock()
	return len(x.Requests)
}

func (x *X) bill(id snowflake.ID) {
	day := time.Now().UTC().Format(time.DateOnly)
	if x.billed[day] == nil {
		x.billed[day] = map[snowflake.ID]bool{}
	}
	x.billed[day][id] = true
	x.reads[id]++
}

const includes = `"includes":{"users":[{"id":"1","name":"Someone","username":"someone"}]}`

func (p Post) json() string {
	if p.Raw != "" {
		return p.Raw
	}
	history := p.History
	if len(history) == 0 {
		history = []snowflake.ID{p.ID}
	}
	names := make([]string, len(history))
	for i, id := range history {
		names[i] = id.String()
	}
	b, _ := json.Marshal(map[string]any{"id": p.ID.String(), "text": p.Text, "author_id": "1", "lang": "en",
		"created_at": p.ID.Time().Format("2006-01-02T15:04:05.000Z"), "edit_history_tweet_ids": names})
	return string(b)
}

// ServeHTTP answers as X does.
func (x *X) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+x.Token {
		Refuse(w, http.StatusUnauthorized, `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`)
		return
	}
	if x.Fault != nil && x.Fault(w, r) {
		return
	}
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if r.URL.Path == "/2/tweets/search/stream" {
		x.stream(w, r)
		return
	}
	x.Lock()
	defer x.Unlock()
	x.Requests = append(x.Requests, r.Method+" "+r.URL.String())
	switch r.URL.Path {
	case "/2/tweets/search/recent":
		x.search(w, r)
	case "/2/tweets/search/stream/rules":
		x.serveRules(w, r)
	default:
		x.lookup(w, r)
	}
}

// Refuse answers with a status and a JSON body.
func Refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func invalid(w http.ResponseWriter, param, message string) {
	Refuse(w, http.StatusBadRequest, fmt.Sprintf(`{"errors":[{"parameters":{%q:["…"]},"message":%q}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.twitter.com/2/problems/invalid-request"}`, param, message))
}

func (x *X) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	horizon := time.Now().Add(-7 * 24 * time.Hour)
	since, until := number(q.Get("since_id")), number(q.Get("until_id"))
	limit, _ := strconv.Atoi(q.Get("max_results"))
	start, _ := time.Parse(time.RFC3339, q.Get("start_time"))
	switch {
	case limit < 10 || limit > 100:
		invalid(w, "max_results", "The `max_results` query parameter value is not between 10 and 100")
		return
	case q.Has("start_time") && (since != 0 || until != 0):
		invalid(w, "since_id", "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or 'end_time'.")
		return
	case since != 0 && since.Time().Before(horizon):
		invalid(w, "since_id", "'since_id' must be a tweet id created after [TIMESTAMP]. Please use a 'since_id' that is larger than 1")
		return
	case until != 0 && until.Time().Before(horizon):
		invalid(w, "until_id", "'until_id' must be a tweet id created after [TIMESTAMP]. Please use a 'until_id' that is larger than 1")
		return
	case q.Has("start_time") && start.Before(horizon):
		invalid(w, "start_time", "'start_time' must be on or after [TIMESTAMP].")
		return
	}
	newest := time.Now()
	if q.Has("start_time") {
		since, newest = snowflake.At(start), newest.Add(-30*time.Second)
	}
	if since.Time().Before(horizon) {
		since = snowflake.At(horizon)
	}
	if name := q.Get("next_token"); name != "" {
		t, ok := x.tokens[name]
		q.Del("next_token")
		if !ok || t.query != q.Encode() {
			invalid(w, "next_token", "Invalid 'next_token'")
			return
		}
		until = t.until
	}
	q.Del("next_token")
	x.page(w, q.Encode(), since, until, newest, limit)
}

func (x *X) page(w http.ResponseWriter, query string, since, until snowflake.ID, newest time.Time, limit int) {
	var page []Post
	more := false
	for i := len(x.posts) - 1; i >= 0; i-- {
		p := x.posts[i]
		if p.Unfound || p.ID <= since || until != 0 && p.ID >= until || p.Indexed.After(time.Now()) || p.ID.Time().After(newest) {
			continue
		}
		if len(page) == limit {
			more = true
			break
		}
		page = append(page, p)
		x.bill(p.ID)
	}
	if len(page) == 0 {
		_, _ = w.Write([]byte(`{"meta":{"result_count":0}}`))
		return
	}
	next := ""
	if more {
		name := fmt.Sprintf("token%d", len(x.tokens))
		x.tokens[name] = token{page[len(page)-1].ID, query}
		next = `,"next_token":"` + name + `"`
	}
	fmt.Fprintf(w, `{"data":%s,%s,"meta":{"newest_id":"%s","oldest_id":"%s","result_count":%d%s}}`,
		list(page), includes, page[0].ID, page[len(page)-1].ID, len(page), next)
}

func list(posts []Post) string {
	out := "["
	for i, p := range posts {
		if i > 0 {
			out += ","
		}
		out += p.json()
	}
	return out + "]"
}

func number(s string) snowflake.ID {
	id, _ := snowflake.Parse(s)
	return id
}
