package slack

import (
	"encoding/json"
	"fmt"
)

// event is a message event of the Events API: the message itself and where it stands.
type event struct {
	Message
	Channel     string `json:"channel"`
	ChannelType string `json:"channel_type"`
	EventTS     string `json:"event_ts"`
}

// hiddenEvent is a message event that has no text of its own.
type hiddenEvent struct {
	Type        string   `json:"type"`
	Subtype     string   `json:"subtype"`
	Hidden      bool     `json:"hidden"`
	Channel     string   `json:"channel"`
	ChannelType string   `json:"channel_type"`
	TS          string   `json:"ts"`
	EventTS     string   `json:"event_ts"`
	DeletedTS   string   `json:"deleted_ts,omitempty"`
	Message     *Message `json:"message,omitempty"`
	Previous    *Message `json:"previous_message,omitempty"`
}

// callback is the outer payload of an event.
type callback struct {
	Token              string          `json:"token"`
	TeamID             string          `json:"team_id"`
	ContextTeamID      string          `json:"context_team_id"`
	ContextEnterprise  *string         `json:"context_enterprise_id"`
	APIAppID           string          `json:"api_app_id"`
	Event              any             `json:"event"`
	Type               string          `json:"type"`
	EventID            string          `json:"event_id"`
	EventTime          int64           `json:"event_time"`
	Authorizations     []authorization `json:"authorizations"`
	IsExtSharedChannel bool            `json:"is_ext_shared_channel"`
	EventContext       string          `json:"event_context"`
}

type authorization struct {
	EnterpriseID        *string `json:"enterprise_id"`
	TeamID              string  `json:"team_id"`
	UserID              string  `json:"user_id"`
	IsBot               bool    `json:"is_bot"`
	IsEnterpriseInstall bool    `json:"is_enterprise_install"`
}

func (w *Workspace) tellPosted(c *Channel, r *record) {
	w.tell(c, event{Message: r.Message, Channel: c.ID, ChannelType: c.kind(), EventTS: r.TS})
}

func (w *Workspace) tellChanged(c *Channel, now, before *Message, at string) {
	m, p := *now, *before
	w.tell(c, hiddenEvent{Type: "message", Subtype: "message_changed", Hidden: true, Channel: c.ID, ChannelType: c.kind(),
		TS: at, EventTS: at, Message: &m, Previous: &p})
}

func (w *Workspace) tellDeleted(c *Channel, before *Message, at string) {
	p := *before
	w.tell(c, hiddenEvent{Type: "message", Subtype: "message_deleted", Hidden: true, Channel: c.ID, ChannelType: c.kind(),
		TS: at, EventTS: at, DeletedTS: p.TS, Previous: &p})
}

// tell queues an event for the app, which hears only of channels that it is in; w.mu is
// held, so that events are queued in the order of their ts.
func (w *Workspace) tell(c *Channel, inner any) {
	if !c.Member {
		return
	}
	w.events++
	now := w.opts.Now()
	id := makeID("Ev", fmt.Sprint(now.UnixNano(), w.events))
	payload := must(json.Marshal(callback{
		Token: "simulated-verification-token", TeamID: TeamID, ContextTeamID: TeamID, APIAppID: AppID, Event: inner,
		Type: "event_callback", EventID: id, EventTime: now.Unix(), IsExtSharedChannel: c.Shared,
		Authorizations: []authorization{{TeamID: TeamID, UserID: BotUserID, IsBot: true}},
		EventContext:   "4-" + id,
	}))
	w.delivery.send(payload)
}
