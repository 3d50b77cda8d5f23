// Package event turns what Slack says into feedbackv1 events. It is pure: no
// clock, no network, no state. The same message gives the same id, revision and
// text whether it arrived live or was read back from history, so that whoever
// reads the topic can tell a repetition from news.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Kind is what happened in a channel.
type Kind int

const (
	// Other is anything that is no feedback: a callback of another type, a join, a topic.
	Other Kind = iota
	// Posted is a new message, Message.
	Posted
	// Edited is a message that now reads Message and read Previous (nil if Slack didn't say).
	Edited
	// Deleted is a message that is gone and read Previous (nil if Slack didn't say).
	Deleted
	// ChannelMoved is a channel that was renamed, archived, joined or left: names and
	// membership have to be looked up again.
	ChannelMoved
)

// Change is one thing that happened to one message.
type Change struct {
	Kind Kind
	// Channel is the channel's id.
	Channel string
	// TS is the `ts` of the message that it happened to, its identity within the channel.
	TS string
	// EventTS is when it happened, by Slack's clock. Equal to TS for Posted.
	EventTS string
	// Message is the message as it stands now; nil for Deleted.
	Message *slack.Msg
	// Previous is the message as it stood before; nil for Posted and where Slack didn't say.
	Previous *slack.Msg
	// Backfilled is true where it was read from history.
	Backfilled bool
}

// Callback is one delivery of the Events API, over the socket or over HTTP.
type Callback struct {
	// Type is the outer type: event_callback, url_verification, app_rate_limited, ...
	Type string
	// Challenge is what a url_verification asks to be sent back.
	Challenge string
	// EventID is Slack's id of the delivery, the same for each retry.
	EventID string
	// InnerType is the type of the event inside, such as message.
	InnerType string
	// Change is what it says. Its Kind is Other where that is no feedback.
	Change Change
}

type outer struct {
	Type      string          `json:"type"`
	Challenge string          `json:"challenge"`
	EventID   string          `json:"event_id"`
	Event     json.RawMessage `json:"event"`
}

type inner struct {
	Type      string          `json:"type"`
	SubType   string          `json:"subtype"`
	Channel   json.RawMessage `json:"channel"`
	EventTS   string          `json:"event_ts"`
	TS        string          `json:"ts"`
	DeletedTS string          `json:"deleted_ts"`
	Message   *slack.Msg      `json:"message"`
	Previous  *slack.Msg      `json:"previous_message"`
}

// Parse reads the JSON of an Events API delivery. A delivery that is no message
// is no error; one that should be a message and cannot be read is.
func Parse(payload []byte) (Callback, error) {
	var o outer
	if err := json.Unmarshal(payload, &o); err != nil {
		return Callback{}, fmt.Errorf("parse Slack callback: %w", err)
	}
	cb := Callback{Type: o.Type, Challenge: o.Challenge, EventID: o.EventID}
	if o.Type != "event_callback" {
		return cb, nil
	}
	if len(o.Event) == 0 {
		return cb, errors.New("parse Slack callback: event_callback without an event")
	}
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(o.Event, &kind); err != nil {
		return cb, fmt.Errorf("parse Slack event: %w", err)
	}
	cb.InnerType = kind.Type
	switch kind.Type {
	case "message":
		c, err := parseMessage(o.Event)
		if err != nil {
			return cb, fmt.Errorf("parse Slack message: %w", err)
		}
		cb.Change = c
	case "channel_rename", "channel_archive", "channel_unarchive", "channel_left", "channel_shared", "channel_unshared",
		"channel_id_changed", "channel_created", "channel_deleted", "group_rename", "group_archive", "group_unarchive",
		"group_left", "member_joined_channel":
		cb.Change.Kind = ChannelMoved
	}
	return cb, nil
}

func parseMessage(raw json.RawMessage) (Change, error) {
	var in inner
	if err := json.Unmarshal(raw, &in); err != nil {
		return Change{}, err
	}
	var channel string
	if err := json.Unmarshal(in.Channel, &channel); err != nil || channel == "" {
		return Change{}, errors.New("no channel id in it")
	}
	c := Change{Channel: channel, EventTS: in.EventTS, Previous: in.Previous}
	switch in.SubType {
	case slack.MsgSubTypeMessageChanged:
		c.Kind, c.Message = Edited, in.Message
		if in.Message == nil {
			return Change{}, errors.New("message_changed without a message")
		}
		c.TS = in.Message.Timestamp
		if in.Message.SubType == "tombstone" { // the root of a thread that still has replies was deleted
			c.Kind, c.Message = Deleted, nil
		}
	case slack.MsgSubTypeMessageDeleted:
		c.Kind, c.TS = Deleted, in.DeletedTS
		if c.TS == "" && in.Previous != nil {
			c.TS = in.Previous.Timestamp
		}
	default:
		msg := &slack.Msg{}
		if err := json.Unmarshal(raw, msg); err != nil {
			return Change{}, err
		}
		c.Kind, c.TS, c.Message, c.Previous = Posted, msg.Timestamp, msg, nil
	}
	if c.EventTS == "" {
		c.EventTS = in.TS
	}
	return c, c.check()
}

func (c Change) check() error {
	if _, err := Micros(c.TS); err != nil {
		return err
	}
	_, err := Micros(c.EventTS)
	return err
}

// FromHistory is the change that a message read from a channel's history stands for.
func FromHistory(channel string, m slack.Message) (Change, error) {
	msg := m.Msg
	c := Change{Kind: Posted, Channel: channel, TS: msg.Timestamp, EventTS: msg.Timestamp, Message: &msg, Backfilled: true}
	return c, c.check()
}

// lastMicro is the end of the year 9999, behind which a Protobuf timestamp cannot be written as JSON.
const lastMicro = 253_402_300_799_999_999

// Micros is a Slack `ts`, of the year 9999 at most, in microseconds since the Unix epoch.
func Micros(ts string) (uint64, error) {
	sec, frac, _ := strings.Cut(ts, ".")
	if sec == "" || len(sec) > 12 || len(frac) > 6 {
		return 0, fmt.Errorf("%.40q is no Slack ts (seconds.microseconds)", ts)
	}
	n, err := strconv.ParseUint(sec+frac+"000000"[len(frac):], 10, 64)
	if err != nil || n > lastMicro {
		return 0, fmt.Errorf("%.40q is no Slack ts (seconds.microseconds)", ts)
	}
	return n, nil
}

// TS is the Slack `ts` of a time in microseconds since the Unix epoch.
func TS(micros uint64) string { return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6) }

// Time is when a Slack `ts` says that it was; the zero time for what is no ts.
func Time(ts string) time.Time {
	n, err := Micros(ts)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(n)).UTC()
}
