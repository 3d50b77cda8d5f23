package event

import (
	"strings"
	"time"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Workspace is what all events of one source have in common.
type Workspace struct {
	// Source is the source's name in the pipeline.
	Source string
	// Team is the workspace's id, by auth.test; part of every event's id.
	Team string
	// URL is the workspace's address, such as https://acme.slack.com/; empty: no links.
	URL string
}

// Context is what a conversion needs beside the change itself.
type Context struct {
	// ID is the event's id.
	ID string
	// ChannelName is without #; empty if unknown.
	ChannelName string
	// Author is who said it; nil: what the message itself tells.
	Author *feedbackv1.Author
	// Names resolve what the text mentions.
	Names Names
	// Parent is the thread's root; nil for a message that is no reply.
	Parent *feedbackv1.Parent
	// Now is when it was taken in.
	Now time.Time
}

// Convert is the event that a change makes. The change must have passed Parse or FromHistory.
func Convert(w Workspace, c Change, x Context) *feedbackv1.Event {
	m := c.Message
	if c.Kind == Deleted {
		m = c.Previous
	}
	if m == nil {
		m = &slack.Msg{}
	}
	revision := Revision(c)
	revised := Time(c.TS)
	if revision > 0 {
		revised = time.UnixMicro(int64(revision)).UTC()
	}
	thread := m.ThreadTimestamp
	if thread == c.TS {
		thread = ""
	}
	e := &feedbackv1.Event{
		Id: x.ID, Revision: revision, Deleted: c.Kind == Deleted,
		Source: w.Source, Kind: feedbackv1.SourceKind_SOURCE_KIND_SLACK,
		Author:     author(m, x.Author),
		CreatedAt:  timestamppb.New(Time(c.TS)),
		RevisedAt:  timestamppb.New(revised),
		IngestedAt: timestamppb.New(x.Now),
		Url:        Permalink(w.URL, c.Channel, c.TS, thread),
		Parent:     x.Parent,
		Backfilled: c.Backfilled,
		Origin: &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{
			TeamId: w.Team, ChannelId: c.Channel, ChannelName: x.ChannelName, Ts: c.TS, ThreadTs: thread,
		}},
	}
	if !e.Deleted {
		e.Text = Text(m, x.Names)
	}
	return e
}

// Revision is 0 for an original, the edit's `ts` for a message that was edited, and
// when it happened for a deletion and for a change that bears no edit's time.
func Revision(c Change) uint64 {
	switch {
	case c.Kind == Deleted:
		n, _ := Micros(c.EventTS)
		return n
	case c.Message != nil && c.Message.Edited != nil:
		if n, err := Micros(c.Message.Edited.Timestamp); err == nil {
			return n
		}
	}
	if c.Kind == Edited {
		n, _ := Micros(c.EventTS)
		return n
	}
	return 0
}

// Permalink is the address that opens a message; empty without a workspace's URL.
// thread is the root's ts, empty for a message that is no reply.
func Permalink(workspaceURL, channel, ts, thread string) string {
	if workspaceURL == "" {
		return ""
	}
	link := strings.TrimSuffix(workspaceURL, "/") + "/archives/" + channel + "/p" + strings.ReplaceAll(ts, ".", "")
	if thread != "" {
		link += "?thread_ts=" + thread + "&cid=" + channel
	}
	return link
}

// Excerpt is the first 300 characters of a text.
func Excerpt(text string) string {
	n := 0
	for i := range text {
		if n == 300 {
			return text[:i]
		}
		n++
	}
	return text
}

func author(m *slack.Msg, known *feedbackv1.Author) *feedbackv1.Author {
	a := &feedbackv1.Author{Id: m.User, Bot: isBot(m)}
	if known != nil {
		a = &feedbackv1.Author{Id: known.GetId(), Handle: known.GetHandle(), DisplayName: known.GetDisplayName(), Bot: known.GetBot() || a.Bot}
	}
	if a.Id == "" {
		a.Id = m.BotID
	}
	if m.Username != "" && a.DisplayName == "" {
		a.DisplayName = m.Username
	}
	if m.BotProfile != nil && a.DisplayName == "" {
		a.DisplayName = m.BotProfile.Name
	}
	for _, s := range []*string{&a.Id, &a.Handle, &a.DisplayName} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	return a
}
