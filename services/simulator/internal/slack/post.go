package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Draft is what a person, or another app's bot, says.
type Draft struct {
	// Channel is an id or a name.
	Channel string `json:"channel"`
	// User is an id or a name; a name that nobody has makes a new user.
	User string `json:"user"`
	// Text is as a person types it. With Raw it is taken as Slack stores it.
	Text string `json:"text"`
	Raw  bool   `json:"raw"`
	// ThreadTS makes it a reply to that message.
	ThreadTS string `json:"thread_ts"`
	Bot      bool   `json:"bot"`
	// Blocks: the text stands in a section block and not in the message's text.
	Blocks bool `json:"blocks"`
	// File is the name of a file that is shared along.
	File string `json:"file"`
}

// errNotFound is what cannot be found; its text says what.
type errNotFound struct{ error }

// NotFound tells whether err says that a channel or message does not exist.
func NotFound(err error) bool {
	var nf errNotFound
	return errors.As(err, &nf)
}

func notFound(format string, args ...any) error { return errNotFound{fmt.Errorf(format, args...)} }

// Post says d and returns the message's channel id and ts. Events are on their way when
// it returns.
func (w *Workspace) Post(d Draft) (channel, ts string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.find(d.Channel)
	if c == nil {
		return "", "", notFound("channel %q does not exist", d.Channel)
	}
	if c.Archived {
		return "", "", fmt.Errorf("channel %q is archived: nobody can post there", d.Channel)
	}
	u, err := w.person(d.User, d.Bot)
	if err != nil {
		return "", "", err
	}
	m := Message{Type: "message", Team: TeamID, User: u.ID, TS: w.nextTS()}
	if err := w.reply(c, &m, d.ThreadTS); err != nil {
		return "", "", err
	}
	if d.Raw {
		m.Text = d.Text
	} else {
		m.Text, m.Blocks = w.typed(d.Text)
	}
	w.dress(&m, u, &d)
	e := &entry{Op: "post", Channel: c.ID, Human: d.Text, Bot: d.Bot || u.Bot, Message: &m}
	if err := w.commit(e); err != nil {
		return "", "", err
	}
	w.tellPosted(c, c.byTS[m.TS])
	return c.ID, m.TS, nil
}

// reply puts m into the thread of the message at ts, if any; w.mu is held.
func (w *Workspace) reply(c *Channel, m *Message, ts string) error {
	if ts == "" {
		return nil
	}
	root := c.byTS[ts]
	if root == nil || root.deleted {
		return notFound("message %s does not exist in #%s", ts, c.Name)
	}
	if root.isReply() {
		root = c.byTS[root.ThreadTS]
	}
	m.ThreadTS, m.ParentUser = root.TS, root.User
	return nil
}

// dress gives m what its kind of author and content adds to it.
func (w *Workspace) dress(m *Message, u *User, d *Draft) {
	if u.Bot || d.Bot {
		m.BotID, m.AppID = u.BotID, u.AppID
		m.BotProfile = &BotProfile{ID: u.BotID, AppID: u.AppID, Name: u.RealName, TeamID: TeamID}
		if tsMicros(m.TS)%2 == 0 { // the older of the two ways in which bots post
			m.Subtype, m.User, m.Username, m.BotProfile = "bot_message", "", u.RealName, nil
		}
	} else {
		m.ClientMsgID = clientMsgID(m.TS)
	}
	if d.Blocks {
		section := map[string]any{"type": "section", "block_id": "b1", "text": map[string]any{"type": "mrkdwn", "text": m.Text, "verbatim": false}}
		m.Text, m.Blocks = "", must(json.Marshal([]any{section}))
	}
	if d.File != "" {
		id := makeID("F", m.TS)
		m.Subtype, m.Upload = "file_share", true
		m.Files = []File{{ID: id, Created: tsMicros(m.TS) / 1e6, Name: d.File, Title: d.File, Mimetype: "text/plain", Filetype: "text",
			PrettyType: "Plain Text", User: m.User, Size: 2048, URLPrivate: "https://files.slack.com/files-pri/" + TeamID + "-" + id + "/" + d.File,
			Permalink: "https://feedback-community.slack.com/files/" + m.User + "/" + id + "/" + d.File}}
	}
}

func clientMsgID(ts string) string {
	id := makeID("", ts) + makeID("", ts+"x") + makeID("", ts+"y")
	h := fmt.Sprintf("%x", id)[:32]
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// must is for encoding what cannot fail: maps and structs of strings.
func must(b []byte, err error) json.RawMessage {
	if err != nil {
		panic(err)
	}
	return b
}

// Edit changes a person's message to a new text, as its author would.
func (w *Workspace) Edit(channel, ts, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, r, err := w.message(channel, ts)
	if err != nil {
		return err
	}
	m := r.Message
	wire, blocks := w.typed(text)
	if m.Text == "" && len(m.Blocks) > 0 { // its text stands in a section
		d := Draft{Blocks: true}
		m.Text = wire
		w.dress(&m, &User{ID: m.User}, &d)
	} else {
		m.Text, m.Blocks = wire, blocks
	}
	return w.change(c, r, &m, text, m.User)
}

// change makes r's message m and tells of it; w.mu is held.
func (w *Workspace) change(c *Channel, r *record, m *Message, human, user string) error {
	at := w.nextTS()
	m.Edited = &Edited{User: user, TS: at}
	before := r.Message
	e := &entry{Op: "edit", Channel: c.ID, TS: r.TS, At: at, Human: human, Message: m}
	if err := w.commit(e); err != nil {
		return err
	}
	w.tellChanged(c, &r.Message, &before, at)
	return nil
}

// Delete removes a message, whoever wrote it. The root of a thread with replies leaves a
// tombstone behind, as on Slack.
func (w *Workspace) Delete(channel, ts string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, r, err := w.message(channel, ts)
	if err != nil {
		return err
	}
	return w.remove(c, r)
}

// remove deletes r; w.mu is held.
func (w *Workspace) remove(c *Channel, r *record) error {
	at := w.nextTS()
	before := r.Message
	e := &entry{Op: "delete", Channel: c.ID, TS: r.TS, At: at}
	if slices.ContainsFunc(c.replies[r.TS], func(r *record) bool { return !r.deleted }) {
		e.Message = &Message{Type: "message", Subtype: "tombstone", Hidden: true, User: slackbotID, Text: "This message was deleted.", TS: r.TS, ThreadTS: r.TS}
	}
	if err := w.commit(e); err != nil {
		return err
	}
	if e.Message != nil {
		w.tellChanged(c, &r.Message, &before, at)
		return nil
	}
	w.tellDeleted(c, &before, at)
	return nil
}

// message finds a message that still stands; w.mu is held.
func (w *Workspace) message(channel, ts string) (*Channel, *record, error) {
	c := w.find(channel)
	if c == nil {
		return nil, nil, notFound("channel %q does not exist", channel)
	}
	r := c.byTS[ts]
	if r == nil || r.deleted || r.tombstone() {
		return nil, nil, notFound("message %s does not exist in #%s", ts, c.Name)
	}
	return c, r, nil
}
