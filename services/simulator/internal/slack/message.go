package slack

import (
	"encoding/json"
	"time"
)

// Message is a message as Slack's Web API and events show it.
type Message struct {
	Type        string          `json:"type"`
	Subtype     string          `json:"subtype,omitempty"`
	Hidden      bool            `json:"hidden,omitempty"`
	User        string          `json:"user,omitempty"`
	Username    string          `json:"username,omitempty"`
	BotID       string          `json:"bot_id,omitempty"`
	AppID       string          `json:"app_id,omitempty"`
	BotProfile  *BotProfile     `json:"bot_profile,omitempty"`
	Text        string          `json:"text"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts,omitempty"`
	ParentUser  string          `json:"parent_user_id,omitempty"`
	Team        string          `json:"team,omitempty"`
	ClientMsgID string          `json:"client_msg_id,omitempty"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Files       []File          `json:"files,omitempty"`
	Upload      bool            `json:"upload,omitempty"`
	Metadata    *Metadata       `json:"metadata,omitempty"`
	Edited      *Edited         `json:"edited,omitempty"`

	// Only on the root of a thread, in answers of the Web API.
	ReplyCount  int      `json:"reply_count,omitempty"`
	ReplyUsers  []string `json:"reply_users,omitempty"`
	LatestReply string   `json:"latest_reply,omitempty"`
}

// isReply tells whether m stands in a thread under another message.
func (m *Message) isReply() bool { return m.ThreadTS != "" && m.ThreadTS != m.TS }

// Edited says who edited a message and when.
type Edited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

// Metadata is what an app attaches to a message that it posts.
type Metadata struct {
	EventType    string          `json:"event_type"`
	EventPayload json.RawMessage `json:"event_payload"`
}

// BotProfile says which bot wrote a message.
type BotProfile struct {
	ID      string `json:"id"`
	AppID   string `json:"app_id"`
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"`
	TeamID  string `json:"team_id"`
	Updated int64  `json:"updated"`
}

// File is a file shared with a message.
type File struct {
	ID         string `json:"id"`
	Created    int64  `json:"created"`
	Name       string `json:"name"`
	Title      string `json:"title"`
	Mimetype   string `json:"mimetype"`
	Filetype   string `json:"filetype"`
	PrettyType string `json:"pretty_type"`
	User       string `json:"user"`
	Size       int    `json:"size"`
	URLPrivate string `json:"url_private"`
	Permalink  string `json:"permalink"`
}

// Channel is a conversation of the workspace.
type Channel struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Private  bool      `json:"private,omitempty"`
	Archived bool      `json:"archived,omitempty"`
	Shared   bool      `json:"shared,omitempty"`
	Member   bool      `json:"member,omitempty"` // the app is in it
	Created  time.Time `json:"created"`
	Previous []string  `json:"previous,omitempty"` // names that it had before

	messages []*record // by ts
	byTS     map[string]*record
	replies  map[string][]*record // by the root's ts, oldest first
}

func (c *Channel) kind() string {
	if c.Private {
		return "group"
	}
	return "channel"
}

// record is a message with all that is known of it beyond what Slack shows.
type record struct {
	Message
	// human is the last text as a person would have typed it.
	human     string
	own       bool // posted with the app's own token
	bot       bool
	deleted   bool
	revisions []Revision
}

// tombstone tells whether only the mark of a deleted root with replies is left.
func (r *record) tombstone() bool { return r.Subtype == "tombstone" }

// Revision is one state of a post as its author left it.
type Revision struct {
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
	Deleted bool      `json:"deleted"`
	// PostID is the id of this version: Slack's is always the same ts.
	PostID string `json:"post_id"`
}

// User is a person or an app of the workspace.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	Bot      bool   `json:"bot,omitempty"`
	BotID    string `json:"bot_id,omitempty"`
	AppID    string `json:"app_id,omitempty"`
}

// The workspace and the app, as every answer names them.
const (
	TeamID     = "T0FEEDBACK"
	TeamName   = "Feedback Community"
	AppID      = "A0FEEDBACK"
	AppName    = "feedback-pipeline"
	BotUserID  = "U0FEEDBACK"
	BotID      = "B0FEEDBACK"
	slackbotID = "USLACKBOT"
)

func ownProfile() *BotProfile {
	return &BotProfile{ID: BotID, AppID: AppID, Name: AppName, TeamID: TeamID, Updated: 1_700_000_000}
}
