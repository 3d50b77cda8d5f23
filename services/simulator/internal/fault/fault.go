// Package fault keeps the misbehaviour that somebody has asked for.
//
// A fault is active for a duration, for a count of hits, or for both, whichever ends
// first; nothing misbehaves that was not asked for.
package fault

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is a way of misbehaving.
type Kind string

// The kinds. Those marked "at once" happen when they are asked for and are over.
const (
	Drop          Kind = "drop"
	Disconnect    Kind = "disconnect"
	Ghost         Kind = "ghost"
	HalfOpen      Kind = "half_open"
	Redeliver     Kind = "redeliver"
	BadEnvelope   Kind = "bad_envelope"
	Slack429      Kind = "slack429"
	Slack5xx      Kind = "slack5xx"
	Slow          Kind = "slow"
	LostAnswer    Kind = "lost_answer"
	RefuseChannel Kind = "refuse_channel"
	MissingScope  Kind = "missing_scope"
	Revoke        Kind = "revoke"
	Restore       Kind = "restore"
	X429          Kind = "x429"
	XCap          Kind = "x_cap"
	X503          Kind = "x503"
	XLate         Kind = "x_late"
	Azure429      Kind = "azure429"
	Azure503      Kind = "azure503"
	AzureSlow     Kind = "azure_slow"
	AzureRefuse   Kind = "azure_refuse"
	LLM429        Kind = "llm429"
	LLM503        Kind = "llm503"
	LLMSlow       Kind = "llm_slow"
	LLMRefuse     Kind = "llm_refuse"
	LLMBroken     Kind = "llm_broken"
)

// Description says what a kind does and what its target and error mean.
type Description struct {
	Kind Kind   `json:"kind"`
	Does string `json:"does"`
}

// Kinds lists all kinds, in the order in which a person would want to read them.
func Kinds() []Description {
	return []Description{
		{Drop, "at once: cuts connections without a word; target slack (default) or x; count: how many (default all)"},
		{Disconnect, "at once: asks sockets to reconnect (Slack's refresh_requested, X's operational-disconnect) and closes them; target slack (default) or x"},
		{Ghost, "one socket stays open and pings, but the events given to it vanish, for the duration (default 10s)"},
		{HalfOpen, "connections go silent without closing: no events, no pings, no keepalive, for the duration (default 60s); target slack (default) or x"},
		{Redeliver, "the next count (default 1) acknowledged envelopes or HTTP events are sent again, as if the acknowledgement was lost"},
		{BadEnvelope, "at once: sends an envelope of a type that no library knows (error: an event of that type instead, with nothing in it); it is redelivered until acknowledged"},
		{Slack429, "Slack answers 429 with Retry-After 1; target: a method such as chat.postMessage (default all)"},
		{Slack5xx, "Slack answers 503 with an HTML page; target: a method (default all)"},
		{Slow, "Slack answers after a delay (field delay, default 2s); target: a method (default all)"},
		{LostAnswer, "Slack does the deed and cuts the connection before it answers; target: a method (default chat.postMessage)"},
		{RefuseChannel, "posting to the channel named by target is refused; error: is_archived (default), channel_not_found, not_in_channel, restricted_action"},
		{MissingScope, "the app lacks the scope named by target, such as channels:history"},
		{Revoke, "a token or key is revoked until restore; target: bot (default), app, x, azure or llm"},
		{Restore, "at once: ends all faults, or with a target those of that target"},
		{X429, "X answers 429 with x-rate-limit-reset; target: search, lookup, rules or stream (default all)"},
		{XCap, "X answers 429 UsageCapExceeded, without a reset"},
		{X503, "X answers 503 with an HTML page; target as for x429"},
		{XLate, "posts appear in X's search only when the fault has ended, although their ids are older (default 10s)"},
		{Azure429, "Azure answers 429 with Retry-After 1; target: languages or sentiment (default both)"},
		{Azure503, "Azure answers 503; target as for azure429"},
		{AzureSlow, "Azure answers after a delay (field delay, default 2s); target as for azure429"},
		{AzureRefuse, "Azure refuses single texts; target as for azure429; count: how many (default 1)"},
		{LLM429, "the language model answers 429 with Retry-After 1"},
		{LLM503, "the language model answers 503"},
		{LLMSlow, "the language model answers after a delay (field delay, default 2s)"},
		{LLMRefuse, "the language model's content filter refuses requests with a text, that one until restore; count: how many texts (default 1)"},
		{LLMBroken, "an answer of the language model leaves out a result"},
	}
}

// Fault is misbehaviour asked for. In JSON durations are strings such as "10s".
type Fault struct {
	Kind   Kind   `json:"kind"`
	Target string `json:"target,omitempty"`
	// Error is the error to answer with, where the kind has a choice.
	Error string `json:"error,omitempty"`
	// Count is after how many hits it ends; 0 means that only the duration ends it.
	Count int `json:"count,omitempty"`
	// Duration is how long it lasts; 0 means until the count is reached or restore.
	Duration Duration `json:"duration,omitzero"`
	// Delay is for the kind slow.
	Delay Duration `json:"delay,omitzero"`

	// Until is when it ends; zero if only the count or restore ends it.
	Until time.Time `json:"until,omitzero"`
}

// Duration is a time.Duration that stands in JSON as "1m30s".
type Duration time.Duration

// MarshalJSON writes it as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads a string such as "10s".
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration %s: write it as a string such as \"10s\"", b)
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("duration %q: write it as \"10s\" or \"2m\"", s)
	}
	*d = Duration(v)
	return nil
}

// Set is the active faults. Its methods may be called at the same time.
type Set struct {
	now func() time.Time

	mu     sync.Mutex
	active []*Fault
	hooks  map[Kind][]func(Fault)
	hits   map[Kind]int
}

// New returns a Set without faults that reads the time from now.
func New(now func() time.Time) *Set {
	return &Set{now: now, hooks: map[Kind][]func(Fault){}, hits: map[Kind]int{}}
}

// On has do called whenever a fault of the kind is started, after it became active.
func (s *Set) On(kind Kind, do func(Fault)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks[kind] = append(s.hooks[kind], do)
}

// atOnce kinds act through hooks and never stay active.
var atOnce = []Kind{Drop, Disconnect, BadEnvelope, Restore}

// Start makes a fault happen. An unknown kind is an error that lists the known ones.
func (s *Set) Start(f Fault) error {
	known := func(d Description) bool { return d.Kind == f.Kind }
	if !slices.ContainsFunc(Kinds(), known) {
		var names []string
		for _, d := range Kinds() {
			names = append(names, string(d.Kind))
		}
		return fmt.Errorf("kind %q is unknown: take one of %s", f.Kind, strings.Join(names, ", "))
	}
	if f.Count < 0 {
		return fmt.Errorf("count %d: give a number above zero", f.Count)
	}
	fill(&f)
	s.mu.Lock()
	if f.Duration > 0 {
		f.Until = s.now().Add(time.Duration(f.Duration))
	}
	if f.Kind == Restore {
		s.active = slices.DeleteFunc(s.active, func(a *Fault) bool { return f.Target == "" || a.Target == f.Target })
	}
	if slices.Contains(atOnce, f.Kind) {
		s.hits[f.Kind]++
	} else {
		s.active = append(s.active, &f)
	}
	hooks := slices.Clone(s.hooks[f.Kind])
	s.mu.Unlock()
	for _, do := range hooks {
		do(f)
	}
	return nil
}

// fill sets the defaults of f's kind.
func fill(f *Fault) {
	switch f.Kind {
	case Ghost, XLate:
		if f.Duration == 0 {
			f.Duration = Duration(10 * time.Second)
		}
	case HalfOpen:
		if f.Duration == 0 {
			f.Duration = Duration(time.Minute)
		}
	case Slow, AzureSlow, LLMSlow:
		if f.Delay == 0 {
			f.Delay = Duration(2 * time.Second)
		}
		fallthrough
	case Redeliver, Slack429, Slack5xx, X429, XCap, X503, Azure429, Azure503, AzureRefuse, LLM429, LLM503, LLMRefuse, LLMBroken:
		if f.Duration == 0 && f.Count == 0 {
			f.Count = 1
		}
	case LostAnswer:
		if f.Target == "" {
			f.Target = "chat.postMessage"
		}
		if f.Duration == 0 && f.Count == 0 {
			f.Count = 1
		}
	case RefuseChannel:
		if f.Error == "" {
			f.Error = "is_archived"
		}
		f.Target = strings.TrimPrefix(f.Target, "#")
	case Revoke:
		if f.Target == "" {
			f.Target = "bot"
		}
	default:
	}
}

// Hit tells whether a fault of the kind is active for the target, and counts the hit. A
// fault without target is active for every target.
func (s *Set) Hit(kind Kind, target string) (Fault, bool) { return s.find(kind, target, true) }

// Active tells whether a fault of the kind is active for the target, without a hit.
func (s *Set) Active(kind Kind, target string) (Fault, bool) { return s.find(kind, target, false) }

func (s *Set) find(kind Kind, target string, hit bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	i := slices.IndexFunc(s.active, func(f *Fault) bool { return f.Kind == kind && (f.Target == "" || f.Target == target) })
	if i < 0 {
		return Fault{}, false
	}
	f := s.active[i]
	if hit {
		s.hits[kind]++
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				s.active = slices.Delete(s.active, i, i+1)
			}
		}
	}
	return *f, true
}

// List returns the active faults, oldest first, and how often each kind was hit.
func (s *Set) List() ([]Fault, map[Kind]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	list := make([]Fault, len(s.active))
	for i, f := range s.active {
		list[i] = *f
	}
	hits := map[Kind]int{}
	for k, n := range s.hits {
		hits[k] = n
	}
	return list, hits
}

// expire removes what is over; s.mu is held.
func (s *Set) expire() {
	now := s.now()
	s.active = slices.DeleteFunc(s.active, func(f *Fault) bool { return !f.Until.IsZero() && !now.Before(f.Until) })
}
