package main

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

const pageSize = 200

// api is what the service asks of Slack's Web API.
type api struct {
	*slack.Client
	*slackapi.Directory
}

func newAPI(c *slack.Client) api { return api{c, slackapi.NewDirectory(c)} }

// history reads up to limit messages between oldest and latest, both excluded, newest first.
func (a api) history(ctx context.Context, channel, oldest, latest string, limit int) ([]slack.Message, bool, error) {
	h, err := a.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Oldest: oldest, Latest: latest, Limit: limit, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, false, err
	}
	return h.Messages, h.HasMore, nil
}

// replies reads a page of a thread, oldest first, and the cursor of the next.
func (a api) replies(ctx context.Context, channel, root, oldest, cursor string) ([]slack.Message, string, error) {
	messages, more, next, err := a.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: channel, Timestamp: root, Oldest: oldest, Cursor: cursor, Limit: pageSize, IncludeAllMetadata: true,
	})
	if !more {
		next = ""
	}
	return messages, next, err
}

// root reads the first message of a thread; nil if it is gone.
func (a api) root(ctx context.Context, channel, ts string) (*slack.Msg, error) {
	messages, _, _, err := a.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: channel, Timestamp: ts, Limit: 1, IncludeAllMetadata: true,
	})
	if err != nil {
		if slackapi.Explain(err).Reason == "MessageGone" {
			return nil, nil
		}
		return nil, err
	}
	for i := range messages {
		if messages[i].Timestamp == ts {
			return &messages[i].Msg, nil
		}
	}
	return nil, nil
}

func (a api) channelName(ctx context.Context, id string) (string, error) {
	ch, err := a.Channel(ctx, id)
	return ch.Name, err
}

func (a api) join(ctx context.Context, channel string) error {
	_, _, _, err := a.JoinConversationContext(ctx, channel)
	return err
}

// former finds the channel that once had a name; nil if none had.
func (a api) former(ctx context.Context, name string) (*slack.Channel, error) {
	p := &slack.GetConversationsParameters{Limit: pageSize, ExcludeArchived: true, Types: []string{"public_channel", "private_channel"}}
	for {
		page, cursor, err := a.GetConversationsContext(ctx, p)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if slices.Contains(page[i].PreviousNames, name) {
				return &page[i], nil
			}
		}
		if p.Cursor = cursor; cursor == "" {
			return nil, nil
		}
	}
}

func joined(problems []string) string { return strings.Join(problems, "; ") }
