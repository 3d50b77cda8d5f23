// Package channels keeps the set of channels that a source follows.
//
// It guarantees that a channel once found is followed by its id, whatever it is called
// later, and that one that cannot be read is named with the remedy and tried again.
package channels

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/slackapi"
)

const (
	// refresh is how often names are looked up again.
	refresh = 10 * time.Minute
	// retry is the same while a channel is missing.
	retry = 15 * time.Second
	// checkEvery is how often a few of the channels are asked about, in turn: whether they were archived and whether the
	// app is still in them. Slack tells it by events as well, if the app subscribes to them and the socket stands.
	checkEvery = 20 * time.Second
	// checkMost is how many are asked about at once: a check of each makes one call of the 50 a minute that Slack allows,
	// and the rest is for those who read the history.
	checkMost = 6
	// settle gathers several news of channels into one look.
	settle = 2 * time.Second
)

// Options are what a Set works with.
type Options struct {
	// Wanted are channels by name, with or without #, or by id.
	Wanted []string
	// Lookup finds a channel by name or id, and may remember it; Forget makes it ask Slack again.
	Lookup func(ctx context.Context, nameOrID string) (slack.Channel, error)
	Forget func(nameOrID string)
	// Former finds the channel that once had the name; nil if there is none.
	Former func(ctx context.Context, name string) (*slack.Channel, error)
	// Join enters a public channel; nil: never.
	Join func(ctx context.Context, id string) error
	// Report is told what is wrong with which channels, by the name wanted, after each look;
	// none is empty. all is true if no channel can be read.
	Report func(problems []string, all bool)
	// Found is told when a channel is followed from now on.
	Found func()
}

// Channel is one that is followed.
type Channel struct {
	ID, Name string
}

// Set is the channels that are followed. Its methods may be called concurrently.
type Set struct {
	o    Options
	kick chan struct{}

	mu         sync.Mutex
	byID       map[string]Channel
	wanted     map[string]string    // as written -> id
	problems   map[string]string    // as written -> what is wrong
	unreadable map[string]string    // id -> what is wrong
	checked    int                  // channels, in all
	well       map[string]time.Time // id -> since when nothing is wrong with it
}

// New makes an empty set; Look fills it.
func New(o Options) *Set {
	return &Set{o: o, kick: make(chan struct{}, 1), byID: map[string]Channel{}, wanted: map[string]string{},
		problems: map[string]string{}, unreadable: map[string]string{}, well: map[string]time.Time{}}
}

// Name is a followed channel's name as it is now; false for one that is not followed.
func (s *Set) Name(id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.byID[id]
	return c.Name, ok
}

// IDs are the channels that are followed, in the order of their ids.
func (s *Set) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.byID))
}

// Heard tells whether the app could hear what was said in a channel at that time, as far as is
// known: it was found before, and nothing has been wrong with it since.
func (s *Set) Heard(id string, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, ok := s.well[id]
	return ok && since.Before(at)
}

// note keeps since when nothing is wrong with each channel; s.mu is held.
func (s *Set) note() {
	for want, id := range s.wanted {
		_, known := s.well[id]
		switch bad := s.problems[want] != "" || s.unreadable[id] != ""; {
		case bad:
			delete(s.well, id)
		case !known:
			s.well[id] = time.Now()
		}
	}
}

// Moved says that a channel was renamed, joined or left: look soon.
func (s *Set) Moved() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Readable says how reading a channel's history went.
func (s *Set) Readable(id string, err error) {
	s.mu.Lock()
	before := s.unreadable[id]
	delete(s.unreadable, id)
	if err != nil {
		s.unreadable[id] = slackapi.Explain(err).Message
	}
	moved := before != s.unreadable[id]
	s.mu.Unlock()
	if moved {
		s.report()
	}
}

// Run looks again from time to time, sooner while something is missing, until ctx ends.
func (s *Set) Run(ctx context.Context) {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for looked := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-check.C:
			if time.Since(looked) < s.pause() && !s.moved(ctx) {
				continue
			}
		case <-s.kick:
			select {
			case <-ctx.Done():
				return
			case <-time.After(settle):
			}
		}
		s.Look(ctx)
		looked = time.Now()
	}
}

// pause is the time between two looks.
func (s *Set) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.problems) > 0 {
		return retry
	}
	return refresh
}

// moved asks about the next few channels, and tells whether one of them can no longer be
// followed as it was: then a look finds out more.
func (s *Set) moved(ctx context.Context) bool {
	ids := s.IDs()
	for range min(len(ids), checkMost) {
		id := ids[s.checked%len(ids)]
		s.checked++
		s.o.Forget(id)
		ch, err := s.o.Lookup(ctx, id)
		if gone := err != nil && slackapi.Explain(err).Kind == slackapi.Missing; gone || err == nil && !follows(ch) {
			s.mu.Lock()
			known := len(s.problems) > 0
			s.mu.Unlock()
			return !known // else the next look is soon
		}
	}
	return false
}

// follows tells whether the app hears what is said in a channel.
func follows(ch slack.Channel) bool {
	return !ch.IsArchived && (ch.IsMember || ch.IsIM || ch.IsMpIM)
}

// Look finds every channel that is wanted and enters those that it may.
func (s *Set) Look(ctx context.Context) {
	found := false
	for _, want := range s.o.Wanted { // all before the first is asked for: one list of the channels then knows every name
		s.o.Forget(want)
	}
	for _, want := range s.o.Wanted {
		ch, warning, err := s.find(ctx, want)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		delete(s.problems, want)
		switch {
		case err != nil:
			s.problems[want] = slackapi.Explain(err).Message
		default:
			if warning != "" {
				s.problems[want] = warning
			}
			_, known := s.byID[ch.ID]
			found = found || !known
			s.byID[ch.ID] = Channel{ID: ch.ID, Name: ch.Name}
			s.wanted[want] = ch.ID
		}
		s.mu.Unlock()
	}
	s.report()
	if found {
		s.o.Found()
	}
}

// find gives a channel and what a person should know of it.
func (s *Set) find(ctx context.Context, want string) (slack.Channel, string, error) {
	s.mu.Lock()
	id := s.wanted[want]
	s.mu.Unlock()
	ch, err := s.o.Lookup(ctx, want)
	renamed := ""
	if err != nil && slackapi.Explain(err).Reason == "ChannelNotFound" {
		if ch, err = s.renamed(ctx, want, id, err); err == nil {
			renamed = fmt.Sprintf("it is called #%s now: write that, or its id %s, into the source's channels", ch.Name, ch.ID)
		}
	}
	if err != nil {
		return ch, "", err
	}
	if ch.IsArchived {
		return ch, "it is archived: unarchive it or name another", nil
	}
	if follows(ch) {
		return ch, renamed, nil
	}
	if s.o.Join != nil && !ch.IsPrivate {
		if err := s.o.Join(ctx, ch.ID); err != nil {
			return ch, "the app is not in it and cannot join: " + slackapi.Explain(err).Message, nil
		}
		s.o.Forget(ch.ID)
		return ch, renamed, nil
	}
	return ch, "the app is not in it: invite it with /invite", nil
}

// renamed finds a channel that no longer bears the name wanted: the one it was before, or
// the one that Slack says had the name.
func (s *Set) renamed(ctx context.Context, want, id string, notFound error) (slack.Channel, error) {
	if id != "" && id != want {
		s.o.Forget(id)
		return s.o.Lookup(ctx, id)
	}
	ch, err := s.o.Former(ctx, strings.ToLower(strings.TrimPrefix(want, "#")))
	if err != nil || ch == nil {
		return slack.Channel{}, errors.Join(notFound, err)
	}
	return *ch, nil
}

func (s *Set) report() {
	s.mu.Lock()
	s.note()
	var out []string
	broken := 0
	for _, want := range s.o.Wanted {
		name := want
		if len(name) > 0 && name[0] != '#' {
			name = "#" + name
		}
		id, known := s.wanted[want]
		switch {
		case s.unreadable[id] != "" && known:
			out, broken = append(out, name+": "+s.unreadable[id]), broken+1
		case s.problems[want] != "":
			out = append(out, name+": "+s.problems[want])
			if !known {
				broken++
			}
		}
	}
	all := broken == len(s.o.Wanted)
	s.mu.Unlock()
	s.o.Report(out, all)
}
