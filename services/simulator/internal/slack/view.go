package slack

import (
	"encoding/json"
	"slices"
	"time"
)

// Info is a channel's id and name.
type Info struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Private  bool   `json:"private"`
	Archived bool   `json:"archived"`
	Member   bool   `json:"member"`
}

// Channels lists all channels in the order in which they were made.
func (w *Workspace) Channels() []Info {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []Info{}
	for _, c := range w.channels {
		out = append(out, Info{c.ID, c.Name, c.Private, c.Archived, c.Member})
	}
	return out
}

// Standing is a message as it stands in its channel now.
type Standing struct {
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts"`
	User     string          `json:"user"`
	BotID    string          `json:"bot_id"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks"`
	Metadata *Metadata       `json:"metadata"`
	Edited   bool            `json:"edited"`
	Deleted  bool            `json:"deleted,omitempty"`

	// Author is the name that people see; for the page.
	Author string `json:"-"`
	Bot    bool   `json:"-"`
	Files  []File `json:"-"`
}

// Standing lists everything that stands in the channel, threads included, oldest first,
// and what was deleted as well if that is wanted. It is false where no channel has that id
// or name.
func (w *Workspace) Standing(channel string, deleted bool) ([]Standing, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.find(channel)
	if c == nil {
		return nil, false
	}
	out := []Standing{}
	for _, r := range c.messages {
		if r.deleted && !deleted {
			continue
		}
		out = append(out, Standing{TS: r.TS, ThreadTS: r.ThreadTS, User: r.User, BotID: r.BotID, Text: r.Text, Blocks: r.Blocks,
			Metadata: r.Metadata, Edited: r.Edited != nil, Deleted: r.deleted, Author: w.author(r), Bot: r.bot, Files: r.Files})
	}
	return out, true
}

func (w *Workspace) author(r *record) string {
	if u := w.users[r.User]; u != nil {
		return u.RealName
	}
	if r.Username != "" {
		return r.Username
	}
	return r.User
}

// Said is a post that people, or other apps' bots, offered.
type Said struct {
	TeamID, ChannelID, Channel string
	TS, ThreadTS               string
	User                       string // handle
	Bot, Deleted               bool
	FinalText                  string
	Revisions                  []Revision
	At                         time.Time
}

// Said lists all that was ever offered, the app's own posts left out, by ts.
func (w *Workspace) Said() []Said {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Said
	for _, c := range w.channels {
		for _, r := range c.messages {
			if r.own {
				continue
			}
			s := Said{TeamID: TeamID, ChannelID: c.ID, Channel: c.Name, TS: r.TS, User: r.User, Bot: r.bot,
				Deleted: r.deleted || r.tombstone(), FinalText: r.human, Revisions: slices.Clone(r.revisions), At: tsTime(r.TS)}
			if r.isReply() {
				s.ThreadTS = r.ThreadTS
			}
			if u := w.users[r.User]; u != nil {
				s.User = u.Name
			} else if r.Username != "" {
				s.User = r.Username
			}
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Said) int { return a.At.Compare(b.At) })
	return out
}

// Names maps ids of users and channels to their names; for the page.
func (w *Workspace) Names() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]string{}
	for id, u := range w.users {
		out[id] = u.RealName
	}
	for _, c := range w.channels {
		out[c.ID] = c.Name
	}
	return out
}
