package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
)

const (
	maxText     = 40_000 // characters
	maxMetadata = 8_000  // bytes of the payload
)

func (c *call) userInfo() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	u := c.w.users[c.args.Get("user")]
	if u == nil {
		return nil, fail("user_not_found")
	}
	first, last, _ := strings.Cut(u.RealName, " ")
	return map[string]any{"user": map[string]any{
		"id": u.ID, "team_id": TeamID, "name": u.Name, "real_name": u.RealName, "deleted": false, "is_bot": u.Bot, "is_app_user": u.Bot,
		"is_admin": false, "is_owner": false, "is_restricted": false, "is_ultra_restricted": false, "tz": "Europe/Berlin", "tz_offset": 3600,
		"locale": "en-US", "updated": 1_700_000_000,
		"profile": map[string]any{"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.Name,
			"display_name_normalized": u.Name, "first_name": first, "last_name": last, "team": TeamID, "bot_id": u.BotID, "api_app_id": u.AppID},
	}}, nil
}

func (c *call) botInfo() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	for _, u := range c.w.users {
		if u.BotID != "" && u.BotID == c.args.Get("bot") {
			return map[string]any{"bot": map[string]any{"id": u.BotID, "deleted": false, "name": u.RealName, "updated": 1_700_000_000,
				"app_id": u.AppID, "user_id": u.ID, "icons": map[string]string{}}}, nil
		}
	}
	return nil, fail("bot_not_found")
}

// content reads what a message is to show. keep is what it shows now (chat.update): what
// is not given stays.
func (c *call) content(keep *Message) (*Message, *failure) {
	m := *keep
	if c.args.Has("text") {
		m.Text = c.args.Get("text")
	}
	if utf8.RuneCountInString(m.Text) > maxText {
		return nil, fail("msg_too_long")
	}
	if !utf8.ValidString(m.Text) {
		return nil, invalid("[ERROR] text is not valid UTF-8")
	}
	if c.args.Has("blocks") {
		if problems := checkBlocks(c.args.Get("blocks")); len(problems) > 0 {
			return nil, &failure{Error: "invalid_blocks", Errors: problems, Messages: problems}
		}
		m.Blocks = json.RawMessage(c.args.Get("blocks"))
	}
	if c.args.Has("attachments") {
		var list []json.RawMessage
		if json.Unmarshal([]byte(c.args.Get("attachments")), &list) != nil || len(list) > 100 {
			return nil, fail("invalid_attachments")
		}
		m.Attachments = json.RawMessage(c.args.Get("attachments"))
	}
	if empty(m.Blocks) && empty(m.Attachments) && strings.TrimSpace(m.Text) == "" {
		return nil, fail("no_text")
	}
	if c.args.Has("metadata") {
		meta, f := metadata(c.args.Get("metadata"))
		if f != nil {
			return nil, f
		}
		m.Metadata = meta
	}
	return &m, nil
}

func empty(list json.RawMessage) bool { return len(list) == 0 || string(list) == "[]" }

func metadata(s string) (*Metadata, *failure) {
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &raw) != nil {
		return nil, fail("invalid_metadata_format")
	}
	if len(raw) == 0 {
		return nil, nil
	}
	var m Metadata
	var payload map[string]any
	if json.Unmarshal([]byte(s), &m) != nil || m.EventType == "" || json.Unmarshal(m.EventPayload, &payload) != nil || payload == nil {
		return nil, fail("invalid_metadata_format")
	}
	if len(m.EventPayload) > maxMetadata {
		return nil, fail("metadata_too_large")
	}
	return &m, nil
}

// postMessage is chat.postMessage.
func (c *call) postMessage() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch := c.w.find(c.args.Get("channel"))
	if !c.visible(ch) {
		return nil, fail("channel_not_found")
	}
	if f, ok := c.w.opts.Faults.Hit(fault.RefuseChannel, ch.Name); ok {
		return nil, fail(f.Error)
	}
	if ch.Archived {
		return nil, fail("is_archived")
	}
	if !c.person && !ch.Member && !c.w.granted("chat:write.public") {
		return nil, fail("not_in_channel")
	}
	own := &Message{Type: "message", Team: TeamID, User: BotUserID, BotID: BotID, AppID: AppID, BotProfile: ownProfile()}
	m, f := c.content(own)
	if f != nil {
		return nil, f
	}
	if c.person {
		if f := c.byPerson(m); f != nil {
			return nil, f
		}
	}
	if ts := c.args.Get("thread_ts"); ts != "" {
		if c.w.reply(ch, m, ts) != nil {
			return nil, fail("cannot_reply_to_message")
		}
		if truthy(c.args.Get("reply_broadcast")) {
			m.Subtype = "thread_broadcast"
		}
	}
	if wait := c.w.limits.post(ch.ID); wait > 0 {
		return nil, c.w.limited(wait)
	}
	m.TS = c.w.nextTS()
	e := &entry{Op: "post", Channel: ch.ID, Human: m.Text, Own: true, Bot: true, Message: m}
	if c.person {
		m.ClientMsgID = clientMsgID(m.TS)
		e.Human, e.Own, e.Bot = unescape.Replace(m.Text), false, false
	}
	if err := c.w.commit(e); err != nil {
		return nil, fail("internal_error")
	}
	c.w.tellPosted(ch, ch.byTS[m.TS])
	return map[string]any{"channel": ch.ID, "ts": m.TS, "message": m}, nil
}

// unescape gives back what was typed.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// byPerson makes m one that the person says whose token was given; w.mu is held.
func (c *call) byPerson(m *Message) *failure {
	u, err := c.w.person("you", false)
	if err != nil {
		return fail("internal_error")
	}
	m.User, m.BotID, m.AppID, m.BotProfile = u.ID, "", "", nil
	return nil
}

// ownMessage finds a message that this app posted; w.mu is held.
func (c *call) ownMessage(refusal string) (*Channel, *record, *failure) {
	ch, f := c.channel()
	if f != nil {
		return nil, nil, f
	}
	if f, ok := c.w.opts.Faults.Hit(fault.RefuseChannel, ch.Name); ok {
		return nil, nil, fail(f.Error)
	}
	if ch.Archived {
		return nil, nil, fail("is_archived")
	}
	r := ch.byTS[c.args.Get("ts")]
	if r == nil || r.deleted || r.tombstone() {
		return nil, nil, fail("message_not_found")
	}
	if !r.own {
		return nil, nil, fail(refusal)
	}
	return ch, r, nil
}

// update is chat.update.
func (c *call) update() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, r, f := c.ownMessage("cant_update_message")
	if f != nil {
		return nil, f
	}
	m, f := c.content(&r.Message)
	if f != nil {
		return nil, f
	}
	if err := c.w.change(ch, r, m, m.Text, BotID); err != nil {
		return nil, fail("internal_error")
	}
	return map[string]any{"channel": ch.ID, "ts": r.TS, "text": m.Text, "message": r.Message}, nil
}

// delete is chat.delete.
func (c *call) delete() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, r, f := c.ownMessage("cant_delete_message")
	if f != nil {
		return nil, f
	}
	if err := c.w.remove(ch, r); err != nil {
		return nil, fail("internal_error")
	}
	return map[string]any{"channel": ch.ID, "ts": r.TS}, nil
}

// permalink is chat.getPermalink.
func (c *call) permalink() (map[string]any, *failure) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	ch, f := c.channel()
	if f != nil {
		return nil, f
	}
	r := ch.byTS[c.args.Get("message_ts")]
	if r == nil || r.deleted {
		return nil, fail("message_not_found")
	}
	link := fmt.Sprintf("%sarchives/%s/p%s", c.base, ch.ID, strings.ReplaceAll(r.TS, ".", ""))
	if r.isReply() {
		link += "?thread_ts=" + r.ThreadTS + "&cid=" + ch.ID
	}
	return map[string]any{"channel": ch.ID, "permalink": link}, nil
}
