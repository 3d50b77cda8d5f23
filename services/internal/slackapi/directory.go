package slackapi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const (
	channelTTL = 10 * time.Minute
	userTTL    = time.Hour
	// maxUsers bounds the cache; a workspace may have hundreds of thousands.
	maxUsers = 20_000
)

// Directory knows channels by name or id and people by id, and remembers them: a channel
// for ten minutes, a person for an hour. It is safe for concurrent use.
type Directory struct {
	api *slack.Client
	now func() time.Time

	mu       sync.Mutex
	channels map[string]entry[slack.Channel] // by id and by lower-case name
	users    map[string]entry[*feedbackv1.Author]
}

type entry[T any] struct {
	value T
	until time.Time
}

// NewDirectory returns an empty directory that asks api.
func NewDirectory(api *slack.Client) *Directory {
	return &Directory{api: api, now: time.Now, channels: map[string]entry[slack.Channel]{}, users: map[string]entry[*feedbackv1.Author]{}}
}

// Channel finds a channel by its id or by its name, with or without a leading #, in any
// case. The error is the client's, for Explain; a name that no channel bears gives Slack's
// own channel_not_found.
func (d *Directory) Channel(ctx context.Context, nameOrID string) (slack.Channel, error) {
	key := normalize(nameOrID)
	d.mu.Lock()
	e, ok := d.channels[key]
	d.mu.Unlock()
	if ok && d.now().Before(e.until) {
		return e.value, nil
	}
	if looksLikeID(nameOrID) {
		ch, err := d.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: nameOrID})
		if err != nil {
			return slack.Channel{}, err
		}
		d.remember(*ch)
		return *ch, nil
	}
	if err := d.list(ctx); err != nil {
		return slack.Channel{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.channels[key]; ok && d.now().Before(e.until) {
		return e.value, nil
	}
	return slack.Channel{}, fmt.Errorf("channel %q: %w", nameOrID, slack.SlackErrorResponse{Err: "channel_not_found"})
}

// Forget drops what is known of a channel, so that it is asked for again.
func (d *Directory) Forget(nameOrID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.channels, normalize(nameOrID))
}

// list reads all channels that the app can see. Without the scope for private ones it reads
// the public ones.
func (d *Directory) list(ctx context.Context) error {
	err := d.listTypes(ctx, []string{"public_channel", "private_channel"})
	if err != nil && Explain(err).Reason == "MissingScope" {
		err = d.listTypes(ctx, []string{"public_channel"})
	}
	return err
}

func (d *Directory) listTypes(ctx context.Context, types []string) error {
	p := &slack.GetConversationsParameters{Limit: 200, Types: types}
	for {
		page, cursor, err := d.api.GetConversationsContext(ctx, p)
		if err != nil {
			return err
		}
		for _, ch := range page {
			d.remember(ch)
		}
		if p.Cursor = cursor; cursor == "" {
			return nil
		}
	}
}

func (d *Directory) remember(ch slack.Channel) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := entry[slack.Channel]{ch, d.now().Add(channelTTL)}
	d.channels[normalize(ch.ID)] = e
	// An archived channel may bear a name that a living one has taken over.
	if old, ok := d.channels[normalize(ch.Name)]; !ok || !ch.IsArchived || old.value.ID == ch.ID || d.now().After(old.until) {
		d.channels[normalize(ch.Name)] = e
	}
}

// User finds a person by id. One that Slack does not know, or that the app may not see, is
// an author with the id alone; an error means that asking again may help.
func (d *Directory) User(ctx context.Context, id string) (*feedbackv1.Author, error) {
	d.mu.Lock()
	e, ok := d.users[id]
	d.mu.Unlock()
	if ok && d.now().Before(e.until) {
		return e.value, nil
	}
	author := &feedbackv1.Author{Id: id}
	u, err := d.api.GetUserInfoContext(ctx, id)
	if err != nil {
		p := Explain(err)
		if p.Reason == "SlackError" || p.Kind == Missing || p.Kind == Permanent {
			err = nil // user_not_found and the like: the id is all there is to know
		}
		if err != nil {
			return author, err
		}
	} else {
		author.Handle, author.DisplayName, author.Bot = u.Name, u.Profile.DisplayName, u.IsBot
		if author.DisplayName == "" {
			author.DisplayName = u.RealName
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.users) >= maxUsers {
		clear(d.users)
	}
	d.users[id] = entry[*feedbackv1.Author]{author, d.now().Add(userTTL)}
	return author, nil
}

func normalize(nameOrID string) string { return strings.ToLower(strings.TrimPrefix(nameOrID, "#")) }

// looksLikeID tells a channel's id (C, G or D and upper-case letters and digits) from a
// name, which has no upper-case letters.
func looksLikeID(s string) bool {
	if len(s) < 2 || !strings.ContainsRune("CGD", rune(s[0])) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) < 0
}
