package card

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

var update = flag.Bool("update", false, "write the golden files")

var said = time.Date(2026, 11, 2, 14, 30, 5, 0, time.UTC)

// event returns a scored Slack message; change alters it.
func event(change ...func(*feedbackv1.ScoredEvent)) *feedbackv1.ScoredEvent {
	s := &feedbackv1.ScoredEvent{
		Event: &feedbackv1.Event{
			Id:        "slack:T1:C1:1762093805.000100",
			Source:    "community",
			Kind:      feedbackv1.SourceKind_SOURCE_KIND_SLACK,
			Author:    &feedbackv1.Author{Id: "U1", Handle: "ada", DisplayName: "Ada Lovelace"},
			Text:      "Azure is down again.\nThird time this week & nobody answers!",
			CreatedAt: timestamppb.New(said),
			RevisedAt: timestamppb.New(said),
			Url:       "https://example.slack.com/archives/C1/p1762093805000100",
			Origin:    &feedbackv1.Event_Slack{Slack: &feedbackv1.SlackOrigin{TeamId: "T1", ChannelId: "C1", ChannelName: "feedback", Ts: "1762093805.000100"}},
		},
		Sentiment: &feedbackv1.Sentiment{
			Score:    proto.Float64(0.1234),
			Label:    feedbackv1.Label_LABEL_NEGATIVE,
			Language: &feedbackv1.Language{Tag: "en", Confidence: 1},
		},
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func text(t string) func(*feedbackv1.ScoredEvent) {
	return func(s *feedbackv1.ScoredEvent) { s.Event.Text = t }
}

func TestGolden(t *testing.T) {
	reply := func(s *feedbackv1.ScoredEvent) {
		s.Event.Parent = &feedbackv1.Parent{Id: "slack:T1:C1:1", Excerpt: "Is *anything* down <!channel>?", Url: "https://example.slack.com/archives/C1/p1"}
	}
	post := func(s *feedbackv1.ScoredEvent) {
		s.Event.Id, s.Event.Kind, s.Event.Url, s.Event.Source = "x:77", feedbackv1.SourceKind_SOURCE_KIND_X, "https://x.com/ada/status/77?a=1&b=2", "mentions"
		s.Event.Origin = &feedbackv1.Event_X{X: &feedbackv1.XOrigin{PostId: "77"}}
		s.Sentiment = &feedbackv1.Sentiment{UnscoredReason: feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE, UnscoredDetail: "vader knows English only", Language: &feedbackv1.Language{Tag: "de"}}
	}
	spare := func(s *feedbackv1.ScoredEvent) {
		s.Sentiment.Fallback = &feedbackv1.Fallback{Backend: "azure", Reason: "503"}
	}
	edited := func(s *feedbackv1.ScoredEvent) {
		s.Event.Revision = 5
		s.Event.RevisedAt = timestamppb.New(said.Add(5 * time.Minute))
	}
	gone := func(s *feedbackv1.ScoredEvent) {
		s.Event.Deleted, s.Event.Text, s.Sentiment = true, "", nil
	}
	digest := Digest{
		Route: "positive", Count: 9, Since: said.Add(-time.Hour), Until: said, BestFirst: true,
		Items: []Item{{Event: event(), Count: 3}, {Event: event(post), Count: 1}},
	}
	for name, c := range map[string]Card{
		"each":      Build(event(), Options{Route: "negative", Keywords: []string{"azure"}}),
		"reply":     Build(event(reply, edited), Options{Route: "negative", Count: 4, Edited: true}),
		"fallback":  Build(event(spare), Options{Route: "negative"}),
		"unscored":  Build(event(post), Options{Route: "de"}),
		"deleted":   Withdrawn(event(gone), Options{}),
		"edited":    Withdrawn(event(edited), Options{}),
		"plain":     Plain(event(), Options{}),
		"digest":    digest.Build(),
		"no-author": Build(event(func(s *feedbackv1.ScoredEvent) { s.Event.Author = nil; s.Event.Text = "" }), Options{}),
	} {
		t.Run(name, func(t *testing.T) {
			safe(t, c)
			got, err := json.MarshalIndent(c, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(want)) != string(got) {
				t.Errorf("card %s differs from %s (go test -update writes it)\ngot  %s\nwant %s", name, path, got, want)
			}
		})
	}
}

func TestMrkdwn(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		words          []string
	}{
		{"plain", "all good", "all good", nil},
		{"escapes", "a < b && c > d", "a &lt; b &amp;&amp; c &gt; d", nil},
		{"everybody", "<!channel> <!here|here> @everyone", "&lt;!channel&gt; &lt;!here|here&gt; @\u200deveryone", nil},
		{"a group", "<!subteam^S1|@ops> <@U123>", "&lt;!subteam^S1|@\u200dops&gt; &lt;@\u200dU123&gt;", nil},
		{"a false link", "<https://evil.example|https://bank.example>", "&lt;https://evil.example|https://bank.example&gt;", nil},
		{"entities stay as typed", "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", nil},
		{"formatting", "*b* _i_ ~s~ `c` ```d```", "∗b∗ ˍiˍ ∼s∼ ˋcˋ ˋˋˋdˋˋˋ", nil},
		{"inside words", "snake_case 5*3", "snake_case 5*3", nil},
		{"bold", "AZURE is down", "*AZURE* is down", []string{"azure"}},
		{"bold in a word", "myazureapp", "my\u200b*azure*\u200bapp", []string{"Azure"}},
		{"bold next to signs", "(azure)!", "(\u200b*azure*\u200b)!", []string{"azure"}},
		{"bold overlapping", "abcd", "*abcd*", []string{"abc", "bcd"}},
		{"bold of a starred word", "a*b*c", "*a∗b∗c*", []string{"a*b*c"}},
		{"bold never spans lines", "on\nfire", "*on*\n*fire*", []string{"on\nfire"}},
		{"bold of a phrase", "it is on fire now", "it is *on fire* now", []string{" on fire "}},
		{"direction", "a\u202eevil\u2066b\u200f", "aevilb", nil},
		{"controls", "a\x00b\x1b[31mc\ufeff", "ab[31mc", nil},
		{"not UTF-8", "a\xff\xfeb", "a\ufffdb", nil},
		{"line ends", "a\r\nb\u2028c\n\n\n\nd", "a\nb\nc\n\nd", nil},
		{"zalgo", "a" + strings.Repeat("\u0301", 40), "a" + strings.Repeat("\u0301", maxMarks), nil},
		{"nothing", " \n\t ", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mrkdwn(c.in, c.words, "", 1000, 3000); got != c.want {
				t.Errorf("mrkdwn(%q, %q) = %q, want %q", c.in, c.words, got, c.want)
			}
		})
	}
}

// A text as large as a record may be costs a card no more than what it looks at.
func TestALongTextIsNotWorkedThrough(t *testing.T) {
	const long = 900_000
	for _, c := range []struct{ name, text string }{
		{"one line", strings.Repeat("a", long)},
		{"many lines", strings.Repeat("down again\n", long/11)},
		{"not UTF-8", strings.Repeat("\xff", long)},
		{"marks", "a" + strings.Repeat("\u0301", long/2)},
		{"nothing to see, then a word", strings.Repeat("\u200b", long/3) + "down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := event(text(c.text), func(s *feedbackv1.ScoredEvent) { s.Event.Url = "https://example.com/" + c.text })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			built := Build(s, Options{Route: "negative", Keywords: []string{"down"}})
			runtime.ReadMemStats(&after)
			safe(t, built)
			if got, want := after.TotalAlloc-before.TotalAlloc, uint64(2<<20); got > want {
				t.Errorf("a card of %d bytes took %d bytes, want at most %d", len(c.text), got, want)
			}
			if !strings.Contains(built.Text, ellipsis) {
				t.Errorf("Text = %q, want one that ends with %s", built.Text, ellipsis)
			}
			if quoted := built.Blocks[0].(*slack.SectionBlock).Text.Text; !strings.HasSuffix(quoted, ellipsis) {
				t.Errorf("quote = %.40q, want one that ends with %s", quoted, ellipsis)
			}
		})
	}
}

func TestHeadCutsBetweenRunes(t *testing.T) {
	for i := range utf8.UTFMax {
		shown, more := head(strings.Repeat("x", i) + strings.Repeat("\U0001F600", maxLooked/4+1))
		if !more || !utf8.ValidString(shown) || len(shown) > maxLooked || len(shown) <= maxLooked-utf8.UTFMax {
			t.Errorf("head behind %d bytes: %d bytes, more %v, valid %v, want whole runes of %d bytes at most", i, len(shown), more, utf8.ValidString(shown), maxLooked)
		}
	}
	if shown, more := head("whole"); shown != "whole" || more {
		t.Errorf("head(whole) = %q, %v, want all of it", shown, more)
	}
}

func TestMrkdwnCuts(t *testing.T) {
	family := "👨‍👩‍👧‍👦"
	for _, c := range []struct {
		name, in, want string
		chars, limit   int
	}{
		{"characters", "abcdef", "abc…", 3, 100},
		{"a family stays whole", strings.Repeat(family, 3), family + family + "…", 2, 200},
		{"flags stay whole", "🇩🇪🇫🇷🇪🇸", "🇩🇪…", 1, 100},
		{"an accent stays on its letter", "e\u0301e\u0301e\u0301", "e\u0301e\u0301…", 2, 100},
		{"units", "&&&&&&&&", "&amp;&amp;…", 100, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mrkdwn(c.in, nil, "", c.chars, c.limit)
			if got != c.want {
				t.Errorf("mrkdwn(%q, %d, %d) = %q, want %q", c.in, c.chars, c.limit, got, c.want)
			}
			if n := units(got); n > c.limit {
				t.Errorf("mrkdwn(%q) has %d units, want at most %d", c.in, n, c.limit)
			}
		})
	}
}

func TestSafeURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://x.com/a/status/1": "https://x.com/a/status/1",
		"https://x.com/?a=1&b=2":   "https://x.com/?a=1&amp;b=2",
		"https://x.com/a|b>c<d":    "https://x.com/a%7Cb%3Ec%3Cd",
		"javascript:alert(1)":      "",
		"slack://open":             "",
		"https://user:pass@x.com/": "",
		"//x.com/a":                "",
		"":                         "",
		"https://x.com/" + strings.Repeat("a", 3000): "",
	} {
		if got := safeURL(in); got != want {
			t.Errorf("safeURL(%.60q) = %q, want %q", in, got, want)
		}
	}
}

func TestInjection(t *testing.T) {
	for _, evil := range []string{
		"<!channel>", "<!everyone|x>", "<@U024BE7LH>", "<#C024BE7LR>", "<!subteam^SAZ94GDB8>", "@here @channel @everyone",
		"<https://evil.example|click>", "*bold* _it_ ~st~", "```\ncode\n```", "> quote\n>>> more", "<!date^0^x|y>", "a|b>c",
		"\u202e<!channel>\u202c", strings.Repeat("<!channel>", 1000), "&lt;!channel&gt;", "<!chan\u200bnel>", "* * *", "_", "`", "<", "@",
	} {
		s := event(text(evil), func(s *feedbackv1.ScoredEvent) {
			s.Event.Author = &feedbackv1.Author{DisplayName: evil, Handle: evil + "2"}
			s.Event.Source, s.Event.Url = evil, "https://e.example/"+evil
			s.Event.GetSlack().ChannelName = evil
			s.Event.Parent = &feedbackv1.Parent{Excerpt: evil, Url: evil}
			s.Sentiment.Score, s.Sentiment.UnscoredDetail, s.Sentiment.Language.Tag = nil, evil, evil
		})
		for _, c := range all(s, evil) {
			safe(t, c)
		}
	}
}

func TestCutInsideAWordShowsNoFormatting(t *testing.T) {
	for _, c := range []struct {
		name, text string
		words      []string
		chars      int
		want       string
	}{
		{"behind a mark", "snake_case", nil, 6, "snakeˍ…"},
		{"before a mark", "snake_case", nil, 5, "snake…"},
		{"behind the word", "snake_case_", nil, 10, "snake_case…"},
		{"behind a bold mark", "2*3", []string{"2*"}, 2, "*2∗*…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mrkdwn(c.text, c.words, "", c.chars, 100); got != c.want {
				t.Errorf("mrkdwn(%q) = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

func FuzzCard(f *testing.F) {
	f.Add("hello *azure*", "azure", "Ada", "https://x.com/a")
	f.Add("<!channel> @here", "@here", "*", "https://x.com/a|b>")
	f.Add("👨‍👩‍👧‍👦\u0301\n\n\n>>> x", "\u200d", "\xff", ":")
	f.Add(strings.Repeat("&", 5000), "&", strings.Repeat("<", 300), "")
	f.Fuzz(func(t *testing.T, said, keyword, name, address string) {
		s := event(text(said), func(s *feedbackv1.ScoredEvent) {
			s.Event.Author = &feedbackv1.Author{DisplayName: name, Handle: keyword}
			s.Event.Url = address
			s.Event.Parent = &feedbackv1.Parent{Excerpt: said, Url: address}
		})
		for _, c := range all(s, keyword) {
			safe(t, c)
		}
	})
}

// all returns every card that can be made of an event.
func all(s *feedbackv1.ScoredEvent, keyword string) []Card {
	items := []Item{}
	for range 60 {
		items = append(items, Item{Event: s, Count: 2})
	}
	return []Card{
		Build(s, Options{Keywords: []string{keyword}, Count: 3, Edited: true}),
		Plain(s, Options{}),
		Withdrawn(s, Options{}),
		Digest{Route: "negative", Items: items, Count: 130, Since: said, Until: said.Add(time.Hour), Keywords: []string{keyword}}.Build(),
	}
}

var (
	control  = regexp.MustCompile(`<(!date\^\d+\^[^|<>]*\|[^|<>]*|https?://[^|<>\s]+\|[A-Za-z ]+)>`)
	entity   = regexp.MustCompile(`&(amp|lt|gt);`)
	mention  = regexp.MustCompile(`@[^\x{200d}\s]|@$`)
	wordSign = regexp.MustCompile(`[\p{L}\p{N}][_~][\p{L}\p{N}]`)
	ours     = strings.NewReplacer("> _(no text)_", "", "_Deleted by its author._", "", "_Edited by its author: it no longer matches this route._", "")
)

// safe fails where a card breaks one of Slack's limits or holds a sign that Slack would
// obey and that is not our own.
func safe(t *testing.T, c Card) {
	t.Helper()
	if len(c.Blocks) > 50 || c.Text == "" || units(c.Text) > 4000 {
		t.Errorf("card has %d blocks and a text of %d units", len(c.Blocks), units(c.Text))
	}
	literally(t, c.Text)
	if strings.Contains(c.Text, "\n") {
		t.Errorf("text %q has more than one line", c.Text)
	}
	ids := map[string]bool{}
	for _, b := range c.Blocks {
		if len(b.ID()) > 255 {
			t.Errorf("block id %q is longer than 255", b.ID())
		}
		ids[b.ID()] = true
		switch b := b.(type) {
		case *slack.SectionBlock:
			shown(t, b.Text)
		case *slack.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				shown(t, e.(*slack.TextBlockObject))
			}
		case *slack.HeaderBlock:
			if n := units(b.Text.Text); n == 0 || n > 150 {
				t.Errorf("header has %d units, want 1 to 150", n)
			}
		default:
			t.Errorf("a block of type %s is not expected", b.BlockType())
		}
	}
}

func shown(t *testing.T, o *slack.TextBlockObject) {
	t.Helper()
	if n := units(o.Text); n == 0 || n > 3000 {
		t.Errorf("text object has %d units, want 1 to 3000: %.100q", n, o.Text)
	}
	if !o.Verbatim || o.Type != slack.MarkdownType {
		t.Errorf("text object %.100q is %s, verbatim %v, want verbatim mrkdwn", o.Text, o.Type, o.Verbatim)
	}
	literally(t, o.Text)
}

func literally(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is no UTF-8", s)
	}
	rest := control.ReplaceAllString(ours.Replace(s), "")
	for _, l := range strings.Split(rest, "\n") {
		l = strings.TrimPrefix(l, "> ")
		if strings.ContainsAny(l, "<>`") {
			t.Errorf("%.200q has a sign that Slack obeys", l)
		}
		if strings.Contains(entity.ReplaceAllString(l, ""), "&") {
			t.Errorf("%.200q has a bare &", l)
		}
		if mention.MatchString(l) {
			t.Errorf("%.200q has a live mention", l)
		}
		if strings.ContainsAny(wordSign.ReplaceAllString(wordSign.ReplaceAllString(l, ""), ""), "_~") {
			t.Errorf("%.200q has live formatting", l)
		}
		for _, r := range l {
			if r != '\u200b' && hidden(r) {
				t.Errorf("%.200q has a hidden character %U", l, r)
			}
		}
	}
}
