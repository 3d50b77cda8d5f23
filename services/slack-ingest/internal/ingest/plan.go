package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"golang.org/x/sync/errgroup"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/slack-ingest/internal/event"
)

// plan gives the event that a change makes, or the reason why it makes none.
// An error means that this cannot be told now.
func (i *Ingester) plan(ctx context.Context, c event.Change) (*feedbackv1.Event, string, error) {
	name, followed := i.Channel(c.Channel)
	if !followed {
		return nil, event.ReasonChannel, nil
	}
	id := i.ID(i.Workspace.Team, c.Channel, c.TS)
	said := c.Message
	if c.Kind == event.Deleted {
		if said = c.Previous; said == nil { // Slack didn't say what it was
			return i.deletion(c, id, name)
		}
	}
	if reason := i.Rules.LeftOut(said); reason != "" {
		i.rememberRoot(c, said, nil, false)
		return nil, reason, nil
	}
	if c.Kind == event.Edited && c.Previous != nil &&
		event.Text(c.Message, event.Names{}) == event.Text(c.Previous, event.Names{}) {
		return nil, event.ReasonUnchanged, nil // an unfurl, a reaction of an app, a pin
	}
	x := event.Context{ID: id, ChannelName: name, Author: i.author(ctx, said), Names: i.names(ctx), Now: i.Now()}
	matched, err := i.matches(ctx, c, &x)
	if err != nil {
		return nil, "", err
	}
	e := event.Convert(i.Workspace, c, x)
	i.rememberRoot(c, said, e, matched)
	switch {
	case !matched:
		return nil, event.ReasonNoMatch, nil
	case i.repeated(e):
		return nil, event.ReasonRepeated, nil
	}
	return e, "", nil
}

func (i *Ingester) deletion(c event.Change, id, name string) (*feedbackv1.Event, string, error) {
	if _, known := i.published.get(id); !known {
		return nil, event.ReasonNoMatch, nil
	}
	e := event.Convert(i.Workspace, c, event.Context{ID: id, ChannelName: name, Now: i.Now()})
	if i.repeated(e) {
		return nil, event.ReasonRepeated, nil
	}
	return e, "", nil
}

// matches tells whether the source's match takes the message as it stands or as it
// stood, by itself or through the root of its thread. It fills in x.Parent.
func (i *Ingester) matches(ctx context.Context, c event.Change, x *event.Context) (bool, error) {
	var top root
	var err error
	if thread := threadOf(c); thread != "" {
		top, err = i.root(ctx, c.Channel, thread)
		x.Parent = &feedbackv1.Parent{
			Id: i.ID(i.Workspace.Team, c.Channel, thread), Excerpt: top.excerpt,
			Url: event.Permalink(i.Workspace.URL, c.Channel, thread, ""),
		}
	}
	for _, m := range []*slack.Msg{c.Message, c.Previous} {
		if m == nil {
			continue
		}
		as := event.Convert(i.Workspace, event.Change{Kind: event.Posted, Channel: c.Channel, TS: c.TS, EventTS: c.EventTS, Message: m}, *x)
		if i.Accepts(as) || top.matched && i.Follows(as) {
			return true, nil
		}
	}
	if _, known := i.published.get(x.ID); known && c.Kind != event.Posted {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the root of thread %s in %s: %w", threadOf(c), c.Channel, err)
	}
	return false, nil
}

func threadOf(c event.Change) string {
	for _, m := range []*slack.Msg{c.Message, c.Previous} {
		if m != nil && m.ThreadTimestamp != "" && m.ThreadTimestamp != c.TS {
			return m.ThreadTimestamp
		}
	}
	return ""
}

// root is what is known of a thread's first message.
type root struct {
	excerpt string
	matched bool // the source took it, now or before an edit
}

// root gives a thread's first message from the cache or from Slack.
func (i *Ingester) root(ctx context.Context, channel, ts string) (root, error) {
	key := channel + "/" + ts
	if r, ok := i.roots.get(key); ok {
		return r, nil
	}
	m, err := i.Root(ctx, channel, ts)
	if err != nil {
		return root{}, err
	}
	var r root
	if m != nil {
		c := event.Change{Kind: event.Posted, Channel: channel, TS: ts, EventTS: ts, Message: m}
		name, _ := i.Channel(channel)
		e := event.Convert(i.Workspace, c, event.Context{
			ID: i.ID(i.Workspace.Team, channel, ts), ChannelName: name,
			Author: i.author(ctx, m), Names: i.names(ctx), Now: i.Now(),
		})
		r = root{excerpt: event.Excerpt(e.GetText()), matched: i.Rules.LeftOut(m) == "" && i.Accepts(e)}
	}
	i.roots.set(key, r)
	return r, nil
}

// rememberRoot keeps a message that stands in the channel itself, for replies to come.
func (i *Ingester) rememberRoot(c event.Change, said *slack.Msg, e *feedbackv1.Event, matched bool) {
	if said == nil || threadOf(c) != "" {
		return
	}
	key := c.Channel + "/" + c.TS
	before, _ := i.roots.get(key)
	r := root{matched: matched || before.matched, excerpt: before.excerpt}
	switch {
	case c.Kind == event.Deleted:
		r.excerpt = ""
	case e != nil:
		r.excerpt = event.Excerpt(e.GetText())
	default:
		r.excerpt = event.Excerpt(event.Text(said, event.Names{}))
	}
	i.roots.set(key, r)
}

// author is who said it; nil where Slack doesn't tell now.
func (i *Ingester) author(ctx context.Context, m *slack.Msg) *feedbackv1.Author {
	if m.User == "" {
		return nil
	}
	return i.user(ctx, m.User)
}

func (i *Ingester) names(ctx context.Context) event.Names {
	return event.Names{
		User: func(id string) string {
			a := i.user(ctx, id)
			if a.GetDisplayName() != "" {
				return a.GetDisplayName()
			}
			return a.GetHandle()
		},
		Channel: func(id string) string {
			if name, followed := i.Channel(id); followed {
				return name
			}
			return lookup(ctx, i, id, i.ChannelName)
		},
	}
}

// warm asks for the authors of several messages at once, so that each by itself is known.
func (i *Ingester) warm(ctx context.Context, changes []event.Change) {
	people := map[string]bool{}
	for _, c := range changes {
		if _, followed := i.Channel(c.Channel); followed && c.Message != nil && c.Message.User != "" && i.Rules.LeftOut(c.Message) == "" {
			people[c.Message.User] = true
		}
	}
	if len(people) < 2 {
		return
	}
	var all errgroup.Group
	all.SetLimit(8)
	for id := range people {
		all.Go(func() error { i.user(ctx, id); return nil })
	}
	_ = all.Wait()
}

func (i *Ingester) user(ctx context.Context, id string) *feedbackv1.Author {
	return lookup(ctx, i, id, i.User)
}

// lookup asks for who or what bears an id. A name is never worth an event: where it cannot
// be had it is the zero value, and for a while that id is not asked for again.
func lookup[T any](ctx context.Context, i *Ingester, id string, ask func(context.Context, string) (T, error)) T {
	var none T
	if i.cooling.until(id).After(i.Now()) {
		return none
	}
	v, err := ask(ctx, id)
	if err != nil {
		i.cooling.add(id, i.Now().Add(coolDown))
		return none
	}
	return v
}

// cooling are ids whose name could not be had, and until when not to ask again.
type cooling struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

func (c *cooling) until(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[id]
}

func (c *cooling) add(id string, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) > 1000 {
		c.ids = map[string]time.Time{}
	}
	c.ids[id] = t
}
