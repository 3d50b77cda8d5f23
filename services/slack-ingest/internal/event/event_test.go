package event

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

var names = Names{
	User:    func(id string) string { return map[string]string{"U061F7AUR": "Ada Lovelace", "U1": "Grace"}[id] },
	Channel: func(id string) string { return map[string]string{"C024BE7LR": "general"}[id] },
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestParse reads deliveries in the shapes that Slack's documentation shows.
func TestParse(t *testing.T) {
	for name, want := range map[string]struct {
		kind     Kind
		ts       string
		revision uint64
		text     string
		leftOut  string
	}{
		"message": {kind: Posted, ts: "1355517523.000005",
			text: "Live long and prospect & ask @Ada Lovelace in #general: docs (https://learn.microsoft.com/azure/) http://example.com"},
		"message_changed":  {kind: Edited, ts: "1355517523.000005", revision: 1358878755000000, text: "Hello, world!"},
		"unfurl":           {kind: Edited, ts: "1355517523.000005", revision: 1358878756000001, text: "see https://azure.com"},
		"message_deleted":  {kind: Deleted, ts: "1358878749.000002", revision: 1358878755000001, leftOut: ReasonSubtype},
		"tombstone":        {kind: Deleted, ts: "1358878749.000002", revision: 1358878755000001, leftOut: ReasonSubtype},
		"thread_broadcast": {kind: Posted, ts: "1358878759.000100", text: "everybody should see this"},
		"file_share":       {kind: Posted, ts: "1358878760.000100", text: "Azure portal shows a blank page"},
		"bot_message": {kind: Posted, ts: "1358877455.000010", leftOut: ReasonBot,
			text: "Pushing is the answer\nSomething else\nBuild 17\nCI failed\non a/b (https://github.com/a/b)\nBranch main"},
		"channel_join":     {kind: Posted, ts: "1358877455.000010", text: "@Grace has joined the channel", leftOut: ReasonSubtype},
		"own_card":         {kind: Posted, ts: "1358877455.000010", text: "negative feedback", leftOut: ReasonMetadata},
		"channel_rename":   {kind: ChannelMoved, leftOut: ReasonSubtype},
		"url_verification": {kind: Other, leftOut: ReasonSubtype},
		"reaction_added":   {kind: Other, leftOut: ReasonSubtype},
	} {
		t.Run(name, func(t *testing.T) {
			cb, err := Parse(read(t, name))
			if err != nil {
				t.Fatalf("Parse(%s) = %v, want nil", name, err)
			}
			c := cb.Change
			if c.Kind != want.kind || c.TS != want.ts {
				t.Errorf("Parse(%s) = kind %d ts %q, want kind %d ts %q", name, c.Kind, c.TS, want.kind, want.ts)
			}
			if got := Revision(c); got != want.revision {
				t.Errorf("Revision(%s) = %d, want %d", name, got, want.revision)
			}
			if got := Text(c.Message, names); got != want.text {
				t.Errorf("Text(%s) = %q, want %q", name, got, want.text)
			}
			if got := (Rules{}).LeftOut(c.Message); got != want.leftOut {
				t.Errorf("LeftOut(%s) = %q, want %q", name, got, want.leftOut)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, payload := range map[string]string{
		"no JSON":                 `{`,
		"no event":                `{"type":"event_callback"}`,
		"event of another shape":  `{"type":"event_callback","event":[]}`,
		"no channel":              `{"type":"event_callback","event":{"type":"message","ts":"1.000001"}}`,
		"no ts":                   `{"type":"event_callback","event":{"type":"message","channel":"C1"}}`,
		"a ts that is none":       `{"type":"event_callback","event":{"type":"message","channel":"C1","ts":"yesterday"}}`,
		"a change of nothing":     `{"type":"event_callback","event":{"type":"message","subtype":"message_changed","channel":"C1","ts":"1.000001"}}`,
		"a deletion of nothing":   `{"type":"event_callback","event":{"type":"message","subtype":"message_deleted","channel":"C1","ts":"1.000001"}}`,
		"text of another type":    `{"type":"event_callback","event":{"type":"message","channel":"C1","ts":"1.000001","text":7}}`,
		"a channel that is a map": `{"type":"event_callback","event":{"type":"message","channel":{"id":"C1"},"ts":"1.000001"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(payload)); err == nil {
				t.Errorf("Parse(%s) = nil, want an error", payload)
			}
		})
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"no markup":                             "no markup",
		"a &lt;b&gt; &amp;amp; c":               "a <b> &amp; c",
		"hi <@U1> and <@U5>":                    "hi @Grace and @U5",
		"<@U5|bob> <#C9|ops> <#C024BE7LR>":      "@bob #ops #general",
		"<!here> <!channel> <!subteam^S1|@ops>": "@here @channel @ops",
		"<!subteam^S1>":                         "@S1",
		"<!date^1392734382^{date}|yesterday>":   "yesterday",
		"<https://a.b/?x=1&amp;y=2>":            "https://a.b/?x=1&y=2",
		"<https://a.b|a.b> <https://a.b/|a.b>":  "https://a.b https://a.b/",
		"<https://a.b|the docs>":                "the docs (https://a.b)",
		"<mailto:x@y.z|x@y.z>":                  "x@y.z",
		"half <@U1":                             "half <@U1",
		"*bold* `code`":                         "*bold* `code`",
	} {
		if got := Plain(in, names); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLeftOut(t *testing.T) {
	r := Rules{OwnUser: "U0", OwnBot: "B0"}
	for name, c := range map[string]struct {
		rules Rules
		m     slack.Msg
		want  string
	}{
		"a person":            {r, slack.Msg{User: "U1", Text: "hi"}, ""},
		"own user":            {r, slack.Msg{User: "U0"}, ReasonOwn},
		"own bot":             {r, slack.Msg{User: "U5", BotID: "B0"}, ReasonOwn},
		"own, bots taken in":  {Rules{OwnBot: "B0", IncludeBots: true}, slack.Msg{BotID: "B0"}, ReasonOwn},
		"another bot":         {r, slack.Msg{BotID: "B1"}, ReasonBot},
		"another bot, taken":  {Rules{IncludeBots: true}, slack.Msg{BotID: "B1", SubType: "bot_message"}, ""},
		"a digest of a peer":  {Rules{IncludeBots: true}, slack.Msg{BotID: "B7", Metadata: slack.SlackMetadata{EventType: "feedback_digest"}}, ReasonMetadata},
		"a note of a peer":    {Rules{IncludeBots: true}, slack.Msg{BotID: "B7", Metadata: slack.SlackMetadata{EventType: "feedback_note"}}, ReasonMetadata},
		"metadata of others":  {r, slack.Msg{User: "U1", Metadata: slack.SlackMetadata{EventType: "deploy"}}, ""},
		"topic":               {r, slack.Msg{User: "U1", SubType: "channel_topic"}, ReasonSubtype},
		"me message":          {r, slack.Msg{User: "U1", SubType: "me_message"}, ""},
		"slackbot":            {r, slack.Msg{User: "USLACKBOT"}, ReasonBot},
		"no ids known of own": {Rules{}, slack.Msg{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.rules.LeftOut(&c.m); got != c.want {
				t.Errorf("LeftOut() = %q, want %q", got, c.want)
			}
		})
	}
}

func TestConvert(t *testing.T) {
	w := Workspace{Source: "community", Team: "T1", URL: "https://acme.slack.com/"}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	cb, err := Parse(read(t, "thread_broadcast"))
	if err != nil {
		t.Fatal(err)
	}
	e := Convert(w, cb.Change, Context{ID: "slack:T1:C024BE91L:1358878759.000100", ChannelName: "feedback", Names: names, Now: now,
		Author: &feedbackv1.Author{Id: "U1", Handle: "grace", DisplayName: "Grace"}})
	if got, want := e.GetUrl(), "https://acme.slack.com/archives/C024BE91L/p1358878759000100?thread_ts=1358878749.000002&cid=C024BE91L"; got != want {
		t.Errorf("url = %q, want %q", got, want)
	}
	if got, want := e.GetSlack().GetThreadTs(), "1358878749.000002"; got != want {
		t.Errorf("thread = %q, want %q", got, want)
	}
	if got, want := e.GetCreatedAt().AsTime(), time.Unix(1358878759, 100_000).UTC(); !got.Equal(want) {
		t.Errorf("created at %v, want %v", got, want)
	}
	if got, want := e.GetAuthor().GetDisplayName(), "Grace"; got != want {
		t.Errorf("author = %q, want %q", got, want)
	}

	cb, _ = Parse(read(t, "message_deleted"))
	e = Convert(w, cb.Change, Context{ID: "x", Now: now})
	if !e.GetDeleted() || e.GetText() != "" || e.GetAuthor().GetId() != "U1" {
		t.Errorf("deletion = %v, want deleted, without text, by U1", e)
	}
	cb, _ = Parse(read(t, "bot_message"))
	if a := Convert(w, cb.Change, Context{ID: "x", Now: now}).GetAuthor(); a.GetId() != "BB12033" || a.GetDisplayName() != "github" || !a.GetBot() {
		t.Errorf("author of a bot's message = %v, want BB12033, github, bot", a)
	}
}

// TestHistoryIsTheSame: what was live and what is read back have the same id, revision and text.
func TestHistoryIsTheSame(t *testing.T) {
	for _, name := range []string{"message", "message_changed", "file_share", "thread_broadcast", "bot_message"} {
		cb, err := Parse(read(t, name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := FromHistory(cb.Change.Channel, slack.Message{Msg: *cb.Change.Message})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Revision(c), Revision(cb.Change); got != want {
			t.Errorf("%s: revision from history = %d, want %d", name, got, want)
		}
		if got, want := Text(c.Message, names), Text(cb.Change.Message, names); got != want || c.TS != cb.Change.TS {
			t.Errorf("%s: from history %q at %s, want %q at %s", name, got, c.TS, want, cb.Change.TS)
		}
	}
}

func TestMicros(t *testing.T) {
	for in, want := range map[string]uint64{"1.000001": 1000001, "1": 1000000, "1.5": 1500000, "1355517523.000005": 1355517523000005} {
		if got, err := Micros(in); got != want || err != nil {
			t.Errorf("Micros(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".1", "x", "-1.0", "1.0000001", "1.x", "1234567890123"} {
		if got, err := Micros(in); err == nil {
			t.Errorf("Micros(%q) = %d, want an error", in, got)
		}
	}
}

func TestExcerpt(t *testing.T) {
	if got, want := utf8.RuneCountInString(Excerpt(strings.Repeat("ä", 400))), 300; got != want {
		t.Errorf("Excerpt of 400 characters has %d, want %d", got, want)
	}
	if got, want := Excerpt("short"), "short"; got != want {
		t.Errorf("Excerpt = %q, want %q", got, want)
	}
}

// FuzzParse: whatever arrives, parsing and converting never panic, and what they give can
// be written as Protobuf: valid UTF-8 and an id that says where it stands.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		cb, err := Parse(payload)
		if err != nil || cb.Change.TS == "" {
			return
		}
		_ = Rules{}.LeftOut(cb.Change.Message)
		e := Convert(Workspace{Team: "T1", URL: "https://x/"}, cb.Change, Context{ID: "slack:T1:" + cb.Change.Channel + ":" + cb.Change.TS, Names: names})
		for _, s := range []string{e.GetText(), e.GetAuthor().GetId(), e.GetAuthor().GetDisplayName(), e.GetUrl(), e.GetId(), e.GetSlack().GetThreadTs()} {
			if !utf8.ValidString(s) {
				t.Errorf("%q is no valid UTF-8", s)
			}
		}
		for _, f := range []feedback.Format{feedback.Protobuf, feedback.JSON} {
			if _, err := feedback.EventRecord("feedback", f, e); err != nil {
				t.Errorf("event %v cannot be written: %v", e, err)
			}
		}
	})
}
