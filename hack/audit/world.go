package audit

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// world is all that the auditor knows of a pipeline, in maps of small structs by id.
type world struct {
	offered map[string]*offered
	events  map[string]*event        // the feedback topic
	scored  map[string]*verdict      // the scored topic
	pairs   map[pair]*outcome        // the notifications topic: what became of an event on a route
	digests map[pair]map[string]bool // the same: the events that a digest tells, by its id and route

	dead       map[origin]bool // of the records that stand in the dead letters
	deadKeys   map[string]bool // of the same
	unreadable []origin        // records of feedback and scored that cannot be decoded

	committed []map[int32]int64 // for each route of the manifest, its group's offsets
	channels  map[string]string // id and name -> name
	cards     []card
	cardCount map[pair]int // cards that stand in their route's channel
	digestMsg map[pair]int // messages of a digest that stand in its route's channel, by its id and route
	healed    int

	findings []Finding
}

// pair is an event on a route, or a digest on a route.
type pair struct{ id, route string }

// place is where a record stands.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// origin is a record by its place and key. A record that never was in a topic has no place of its
// own, so that the key has to agree as well.
type origin struct {
	place
	key string
}

// String is the place as people write it.
func (p place) String() string { return fmt.Sprintf("%s[%d]@%d", p.topic, p.partition, p.offset) }

// event is what the feedback topic says under one id.
type event struct {
	top, said uint64  // the highest revision, and the highest that is not a deletion
	bears     bool    // whether there is one that is not a deletion
	places    []place // where the said revision stands
	letters   int     // of the said revision
}

// verdict is what the scored topic says under one id.
type verdict struct {
	top     uint64 // the highest revision
	deleted bool   // whether that is a deletion
	at      place  // where it stands first
	said    uint64 // the highest revision that is not a deletion
	bears   bool
	score   bool   // whether the said revision has a score
	spare   bool   // whether it is the fallback's
	routes  uint64 // bits of the routes that the top revision matches
	unsure  uint64 // bits of the routes on which an earlier manifest says otherwise of the top revision
	ever    uint64 // bits of the routes that any revision matched
	texts   []textOf
}

// textOf tells revisions of equal text from others.
type textOf struct {
	revision, hash uint64
}

// outcome is the newest notification of a pair.
type outcome struct {
	state          feedbackv1.Notification_State
	revision       uint64
	reason         string
	digest, master string
}

// card is one that stands in a channel.
type card struct {
	pair
	channel  string
	revision revision
}

// gather reads the world hop by hop, downstream last, so that what was seen upstream had its time
// to arrive; committed offsets come before what they are held against.
func gather(ctx context.Context, o Options, m *manifest) (*world, error) {
	w := newWorld()
	sim := simulator{base: o.Simulator, client: &http.Client{Timeout: time.Minute}}
	if err := sim.posts(ctx, func(p simPost) { w.offered[p.ID] = m.offer(p) }); err != nil {
		return nil, err
	}
	k, err := openKafka(o.Bootstrap, o.Client)
	if err != nil {
		return nil, err
	}
	defer k.close()
	if w.committed, err = k.committed(ctx, m); err != nil {
		return nil, err
	}
	topics := m.topics()
	for _, t := range []struct {
		name string
		take func(record)
	}{
		{topics.feedback, w.takeEvent},
		{topics.scored, func(r record) { w.takeScored(m, r) }},
		{topics.notifications, w.takeNotification},
		{topics.deadLetters, w.takeDeadLetter},
	} {
		notes, err := k.read(ctx, t.name, t.take)
		if err != nil {
			return nil, err
		}
		w.findings = append(w.findings, notes...)
	}
	return w, w.look(ctx, sim, m)
}

func newWorld() *world {
	return &world{
		offered: map[string]*offered{}, events: map[string]*event{}, scored: map[string]*verdict{},
		pairs: map[pair]*outcome{}, digests: map[pair]map[string]bool{},
		dead: map[origin]bool{}, deadKeys: map[string]bool{},
		channels: map[string]string{}, cardCount: map[pair]int{}, digestMsg: map[pair]int{},
	}
}

// look takes what stands in the channels.
func (w *world) look(ctx context.Context, sim simulator, m *manifest) error {
	channels, err := sim.channels(ctx)
	if err != nil {
		return err
	}
	for _, c := range channels {
		w.channels[c.ID], w.channels[c.Name] = c.Name, c.Name
	}
	var removed []simMessage
	for _, c := range channels {
		messages, err := sim.messages(ctx, c.Name)
		if err != nil {
			return err
		}
		for _, msg := range messages {
			if msg.Deleted {
				removed = append(removed, msg)
				continue
			}
			w.takeMessage(m, c.Name, msg)
		}
	}
	for _, msg := range removed {
		p := msg.Metadata.Payload
		if w.cardCount[pair{p.EventID, p.Route}] > 0 || w.digestMsg[pair{p.DigestID, p.Route}] > 0 {
			w.healed++
		}
	}
	return nil
}

// takeMessage takes a message of this pipeline that stands in a channel.
func (w *world) takeMessage(m *manifest, channel string, msg simMessage) {
	p := msg.Metadata.Payload
	if p.Pipeline != "" && p.Pipeline != m.pipeline() {
		return
	}
	switch msg.Metadata.EventType {
	case "feedback_card":
		c := card{pair: pair{p.EventID, p.Route}, channel: channel, revision: p.Revision}
		w.cards = append(w.cards, c)
		if w.home(m, p.Route) == channel {
			w.cardCount[c.pair]++
		}
	case "feedback_digest":
		d := pair{p.DigestID, p.Route}
		if w.home(m, p.Route) == channel {
			w.digestMsg[d]++
			return
		}
		w.find(Misrouted, d.id, d.route, "a message of it stands in #%s", channel)
	}
}

// home is the name of a route's channel, empty if the manifest has no such route.
func (w *world) home(m *manifest, route string) string {
	i := m.route(route)
	if i < 0 {
		return ""
	}
	channel := m.Spec.Routes[i].Slack.Channel
	if name, ok := w.channels[channel]; ok {
		return name
	}
	return channel
}

func (w *world) find(kind Kind, id, route, why string, args ...any) {
	w.findings = append(w.findings, Finding{Kind: kind, ID: id, Route: route, Why: fmt.Sprintf(why, args...)})
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}
