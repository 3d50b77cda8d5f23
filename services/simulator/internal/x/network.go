// Package x plays X: posts with their edit history, recent search, lookup, and the
// filtered stream with its rules.
//
// It guarantees X's order: ids are snowflakes that only grow (their upper bits are the
// time), an edit is a new id, and what happens is in the log before it is answered or
// streamed.
package x

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/query"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/store"
)

// Options configures a Network.
type Options struct {
	// DataDir keeps x.jsonl; with none, posts end with the process.
	DataDir string
	// BearerToken is the token that is taken.
	BearerToken string
	// Faults says when to misbehave.
	Faults *fault.Set
	// Log gets what a person who runs the simulator should know.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// IndexDelay is after how long at most a post can be found by search; each post has
	// its own delay, so that they do not appear in the order of their ids. 0 means at once.
	IndexDelay time.Duration
	// Keepalive is how often a silent stream sends an empty line (20 s).
	Keepalive time.Duration
}

// Network is the simulated X. Its methods may be called at the same time.
type Network struct {
	opts Options
	log  *store.Log
	stop chan struct{}

	mu       sync.Mutex
	lastID   uint64
	posts    []*post          // by first id
	byID     map[string]*post // by the id of any version
	timeline []version        // all versions of all posts, by id
	users    map[string]*User // by id
	rules    []*rule
	streams  map[*subscriber]bool
	windows  map[string]*rateWindow
	counts   map[string]int
}

// User is somebody on X.
type User struct {
	ID       string    `json:"id"`
	Username string    `json:"username"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Bot      bool      `json:"bot,omitempty"`
}

// post is a post with its versions, the oldest first.
type post struct {
	author   *User
	lang     string
	versions []version
	// replyTo, quoteOf and retweetOf are what it refers to; nil where it does not.
	replyTo, quoteOf, retweetOf *post
	conversation                string
	media                       bool
	replies, quotes, retweets   int
	deletedAt                   time.Time
}

// version is one state of a post under its own id.
type version struct {
	id   uint64
	post *post
	text string
	at   time.Time
	// visible is when search finds it.
	visible time.Time
}

func (v *version) idString() string { return strconv.FormatUint(v.id, 10) }

func (p *post) first() *version  { return &p.versions[0] }
func (p *post) latest() *version { return &p.versions[len(p.versions)-1] }

// stands tells whether p can be seen: it is not deleted, nor what it repeats.
func (p *post) stands() bool {
	return p.deletedAt.IsZero() && (p.retweetOf == nil || p.retweetOf.deletedAt.IsZero())
}

// entry is one line of the log.
type entry struct {
	Op        string    `json:"op"`
	ID        string    `json:"id,omitempty"`
	Of        string    `json:"of,omitempty"` // edit: an id of the post
	At        time.Time `json:"at,omitzero"`
	Author    string    `json:"author,omitempty"`
	Text      string    `json:"text,omitempty"`
	Lang      string    `json:"lang,omitempty"`
	ReplyTo   string    `json:"reply_to,omitempty"`
	QuoteOf   string    `json:"quote_of,omitempty"`
	RetweetOf string    `json:"retweet_of,omitempty"`
	Media     bool      `json:"media,omitempty"`
	User      *User     `json:"user,omitempty"`
	Value     string    `json:"value,omitempty"`
	Tag       string    `json:"tag,omitempty"`
}

// Open reads what was posted before.
func Open(o Options) (*Network, error) {
	if o.Keepalive == 0 {
		o.Keepalive = 20 * time.Second
	}
	n := &Network{opts: o, stop: make(chan struct{}), byID: map[string]*post{}, users: map[string]*User{}, streams: map[*subscriber]bool{},
		windows: map[string]*rateWindow{}, counts: map[string]int{}}
	path := ""
	if o.DataDir != "" {
		path = filepath.Join(o.DataDir, "x.jsonl")
	}
	var err error
	n.log, err = store.Open(path, func(b []byte) error {
		var e entry
		if err := json.Unmarshal(b, &e); err != nil {
			return err
		}
		return n.apply(&e)
	})
	if err != nil {
		return nil, err
	}
	n.obeyFaults()
	return n, nil
}

// Close ends all streams and the log.
func (n *Network) Close() error {
	close(n.stop)
	return n.log.Close()
}

// commit writes e to the log and applies it; n.mu is held.
func (n *Network) commit(e *entry) error {
	if err := n.log.Append(e); err != nil {
		return err
	}
	return n.apply(e)
}

// apply changes the state; it is the only place that does.
func (n *Network) apply(e *entry) error {
	switch e.Op {
	case "user":
		n.users[e.User.ID] = e.User
	case "rule":
		return n.applyRule(e)
	case "unrule":
		n.dropRule(e.ID)
	case "post":
		return n.applyPost(e)
	case "edit":
		p := n.byID[e.Of]
		if p == nil {
			return fmt.Errorf("edit of post %s, which does not exist", e.Of)
		}
		n.add(p, e)
		n.counts["edits"]++
	case "delete":
		p := n.byID[e.ID]
		if p == nil {
			return fmt.Errorf("deletion of post %s, which does not exist", e.ID)
		}
		p.deletedAt = e.At
		n.counts["deletions"]++
	default:
		return fmt.Errorf("op %q is unknown", e.Op)
	}
	return nil
}

func (n *Network) applyPost(e *entry) error {
	p := &post{author: n.users[e.Author], lang: e.Lang, replyTo: n.byID[e.ReplyTo], quoteOf: n.byID[e.QuoteOf], retweetOf: n.byID[e.RetweetOf], media: e.Media}
	if p.author == nil {
		return fmt.Errorf("post %s by user %q, who does not exist", e.ID, e.Author)
	}
	n.posts = append(n.posts, p)
	n.add(p, e)
	p.conversation = e.ID
	if p.replyTo != nil {
		p.conversation = p.replyTo.conversation
		p.replyTo.replies++
	}
	if p.quoteOf != nil {
		p.quoteOf.quotes++
	}
	if p.retweetOf != nil {
		p.retweetOf.retweets++
	}
	n.counts["posts"]++
	return nil
}

// add gives p a version.
func (n *Network) add(p *post, e *entry) {
	id, err := strconv.ParseUint(e.ID, 10, 64)
	if err != nil {
		return // the log has only ids that this program made
	}
	v := version{id: id, post: p, text: e.Text, at: e.At, visible: e.At.Add(indexDelay(e.ID, n.opts.IndexDelay))}
	p.versions = append(p.versions, v)
	n.byID[e.ID] = p
	n.timeline = append(n.timeline, v)
	n.lastID = max(n.lastID, id)
}

// indexDelay is the delay of one post: always the same for the same id.
func indexDelay(id string, most time.Duration) time.Duration {
	return most * time.Duration(hash(id)%1000) / 1000
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// epoch is where X's snowflakes begin, in milliseconds since 1970.
const epoch = 1288834974657

// idAt is the lowest id of a moment.
func idAt(t time.Time) uint64 { return uint64(max(0, t.UnixMilli()-epoch)) << 22 }

// timeOf is the moment that an id was made, to the millisecond.
func timeOf(id uint64) time.Time { return time.UnixMilli(int64(id>>22) + epoch).UTC() }

// nextID returns an id above all before, and its moment; n.mu is held.
func (n *Network) nextID() (string, time.Time) {
	n.lastID = max(idAt(n.opts.Now()), n.lastID+1)
	return strconv.FormatUint(n.lastID, 10), timeOf(n.lastID)
}

// user returns the user of that name and makes one where there is none; n.mu is held.
func (n *Network) user(name string, bot bool) (*User, error) {
	name = strings.TrimPrefix(name, "@")
	if name == "" || len(name) > 15 || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return nil, fmt.Errorf("author %q: use up to 15 letters, digits and _", name)
	}
	for _, u := range n.users {
		if strings.EqualFold(u.Username, name) {
			return u, nil
		}
	}
	u := &User{ID: strconv.FormatUint(hash(strings.ToLower(name))>>4, 10), Username: name, Name: displayName(name), Created: n.opts.Now().UTC().AddDate(-3, 0, 0).Truncate(time.Second), Bot: bot}
	return u, n.commit(&entry{Op: "user", User: u})
}

// displayName makes "Maria Dev" of maria_dev.
func displayName(username string) string {
	words := strings.FieldsFunc(username, func(r rune) bool { return r == '_' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// document is what a query looks at in version v of its post; n.mu is held.
func (n *Network) document(v *version) *query.Post {
	p := v.post
	text := fullText(v)
	e := findEntities(text)
	d := &query.Post{Text: text, Lang: p.lang, Author: p.author.Username, AuthorID: p.author.ID, ConversationID: p.conversation, HasImages: p.media}
	for _, t := range e.Hashtags {
		d.Hashtags = append(d.Hashtags, t.Tag)
	}
	for _, t := range e.Cashtags {
		d.Cashtags = append(d.Cashtags, t.Tag)
	}
	for _, m := range e.Mentions {
		d.Mentions = append(d.Mentions, m.Username)
	}
	for _, u := range e.URLs {
		d.URLs = append(d.URLs, u.ExpandedURL)
	}
	if p.replyTo != nil {
		d.ReplyToUser, d.ReplyToID = p.replyTo.author.Username, p.replyTo.first().idString()
	}
	if p.quoteOf != nil {
		d.QuoteOfID = p.quoteOf.first().idString()
	}
	if p.retweetOf != nil {
		d.RetweetOfUser, d.RetweetOfID = p.retweetOf.author.Username, p.retweetOf.first().idString()
	}
	return d
}
