// Package sink posts to one Slack channel and finds again what was posted.
//
// It guarantees that every message bears metadata by which it is known again, that nothing
// is unfurled, that the routes of a process together write no more than one message a second
// to a channel, whether they name it or give its id, and that those of one token keep what
// Slack allows it in a minute.
package sink

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"go.opentelemetry.io/otel/trace"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/card"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/tracing"
)

// pageSize is how many messages of a history are asked for at once.
const pageSize = 200

// Place is a message in a channel, or with an empty TS the channel.
type Place struct {
	Channel, Name, TS string
}

// Message is what is posted: a card and the metadata that tells what it is.
type Message struct {
	Card    card.Card
	Type    string // slackapi.CardType or DigestType
	Payload map[string]any
	// About are the traces of the events that it tells, the one that it is about first.
	About []trace.SpanContext
}

// Found is one of this pipeline's messages in the history.
type Found struct {
	TS string
	// ID is the event's or the digest's id.
	ID       string
	Revision uint64
}

// Slack is one route's channel. Its errors are the client library's, for slackapi.Explain.
type Slack struct {
	// Traces makes the spans of what is posted and updated; nil makes none.
	Traces *tracing.Tracer

	api             *slack.Client
	directory       *slackapi.Directory
	pipeline, route string
	channel         string // as configured: a name or an id

	mu     sync.Mutex
	id     string // of the channel, once it was found
	joined bool
	probes int
	closed bool // or renamed, the last time that the channel was probed
}

// New returns the sink of a route to the channel, which is named by name or id.
func New(api *slack.Client, d *slackapi.Directory, pipeline, route, channel string) *Slack {
	return &Slack{api: api, directory: d, pipeline: pipeline, route: route, channel: channel}
}

// Open finds the channel and joins it if it is public and the app is not in it. An app
// without the scope to list channels posts by name: the place then has a name alone.
func (s *Slack) Open(ctx context.Context) (Place, error) {
	ch, err := s.find(ctx)
	if err != nil {
		if slackapi.Explain(err).Reason == "MissingScope" {
			name := strings.TrimPrefix(s.channel, "#")
			return Place{Channel: "#" + name, Name: name}, nil
		}
		return Place{}, err
	}
	if ch.IsArchived {
		s.directory.Forget(s.channel)
		return Place{}, fmt.Errorf("channel %q: %w", s.channel, slack.SlackErrorResponse{Err: "is_archived"})
	}
	s.join(ctx, ch)
	return Place{Channel: ch.ID, Name: ch.Name}, nil
}

// find looks the channel up. One that was found before and bears another name now is found by its id.
func (s *Slack) find(ctx context.Context) (slack.Channel, error) {
	ch, err := s.directory.Channel(ctx, s.channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.id = ch.ID
	case s.id != "" && slackapi.Explain(err).Reason == "ChannelNotFound":
		return s.directory.Channel(ctx, s.id)
	}
	return ch, err
}

// join makes the app a member once, where it may; where it may not, posting says so.
func (s *Slack) join(ctx context.Context, ch slack.Channel) {
	s.mu.Lock()
	todo := !s.joined && !ch.IsMember && !ch.IsPrivate
	s.joined = true
	s.mu.Unlock()
	if todo {
		_, _, _, _ = s.api.JoinConversationContext(ctx, ch.ID)
	}
}

// Post posts a message and returns where it stands.
func (s *Slack) Post(ctx context.Context, at Place, m Message) (Place, error) {
	ctx, span := s.Traces.Post(ctx, s.route, "chat.postMessage", m.Type == slackapi.DigestType, m.About...)
	id, ts, err := s.api.PostMessageContext(ctx, at.Channel, options(m)...)
	span.End(cmp.Or(id, at.Channel), ts, reason(err))
	if err != nil {
		s.forgetIfGone(err)
		return Place{}, err
	}
	return Place{Channel: id, Name: at.Name, TS: ts}, nil
}

// Update puts a message in the place of one that stands.
func (s *Slack) Update(ctx context.Context, at Place, m Message) error {
	ctx, span := s.Traces.Post(ctx, s.route, "chat.update", m.Type == slackapi.DigestType, m.About...)
	_, _, _, err := s.api.UpdateMessageContext(ctx, at.Channel, at.TS, options(m)...)
	span.End(at.Channel, at.TS, reason(err))
	return err
}

// reason is what went wrong in one word, "" for nil.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return slackapi.Explain(err).Reason
}

func (s *Slack) forgetIfGone(err error) {
	if slackapi.Explain(err).Kind == slackapi.Missing {
		s.directory.Forget(s.channel)
		s.mu.Lock()
		s.joined = false
		s.mu.Unlock()
	}
}

func options(m Message) []slack.MsgOption {
	opts := []slack.MsgOption{
		slack.MsgOptionText(m.Card.Text, false),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: m.Type, EventPayload: m.Payload}),
	}
	if len(m.Card.Blocks) > 0 {
		opts = append(opts, slack.MsgOptionBlocks(m.Card.Blocks...))
	}
	return opts
}

// Read returns a message as it stands; false where it is no longer there.
func (s *Slack) Read(ctx context.Context, at Place) (Message, bool, error) {
	h, err := s.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: at.Channel, Latest: at.TS, Oldest: at.TS, Inclusive: true, Limit: 1, IncludeAllMetadata: true,
	})
	if err != nil {
		return Message{}, false, err
	}
	if len(h.Messages) == 0 || h.Messages[0].Timestamp != at.TS {
		return Message{}, false, nil
	}
	m := h.Messages[0]
	return Message{
		Card: card.Card{Text: m.Text, Blocks: m.Blocks.BlockSet},
		Type: m.Metadata.EventType, Payload: m.Metadata.EventPayload,
	}, true, nil
}

// Find returns the route's own messages that were posted between two times, oldest first.
func (s *Slack) Find(ctx context.Context, at Place, from, to time.Time) ([]Found, error) {
	p := &slack.GetConversationHistoryParameters{
		ChannelID: at.Channel, Oldest: stamp(from), Latest: stamp(to), Limit: pageSize, IncludeAllMetadata: true,
	}
	var out []Found
	for {
		h, err := s.api.GetConversationHistoryContext(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, m := range h.Messages {
			if f, ok := s.own(m); ok {
				out = append(out, f)
			}
		}
		next := h.ResponseMetaData.NextCursor
		if !h.HasMore || next == "" {
			break
		}
		p.Cursor = next
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 { // Slack gives the newest first
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// own reads the metadata of a message; false where it is not of this route.
func (s *Slack) own(m slack.Message) (Found, bool) {
	get := func(k string) string { v, _ := m.Metadata.EventPayload[k].(string); return v }
	if get("route") != s.route || get("pipeline") != s.pipeline {
		return Found{}, false
	}
	switch m.Metadata.EventType {
	case slackapi.CardType:
		revision, _ := strconv.ParseUint(get("revision"), 10, 64)
		return Found{TS: m.Timestamp, ID: get("event_id"), Revision: revision}, get("event_id") != ""
	case slackapi.DigestType:
		return Found{TS: m.Timestamp, ID: get("digest_id")}, get("digest_id") != ""
	}
	return Found{}, false
}

func stamp(t time.Time) string {
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// Delete removes a message. One that is no longer there counts as removed.
func (s *Slack) Delete(ctx context.Context, at Place) error {
	_, _, err := s.api.DeleteMessageContext(ctx, at.Channel, at.TS)
	if err != nil && slackapi.Explain(err).Reason == "MessageGone" {
		return nil
	}
	return err
}

// RenamedError says that the route's channel bears another name now. Messages still arrive, by its id, until the
// process is restarted.
type RenamedError struct{ Was, Name, ID string }

// Error says what to do.
func (e *RenamedError) Error() string {
	return fmt.Sprintf("#%s is called #%s now: write that, or its id %s, into the route; it is told there until the notifier is restarted, and then not", e.Was, e.Name, e.ID)
}

// Probe asks whether the token is taken and, every second time, whether the channel is
// open, past every cache. A *RenamedError is told of one that is open by another name.
func (s *Slack) Probe(ctx context.Context) error {
	if _, err := s.api.AuthTestContext(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.probes++
	channelToo := s.probes%2 == 1 || s.closed // conversations.info allows fewer calls
	s.mu.Unlock()
	if !channelToo {
		return nil
	}
	ch, err := s.find(ctx)
	var renamed error
	if err == nil {
		var info *slack.Channel
		if info, err = s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: ch.ID}); err == nil && info.IsArchived {
			err = slack.SlackErrorResponse{Err: "is_archived"}
		} else if name := strings.ToLower(strings.TrimPrefix(s.channel, "#")); err == nil && info.Name != "" && info.Name != name && s.channel != info.ID {
			renamed = &RenamedError{Was: name, Name: info.Name, ID: info.ID}
		}
	}
	if err != nil && slackapi.Explain(err).Reason == "MissingScope" {
		err = nil // it can post, but not look
	}
	s.mu.Lock()
	s.closed = err != nil || renamed != nil
	s.mu.Unlock()
	if err == nil {
		return renamed
	}
	s.forgetIfGone(err)
	return fmt.Errorf("channel %q: %w", s.channel, err)
}
