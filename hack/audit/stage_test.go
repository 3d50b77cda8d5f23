package audit

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// stage is a pipeline that has come to rest, made by hand: what the simulator would tell, what
// stands in the topics, and how far the groups have committed. Mutants change it before it is played.
type stage struct {
	manifest   string
	earlier    []string // manifests that it replaced
	partitions int32
	json       bool // values as JSON
	posts      []*simPost
	topics     map[string][]*entry // by the last part of the topic's name
	channels   map[string][]*message
	held       map[string]string // route -> id of the event whose scored record it has not committed
	absent     string            // route that never committed anything
}

// entry is a record to be.
type entry struct {
	key     string
	id      string // of the event that it is about
	value   proto.Message
	raw     []byte            // instead of value
	headers map[string]string // beside content-type
	origin  *entry            // of a dead letter
	at      place             // where it came to stand
}

// message is one in a channel.
type message struct {
	Kind    string         `json:"-"`
	Deleted bool           `json:"deleted,omitempty"`
	Meta    map[string]any `json:"metadata"`
}

const (
	topicFeedback      = "feedback"
	topicScored        = "scored"
	topicNotifications = "notifications"
	topicDeadLetters   = "dead-letters"
)

func newStage(manifest string) *stage {
	return &stage{manifest: manifest, partitions: 1, topics: map[string][]*entry{}, channels: map[string][]*message{}, held: map[string]string{}}
}

// post has somebody say something; every further text is an edit.
func (s *stage) post(id, channel, text string, edits ...string) *simPost {
	p := &simPost{ID: id, Platform: "slack", ChannelID: "C" + channel, ChannelName: channel, User: "U1", FinalText: text}
	if strings.HasPrefix(id, "x:") {
		p.Platform, p.ChannelID, p.ChannelName, p.User, p.Lang = "x", "", "", channel, "en"
	}
	for i, t := range append([]string{text}, edits...) {
		p.revise(revisionAt(i), t)
	}
	s.posts = append(s.posts, p)
	return p
}

// revisionAt is the number of the i-th revision: 0, then a microsecond count in 2025.
func revisionAt(i int) uint64 {
	if i == 0 {
		return 0
	}
	return 1_750_000_000_000_000 + uint64(i)*60_000_000
}

func (p *simPost) revise(at uint64, text string) {
	p.FinalText = text
	p.Revisions = append(p.Revisions, struct {
		At      moment `json:"at"`
		Text    string `json:"text"`
		Deleted bool   `json:"deleted"`
	}{Text: text})
	if at > 0 {
		_ = json.Unmarshal(fmt.Appendf(nil, `"%d.%06d"`, at/1e6, at%1e6), &p.Revisions[len(p.Revisions)-1].At)
	}
}

// ingest puts a revision into the feedback topic.
func (s *stage) ingest(id string, revision uint64, text string) *entry {
	e := &entry{key: id, id: id, value: &feedbackv1.Event{Id: id, Revision: revision, Text: text, Source: "community"}}
	s.topics[topicFeedback] = append(s.topics[topicFeedback], e)
	return e
}

// score puts it into the scored topic as well; a nil score is unscored.
func (s *stage) score(id string, revision uint64, text string, score *float64) {
	ev := s.ingest(id, revision, text).value.(*feedbackv1.Event)
	sentiment := &feedbackv1.Sentiment{Score: score}
	if score == nil {
		sentiment.UnscoredReason = feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE
	}
	s.topics[topicScored] = append(s.topics[topicScored], &entry{key: id, id: id, value: &feedbackv1.ScoredEvent{Event: ev, Sentiment: sentiment}})
}

// remove deletes a post, as all topics tell it.
func (s *stage) remove(p *simPost, revision uint64) {
	p.Deleted = true
	ev := s.ingest(p.ID, revision, "").value.(*feedbackv1.Event)
	ev.Deleted = true
	s.topics[topicScored] = append(s.topics[topicScored], &entry{key: p.ID, id: p.ID, value: &feedbackv1.ScoredEvent{Event: ev,
		Sentiment: &feedbackv1.Sentiment{UnscoredReason: feedbackv1.UnscoredReason_UNSCORED_REASON_DELETED}}})
}

// notify puts a notification of an event into its topic.
func (s *stage) notify(n *feedbackv1.Notification) {
	about := n.GetEventId()
	if about == "" {
		about = n.GetDigestId()
	}
	s.topics[topicNotifications] = append(s.topics[topicNotifications], &entry{key: about + "/" + n.GetRoute(), id: about, value: n})
}

// card posts a card of an event and tells so.
func (s *stage) card(channel, route, id string, revision uint64) *message {
	s.notify(&feedbackv1.Notification{EventId: id, Route: route, Revision: revision, State: feedbackv1.Notification_STATE_POSTED})
	m := &message{Kind: "card", Meta: map[string]any{"event_type": "feedback_card", "event_payload": map[string]any{
		"event_id": id, "route": route, "pipeline": "default/azure", "revision": fmt.Sprint(revision)}}}
	s.channels[channel] = append(s.channels[channel], m)
	return m
}

// digest posts a digest of events and tells so, of it and of each.
func (s *stage) digest(channel, route, digest string, ids ...string) *message {
	for _, id := range ids {
		s.notify(&feedbackv1.Notification{EventId: id, Route: route, State: feedbackv1.Notification_STATE_DIGESTED, DigestId: digest})
	}
	s.notify(&feedbackv1.Notification{Route: route, State: feedbackv1.Notification_STATE_DIGESTED, DigestId: digest, EventIds: ids})
	m := &message{Kind: "digest", Meta: map[string]any{"event_type": "feedback_digest", "event_payload": map[string]any{
		"digest_id": digest, "route": route, "pipeline": "default/azure", "count": len(ids)}}}
	s.channels[channel] = append(s.channels[channel], m)
	return m
}

// dead puts a record into the dead letters.
func (s *stage) dead(origin *entry, topic string) {
	s.topics[topicDeadLetters] = append(s.topics[topicDeadLetters], &entry{key: origin.key, id: origin.id, raw: []byte("x"), origin: origin,
		headers: map[string]string{"dead-letter-reason": "Refused", "dead-letter-topic": "default.azure." + topic}})
}

// drop takes the records of an event out of a topic; nothing dropped is an error of the test.
func (s *stage) drop(t *testing.T, topic, id string) {
	t.Helper()
	n := len(s.topics[topic])
	s.topics[topic] = slices.DeleteFunc(s.topics[topic], func(e *entry) bool { return e.id == id })
	if len(s.topics[topic]) == n {
		t.Fatalf("nothing of %s in %s", id, topic)
	}
}

// unpost takes the messages that bear an id out of a channel.
func (s *stage) unpost(t *testing.T, channel, id string) *message {
	t.Helper()
	i := slices.IndexFunc(s.channels[channel], func(m *message) bool { return m.bears(id) })
	if i < 0 {
		t.Fatalf("no message of %s in #%s", id, channel)
	}
	m := s.channels[channel][i]
	s.channels[channel] = slices.Delete(s.channels[channel], i, i+1)
	return m
}

func (m *message) bears(id string) bool {
	p := m.Meta["event_payload"].(map[string]any)
	return !m.Deleted && (p["event_id"] == id || p["digest_id"] == id)
}

// play writes the stage into a broker and a simulator and audits them.
func (s *stage) play(t *testing.T) Ledger {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	s.produce(t, cluster.ListenAddrs())
	web := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(web.Close)
	o := Options{Bootstrap: cluster.ListenAddrs(), Manifest: []byte(s.manifest), Simulator: web.URL}
	for _, text := range s.earlier {
		o.Earlier = append(o.Earlier, []byte(text))
	}
	l, err := Run(t.Context(), o)
	if err != nil {
		t.Fatalf("Run = %v", err)
	}
	return l
}

// produce writes the topics in the order of the hops and commits the offsets.
func (s *stage) produce(t *testing.T, bootstrap []string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	for _, topic := range []string{topicFeedback, topicScored, topicNotifications, topicDeadLetters} {
		name := "default.azure." + topic
		if _, err := admin.CreateTopic(t.Context(), s.partitions, 1, nil, name); err != nil {
			t.Fatal(err)
		}
		var records []*kgo.Record
		for _, e := range s.topics[topic] {
			records = append(records, s.record(t, name, e))
		}
		for i, r := range c.ProduceSync(t.Context(), records...) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			s.topics[topic][i].at = placeOf(records[i])
		}
	}
	m, err := parseManifest([]byte(s.manifest))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Spec.Routes {
		if r.Name == s.absent {
			continue
		}
		offsets := kadm.Offsets{}
		for p, at := range s.commits(r.Name) {
			offsets.AddOffset("default.azure.scored", p, at, -1)
		}
		if err := admin.CommitAllOffsets(t.Context(), m.group(r.Name), offsets); err != nil {
			t.Fatal(err)
		}
	}
}

// commits are the ends of the scored topic, or the place of the event that a route has not done.
func (s *stage) commits(route string) map[int32]int64 {
	at := map[int32]int64{}
	for p := range s.partitions {
		at[p] = 0
	}
	stopped := map[int32]bool{}
	for _, e := range s.topics[topicScored] {
		p := e.at.partition
		stopped[p] = stopped[p] || s.held[route] == e.id
		if !stopped[p] {
			at[p] = e.at.offset + 1
		}
	}
	return at
}

func (s *stage) record(t *testing.T, topic string, e *entry) *kgo.Record {
	t.Helper()
	h := fnv.New32a()
	h.Write([]byte(e.key))
	r := &kgo.Record{Topic: topic, Key: []byte(e.key), Value: e.raw, Partition: int32(h.Sum32() % uint32(s.partitions))}
	headers := map[string]string{"content-type": "application/protobuf"}
	maps.Copy(headers, e.headers)
	var err error
	switch {
	case e.value == nil:
	case s.json:
		headers["content-type"] = "application/json; charset=utf-8"
		r.Value, err = protojson.Marshal(e.value)
	default:
		r.Value, err = proto.Marshal(e.value)
	}
	if err != nil {
		t.Fatal(err)
	}
	if e.origin != nil {
		headers["dead-letter-partition"], headers["dead-letter-offset"] = fmt.Sprint(e.origin.at.partition), fmt.Sprint(e.origin.at.offset)
	}
	for k, v := range headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
	}
	return r
}

// serve is the simulator's stand-in.
func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	enc := json.NewEncoder(w)
	switch parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); {
	case r.URL.Path == "/sim/posts":
		for _, p := range s.posts {
			_ = enc.Encode(p)
		}
	case r.URL.Path == "/sim/channels":
		var list []simChannel
		for _, name := range slices.Sorted(maps.Keys(s.channels)) {
			list = append(list, simChannel{ID: "C" + name, Name: name})
		}
		_ = enc.Encode(list)
	case len(parts) == 4 && parts[3] == "messages":
		list := []*message{{Meta: map[string]any{}}} // somebody's remark
		_ = enc.Encode(append(list, s.channels[parts[2]]...))
	default:
		http.NotFound(w, r)
	}
}
