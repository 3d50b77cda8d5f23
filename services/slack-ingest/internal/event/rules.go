package event

import (
	"slices"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

// Reasons for leaving a message out; also the `reason` of the metric.
const (
	ReasonOwn       = "own"
	ReasonMetadata  = "own_metadata"
	ReasonBot       = "bot"
	ReasonSubtype   = "subtype"
	ReasonNoMatch   = "no_match"
	ReasonUnchanged = "unchanged"
	ReasonRepeated  = "repeated"
	ReasonChannel   = "other_channel"
)

// own are the message metadata types of what a notifier of any pipeline posts.
var own = []string{slackapi.CardType, slackapi.DigestType, slackapi.NoteType}

// spoken are the subtypes under which people say something.
var spoken = []string{"", slack.MsgSubTypeThreadBroadcast, slack.MsgSubTypeFileShare, slack.MsgSubTypeMeMessage, slack.MsgSubTypeBotMessage}

// Rules say whose messages are no feedback.
type Rules struct {
	// OwnUser and OwnBot are the ids that auth.test gives for the bot token.
	OwnUser, OwnBot string
	// IncludeBots takes in what other apps post.
	IncludeBots bool
}

// LeftOut is why a message is never taken in, whatever it says; empty if it may be.
func (r Rules) LeftOut(m *slack.Msg) string {
	switch {
	case m == nil:
		return ReasonSubtype
	case slices.Contains(own, m.Metadata.EventType):
		return ReasonMetadata
	case r.OwnUser != "" && m.User == r.OwnUser, r.OwnBot != "" && m.BotID == r.OwnBot:
		return ReasonOwn
	case !slices.Contains(spoken, m.SubType):
		return ReasonSubtype
	case isBot(m) && !r.IncludeBots:
		return ReasonBot
	default:
		return ""
	}
}

func isBot(m *slack.Msg) bool {
	return m.BotID != "" || m.SubType == slack.MsgSubTypeBotMessage || m.User == "USLACKBOT"
}
