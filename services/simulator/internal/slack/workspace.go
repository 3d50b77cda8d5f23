// Package slack plays one Slack workspace with one app in it: the Web API, Socket Mode,
// signed HTTP events, and what people write.
//
// It guarantees Slack's order: every message, edit and deletion has a ts of its own, which
// only grows; what happens is in the log before it is answered or delivered, so that
// history after a kill -9 has everything that anybody was told of.
package slack

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/fault"
	"github.com/feedback-pipelines/feedback-pipelines/services/simulator/internal/store"
)

// Options configures a Workspace. Zero durations mean Slack's own.
type Options struct {
	// DataDir keeps slack.jsonl; with none, history ends with the process.
	DataDir string
	// Channels exist from the start; "private:name" is a private one that the app is in.
	Channels []string
	// NotInvited are those of Channels that the app is not yet a member of.
	NotInvited []string
	// BotToken and AppToken are the tokens that are taken; SetBotTokens changes the former.
	BotToken, AppToken string
	// UserToken, where there is one, is a person's: what is posted with it is said by the user "you".
	UserToken string
	// SigningSecret signs HTTP events.
	SigningSecret string
	// EventsURL gets signed HTTP events; with none, events go through Socket Mode.
	EventsURL string
	// Scopes are granted to the bot token; nil means all that the app asks for.
	Scopes []string
	// Faults says when to misbehave.
	Faults *fault.Set
	// Log gets what a person who runs the simulator should know.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Seed decides which connection gets an event.
	Seed uint64

	// AckTimeout is how long an envelope or an HTTP event may stay unacknowledged (3 s).
	AckTimeout time.Duration
	// PingInterval is how often sockets are pinged (2 s).
	PingInterval time.Duration
	// PushRetries are the waits before HTTP events are sent again (at once, 1 min, 5 min).
	PushRetries []time.Duration
	// NoTiers switches the limits per method and minute off; that of posting stays.
	NoTiers bool
}

// AllScopes are what the app of the README asks for.
var AllScopes = []string{
	"channels:history", "channels:join", "channels:read", "chat:write", "chat:write.public",
	"groups:history", "groups:read", "metadata.message:read", "users:read",
}

// Workspace is the simulated workspace. Its methods may be called at the same time.
type Workspace struct {
	opts     Options
	log      *store.Log
	limits   *limits
	delivery *delivery
	tokens   *tokens

	mu       sync.Mutex
	lastTS   int64 // microseconds
	channels []*Channel
	users    map[string]*User // by id
	counts   map[string]int
	events   uint64
}

// entry is one line of the log.
type entry struct {
	Op      string   `json:"op"`
	Channel string   `json:"channel,omitempty"`
	TS      string   `json:"ts,omitempty"`
	At      string   `json:"at,omitempty"`
	Human   string   `json:"human,omitempty"`
	Own     bool     `json:"own,omitempty"`
	Bot     bool     `json:"bot,omitempty"`
	Message *Message `json:"message,omitempty"`
	Info    *Channel `json:"info,omitempty"`
	User    *User    `json:"user,omitempty"`
}

// Open reads the workspace's history and makes the channels that are missing.
func Open(o Options) (*Workspace, error) {
	o.AckTimeout = cmp.Or(o.AckTimeout, 3*time.Second)
	o.PingInterval = cmp.Or(o.PingInterval, 2*time.Second)
	if o.PushRetries == nil {
		o.PushRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.Scopes == nil {
		o.Scopes = AllScopes
	}
	w := &Workspace{opts: o, users: map[string]*User{}, counts: map[string]int{}, limits: newLimits(o.Now, o.NoTiers), tokens: newTokens(o.BotToken)}
	w.delivery = newDelivery(w, rand.New(rand.NewPCG(o.Seed, 0x51ac)))
	for _, u := range people() {
		w.users[u.ID] = &u
	}
	path := ""
	if o.DataDir != "" {
		path = filepath.Join(o.DataDir, "slack.jsonl")
	}
	var err error
	w.log, err = store.Open(path, func(b []byte) error {
		var e entry
		if err := json.Unmarshal(b, &e); err != nil {
			return err
		}
		return w.apply(&e)
	})
	if err != nil {
		return nil, err
	}
	for _, name := range o.Channels {
		name, private := strings.CutPrefix(name, "private:")
		if w.byName(name) == nil {
			member := private || !slices.Contains(o.NotInvited, name)
			if _, err := w.SetChannel(ChannelChange{Name: name, Private: &private, Member: &member}); err != nil {
				return nil, err
			}
		}
	}
	w.delivery.start()
	return w, nil
}

// Close ends all connections and the log.
func (w *Workspace) Close() error {
	w.delivery.stop()
	return w.log.Close()
}

// commit writes e to the log and applies it; w.mu is held.
func (w *Workspace) commit(e *entry) error {
	if err := w.log.Append(e); err != nil {
		return err
	}
	return w.apply(e)
}

// apply changes the state; it is the only place that does. w.mu is held or not yet needed.
func (w *Workspace) apply(e *entry) error {
	switch e.Op {
	case "user":
		w.users[e.User.ID] = e.User
		return nil
	case "channel":
		w.applyChannel(e.Info)
		return nil
	}
	c := w.byID(e.Channel)
	if c == nil {
		return fmt.Errorf("%s in channel %q, which does not exist", e.Op, e.Channel)
	}
	switch e.Op {
	case "post":
		w.applyPost(c, e)
		return nil
	case "edit", "delete":
		r := c.byTS[e.TS]
		if r == nil {
			return fmt.Errorf("%s of message %s in %s, which does not exist", e.Op, e.TS, c.Name)
		}
		w.applyChange(r, e)
		return nil
	}
	return fmt.Errorf("op %q is unknown", e.Op)
}

func (w *Workspace) applyChannel(info *Channel) {
	if c := w.byID(info.ID); c != nil {
		c.Name, c.Private, c.Archived, c.Member, c.Shared, c.Previous = info.Name, info.Private, info.Archived, info.Member, info.Shared, info.Previous
		return
	}
	c := *info
	c.messages, c.byTS, c.replies = nil, map[string]*record{}, map[string][]*record{}
	w.channels = append(w.channels, &c)
}

func (w *Workspace) applyPost(c *Channel, e *entry) {
	m := *e.Message
	r := &record{Message: m, human: e.Human, own: e.Own, bot: e.Bot,
		revisions: []Revision{{At: tsTime(m.TS), Text: e.Human, PostID: m.TS}}}
	c.messages = append(c.messages, r)
	c.byTS[m.TS] = r
	if m.isReply() {
		c.replies[m.ThreadTS] = append(c.replies[m.ThreadTS], r)
	}
	w.saw(m.TS)
	w.counts["posts"]++
	if !e.Own {
		w.counts["people_posts"]++
	}
}

func (w *Workspace) applyChange(r *record, e *entry) {
	w.saw(e.At)
	if e.Op == "delete" {
		r.revisions = append(r.revisions, Revision{At: tsTime(e.At), Deleted: true, PostID: r.TS})
		r.human = ""
		w.counts["deletions"]++
		if e.Message == nil {
			r.deleted = true
			return
		}
	} else {
		r.human = e.Human
		r.revisions = append(r.revisions, Revision{At: tsTime(e.At), Text: e.Human, PostID: r.TS})
		w.counts["edits"]++
	}
	r.Message = *e.Message
}

// saw keeps ts growing over restarts.
func (w *Workspace) saw(ts string) { w.lastTS = max(w.lastTS, tsMicros(ts)) }

// nextTS returns a ts that is higher than all before; w.mu is held.
func (w *Workspace) nextTS() string {
	w.lastTS = max(w.opts.Now().UnixMicro(), w.lastTS+1)
	return formatTS(w.lastTS)
}

func formatTS(micros int64) string { return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6) }

// tsMicros reads a ts, or seconds without fraction; 0 where it is none.
func tsMicros(ts string) int64 {
	secs, frac, _ := strings.Cut(ts, ".")
	frac = (frac + "000000")[:6]
	var v int64
	for _, r := range secs + frac {
		if r < '0' || r > '9' || v > 1<<58 {
			return 0
		}
		v = v*10 + int64(r-'0')
	}
	return v
}

func tsTime(ts string) time.Time { return time.UnixMicro(tsMicros(ts)).UTC() }

func (w *Workspace) byID(id string) *Channel {
	i := slices.IndexFunc(w.channels, func(c *Channel) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return w.channels[i]
}

func (w *Workspace) byName(name string) *Channel {
	name = strings.TrimPrefix(name, "#")
	i := slices.IndexFunc(w.channels, func(c *Channel) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return w.channels[i]
}

// find takes an id or a name.
func (w *Workspace) find(channel string) *Channel {
	if c := w.byID(channel); c != nil {
		return c
	}
	return w.byName(channel)
}

// makeID derives a stable Slack id from a name.
func makeID(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:10]
}

// ChannelChange says what to make of a channel; nil leaves a property as it is.
type ChannelChange struct {
	Name     string `json:"name"`
	Rename   string `json:"rename"`
	Private  *bool  `json:"private"`
	Member   *bool  `json:"member"`
	Archived *bool  `json:"archived"`
	Shared   *bool  `json:"shared"`
}

// SetChannel makes the channel or changes it, and returns its id.
func (w *Workspace) SetChannel(ch ChannelChange) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := strings.TrimPrefix(ch.Name, "#")
	if name == "" || name != strings.ToLower(name) || len(name) > 80 || strings.ContainsAny(name, " .,#") {
		return "", fmt.Errorf("channel name %q: use up to 80 lower-case letters, digits, - and _", ch.Name)
	}
	info := Channel{ID: makeID("C", name), Name: name, Created: w.opts.Now().UTC()}
	if c := w.byName(name); c != nil {
		info = Channel{ID: c.ID, Name: c.Name, Private: c.Private, Archived: c.Archived, Shared: c.Shared, Member: c.Member, Created: c.Created, Previous: c.Previous}
	}
	for to, v := range map[*bool]*bool{&info.Private: ch.Private, &info.Member: ch.Member, &info.Archived: ch.Archived, &info.Shared: ch.Shared} {
		if v != nil {
			*to = *v
		}
	}
	if ch.Rename != "" {
		info.Previous, info.Name = append(slices.Clone(info.Previous), info.Name), ch.Rename
	}
	return info.ID, w.commit(&entry{Op: "channel", Info: &info})
}

// Counts tells how many posts, edits, deletions, deliveries and refusals there were.
func (w *Workspace) Counts() map[string]int {
	w.mu.Lock()
	out := maps.Clone(w.counts)
	w.mu.Unlock()
	maps.Copy(out, w.delivery.counts())
	return out
}
