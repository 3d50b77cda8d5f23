// Package post turns what X says into events of the pipeline. It is pure: no request, no
// clock, no state.
//
// It guarantees that every element of an answer's `data` comes out, either as a Post or as
// a Bad with its reason: one malformed post never costs the others of its page. An event's
// id and revision depend on the post alone, so that reading a post again, by search, by
// stream or by look-up, gives the same event.
package post

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
)

// Page is one answer of X: a page of search, a look-up or a line of the stream.
type Page struct {
	// Posts in the order in which X gave them: newest first in search.
	Posts []Post
	// Bad is what stands in `data` and is no post.
	Bad []Bad
	// Next is the token for the next page; empty on the last one.
	Next string
	// Rules are the ids of the stream's rules that a line matched.
	Rules []string
	// Problems are X's `errors` beside or instead of data.
	Problems []Problem

	users map[string]user
	posts map[string]payload
}

// Bad is an element of `data` that is no post.
type Bad struct {
	// ID is its id where one could be read.
	ID snowflake.ID
	// Raw is the element as X sent it.
	Raw []byte
	// Err says what is wrong with it.
	Err error
}

// Problem is one of X's errors, about a post that a look-up asked for or about the stream.
type Problem struct {
	Title           string `json:"title"`
	Detail          string `json:"detail"`
	Type            string `json:"type"`
	ResourceID      string `json:"resource_id"`
	ResourceType    string `json:"resource_type"`
	Value           text   `json:"value"`
	DisconnectType  string `json:"disconnect_type"`
	ConnectionIssue string `json:"connection_issue"`
	ID              string `json:"id"`
}

// text is a string that X sometimes sends as another JSON type.
type text string

// UnmarshalJSON takes any JSON value; what is no string keeps its JSON form.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	*t = text(s)
	return nil
}

type envelope struct {
	Data     json.RawMessage `json:"data"`
	Includes struct {
		Users  []json.RawMessage `json:"users"`
		Tweets []json.RawMessage `json:"tweets"`
	} `json:"includes"`
	Meta struct {
		NextToken string `json:"next_token"`
	} `json:"meta"`
	Rules []struct {
		ID text `json:"id"`
	} `json:"matching_rules"`
	Errors []Problem `json:"errors"`
}

// errEmpty is a data element that is null.
var errEmpty = errors.New("data element is empty")

// Parse reads an answer's body. It fails only if the body as a whole is no JSON object of
// X's form (cut off, HTML); the answer's elements are judged one by one.
func Parse(body []byte) (*Page, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("read X's answer: %w", err)
	}
	p := &Page{Next: e.Meta.NextToken, Problems: e.Errors, users: map[string]user{}, posts: map[string]payload{}}
	for _, r := range e.Rules {
		p.Rules = append(p.Rules, string(r.ID))
	}
	for _, raw := range e.Includes.Users {
		var u user
		if json.Unmarshal(raw, &u) == nil && u.ID != "" {
			p.users[u.ID] = u
		}
	}
	for _, raw := range e.Includes.Tweets {
		var t payload
		if json.Unmarshal(raw, &t) == nil && t.ID != "" {
			p.posts[t.ID] = t
		}
	}
	elements, err := elements(e.Data)
	if err != nil {
		return nil, fmt.Errorf("read X's answer: data: %w", err)
	}
	for _, raw := range elements {
		p.add(raw)
	}
	return p, nil
}

// elements splits data, which is an array in search and an object in the stream.
func elements(data json.RawMessage) ([]json.RawMessage, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return nil, nil
	}
	if data[0] != '[' {
		return []json.RawMessage{data}, nil
	}
	var out []json.RawMessage
	err := json.Unmarshal(data, &out)
	return out, err
}

func (p *Page) add(raw json.RawMessage) {
	var only struct {
		ID text `json:"id"`
	}
	if err := json.Unmarshal(raw, &only); err != nil {
		p.Bad = append(p.Bad, Bad{Raw: raw, Err: fmt.Errorf("post is no JSON object: %w", err)})
		return
	}
	if bytes.Equal(raw, []byte("null")) {
		p.Bad = append(p.Bad, Bad{Raw: raw, Err: errEmpty})
		return
	}
	id, err := snowflake.Parse(string(only.ID))
	if err != nil {
		p.Bad = append(p.Bad, Bad{Raw: raw, Err: err})
		return
	}
	var t payload
	if err := json.Unmarshal(raw, &t); err != nil {
		p.Bad = append(p.Bad, Bad{ID: id, Raw: raw, Err: fmt.Errorf("post %s: %w", id, err)})
		return
	}
	p.Posts = append(p.Posts, Post{ID: id, payload: t, page: p})
}

// Bounds are the newest and the oldest id of the page, of bad elements too where they have
// one; zero on a page without any.
func (p *Page) Bounds() (newest, oldest snowflake.ID) {
	see := func(id snowflake.ID) {
		if id == 0 {
			return
		}
		newest = max(newest, id)
		if oldest == 0 || id < oldest {
			oldest = id
		}
	}
	for _, t := range p.Posts {
		see(t.ID)
	}
	for _, b := range p.Bad {
		see(b.ID)
	}
	return newest, oldest
}

// Len is how many elements stand in `data`: what X counts as read.
func (p *Page) Len() int { return len(p.Posts) + len(p.Bad) }

// Created is when the post's version was made: by its id, which is finer, else by its
// created_at; the zero time where neither says.
func (t Post) Created() time.Time {
	if at := t.ID.Time(); !at.IsZero() {
		return at
	}
	return t.payload.created()
}
