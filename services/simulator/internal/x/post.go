package x

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Draft is what somebody posts.
type Draft struct {
	// Author is a user name; one that nobody has makes a new user.
	Author string `json:"author"`
	// Text is what the author types; a retweet has none of its own.
	Text string `json:"text"`
	// Lang is what X takes the language for (BCP 47); und unless given.
	Lang string `json:"lang"`
	// RetweetOf, ReplyTo and QuoteOf are ids of posts, with or without "x:" before them.
	RetweetOf string `json:"retweet_of"`
	ReplyTo   string `json:"reply_to"`
	QuoteOf   string `json:"quote_of"`
	// Bot marks the author as an automated account, for the auditor; X does not tell.
	Bot bool `json:"bot"`
}

// errNotFound is a post that does not exist or is deleted.
type errNotFound struct{ error }

// NotFound tells whether err says that a post does not exist.
func NotFound(err error) bool {
	var nf errNotFound
	return errors.As(err, &nf)
}

// Post publishes d and returns the post's id. It is on its way to streams when it returns.
func (n *Network) Post(d Draft) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	u, err := n.user(d.Author, d.Bot)
	if err != nil {
		return "", err
	}
	e := &entry{Op: "post", Author: u.ID, Text: d.Text, Lang: d.Lang}
	if e.Lang == "" {
		e.Lang = "und"
	}
	for to, id := range map[*string]string{&e.ReplyTo: d.ReplyTo, &e.QuoteOf: d.QuoteOf, &e.RetweetOf: d.RetweetOf} {
		if id == "" {
			continue
		}
		p, err := n.find(id)
		if err != nil {
			return "", err
		}
		*to = p.first().idString()
	}
	if e.RetweetOf != "" {
		of := n.byID[e.RetweetOf]
		if of.retweetOf != nil { // a retweet of a retweet is one of the original
			of = of.retweetOf
			e.RetweetOf = of.first().idString()
		}
		e.Text, e.Lang = "", of.lang
	} else if strings.TrimSpace(d.Text) == "" {
		e.Media = true // without text there is a picture
	}
	e.ID, e.At = n.nextID()
	if err := n.commit(e); err != nil {
		return "", err
	}
	n.stream(n.byID[e.ID].latest())
	return e.ID, nil
}

// Edit gives the post a new version and returns its id.
func (n *Network) Edit(id, text string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, err := n.find(id)
	if err != nil {
		return "", err
	}
	if p.retweetOf != nil {
		return "", fmt.Errorf("post %s is a retweet: those cannot be edited", id)
	}
	e := &entry{Op: "edit", Of: p.first().idString(), Text: text}
	e.ID, e.At = n.nextID()
	if err := n.commit(e); err != nil {
		return "", err
	}
	n.stream(p.latest())
	return e.ID, nil
}

// Delete removes the post with all its versions, and its retweets with it.
func (n *Network) Delete(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, err := n.find(id)
	if err != nil {
		return err
	}
	return n.commit(&entry{Op: "delete", ID: p.first().idString(), At: n.opts.Now().UTC()})
}

// find returns the post with that id of any of its versions; n.mu is held.
func (n *Network) find(id string) (*post, error) {
	p := n.byID[strings.TrimPrefix(id, "x:")]
	if p == nil || !p.stands() {
		return nil, errNotFound{fmt.Errorf("post %q does not exist", id)}
	}
	return p, nil
}

// Revision is one state of a post as its author left it.
type Revision struct {
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
	Deleted bool      `json:"deleted"`
	PostID  string    `json:"post_id"`
}

// Said is a post that was offered.
type Said struct {
	ID                 string // of the first version
	Author, Lang       string
	RetweetOf, ReplyTo string // first ids
	QuoteOf            string
	Bot, Deleted       bool
	FinalText          string
	Revisions          []Revision
	At                 time.Time
}

// Said lists all that was ever posted, by time.
func (n *Network) Said() []Said {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]Said, 0, len(n.posts))
	for _, p := range n.posts {
		s := Said{ID: p.first().idString(), Author: p.author.Username, Lang: p.lang, Bot: p.author.Bot, At: p.first().at,
			RetweetOf: firstID(p.retweetOf), ReplyTo: firstID(p.replyTo), QuoteOf: firstID(p.quoteOf), FinalText: fullText(p.latest())}
		for i := range p.versions {
			v := &p.versions[i]
			s.Revisions = append(s.Revisions, Revision{At: v.at, Text: fullText(v), PostID: v.idString()})
		}
		if !p.stands() {
			at := p.deletedAt
			if at.IsZero() {
				at = p.retweetOf.deletedAt
			}
			s.Deleted, s.FinalText = true, ""
			s.Revisions = append(s.Revisions, Revision{At: at, Deleted: true, PostID: p.latest().idString()})
		}
		out = append(out, s)
	}
	return out
}

func firstID(p *post) string {
	if p == nil {
		return ""
	}
	return p.first().idString()
}

// Counts tells how many posts, edits, reads and refusals there were.
func (n *Network) Counts() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]int{"streams": len(n.streams), "rules": len(n.rules)}
	for k, v := range n.counts {
		out[k] = v
	}
	return out
}

// Standing is a post as it stands now; for the page.
type Standing struct {
	ID, Author, Name, Text, Lang string
	At                           time.Time
	Edited                       bool
	RetweetOf, ReplyTo           string // user names
	Retweets, Replies            int
}

// Standing lists the newest n posts that stand, newest first.
func (n *Network) Standing(most int) []Standing {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []Standing
	for i := len(n.timeline) - 1; i >= 0 && len(out) < most; i-- {
		v := &n.timeline[i]
		p := v.post
		if p.latest().id != v.id || !p.stands() {
			continue
		}
		s := Standing{ID: v.idString(), Author: p.author.Username, Name: p.author.Name, Text: fullText(v), Lang: p.lang, At: v.at,
			Edited: len(p.versions) > 1, Retweets: p.retweets, Replies: p.replies}
		if p.retweetOf != nil {
			s.RetweetOf, s.Text = p.retweetOf.author.Username, p.retweetOf.latest().text
		}
		if p.replyTo != nil {
			s.ReplyTo = p.replyTo.author.Username
		}
		out = append(out, s)
	}
	return out
}
