package post

import (
	"os"
	"strings"
	"testing"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

var ingested = time.Date(2024, 11, 8, 22, 10, 30, 0, time.UTC)

func load(t testing.TB, path string) *Page {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(body)
	if err != nil {
		t.Fatalf("Parse(%s): %v", path, err)
	}
	return p
}

func TestEvent(t *testing.T) {
	p := load(t, "testdata/search.json")
	if got, want := p.Next, "b26v89c19zqg8o3fpdm9ihwu9wcyzcnhlr6vgo1yq3pb7h"; got != want {
		t.Errorf("Next = %q, want %q", got, want)
	}
	if newest, oldest := p.Bounds(); newest != 1855012345678901003 || oldest != 1855012345678901000 {
		t.Errorf("Bounds = %d, %d, want the page's", newest, oldest)
	}
	at := timestamppb.New(time.Date(2024, 11, 8, 22, 10, 7, 0, time.UTC))
	xdev := &feedbackv1.Author{Id: "2244994945", Handle: "XDevelopers", DisplayName: "X Dev"}
	const x = feedbackv1.SourceKind_SOURCE_KIND_X
	edited := p.Posts[2].Created()
	want := []*feedbackv1.Event{
		{
			Id: "x:1855012345678901003", Source: "mentions", Kind: x, Author: xdev, Language: "en", CreatedAt: at, RevisedAt: at,
			Text:     "Azure Functions cold starts went from 9 s to 400 ms for us after the last update, this is what we have been waiting for since 2019. Thank you <3",
			RepostOf: "x:1855011111111111001", Url: "https://x.com/XDevelopers/status/1855012345678901003",
			Origin: &feedbackv1.Event_X{X: &feedbackv1.XOrigin{PostId: "1855012345678901003", ConversationId: "1855012345678901003",
				EditHistoryIds: []string{"1855012345678901003"}, RetweetedId: "1855011111111111002"}},
		},
		{ // its author is missing in includes
			Id: "x:1855012345678901002", Source: "mentions", Kind: x, Author: &feedbackv1.Author{Id: "999"}, Language: "en", CreatedAt: at, RevisedAt: at,
			Text: "@azuresupport 503s in westeurope & northeurope <again>, anyone else? https://status.example.com/incidents?id=7&region=westeurope",
			Url:  "https://x.com/i/web/status/1855012345678901002",
			Parent: &feedbackv1.Parent{Id: "x:1855000000000000001", Excerpt: "We are investigating & will update you.",
				Url: "https://x.com/azuresupport/status/1855000000000000001"},
			Origin: &feedbackv1.Event_X{X: &feedbackv1.XOrigin{PostId: "1855012345678901002", ConversationId: "1855000000000000001",
				EditHistoryIds: []string{"1855012345678901002"}, RepliedToId: "1855000000000000001"}},
		},
		{ // an edit, with a long text
			Id: "x:1855012300000000001", Revision: uint64(edited.UnixMicro()), Source: "mentions", Kind: x, Author: xdev, Language: "en",
			CreatedAt: timestamppb.New(p.Posts[2].First().Time()), RevisedAt: timestamppb.New(edited),
			Text: "A thread on what broke for us today, in full length because it does not fit: first, the portal was unreachable for forty minutes, then the CLI answered with 502s & at last the billing page. Details: https://blog.example.com/post",
			Url:  "https://x.com/XDevelopers/status/1855012345678901001",
			Origin: &feedbackv1.Event_X{X: &feedbackv1.XOrigin{PostId: "1855012345678901001", ConversationId: "1855012300000000001",
				EditHistoryIds: []string{"1855012300000000001", "1855012345678901001"}}},
		},
		{ // a picture alone has no language
			Id: "x:1855012345678901000", Source: "mentions", Kind: x, Author: xdev, CreatedAt: at, RevisedAt: at,
			Text: "https://t.co/mediaONLY1", Url: "https://x.com/XDevelopers/status/1855012345678901000",
			Origin: &feedbackv1.Event_X{X: &feedbackv1.XOrigin{PostId: "1855012345678901000", ConversationId: "1855012345678901000",
				EditHistoryIds: []string{"1855012345678901000"}, QuotedId: "1855011111111111002"}},
		},
	}
	if len(p.Posts) != len(want) {
		t.Fatalf("Posts = %d, want %d", len(p.Posts), len(want))
	}
	for i := range want {
		want[i].IngestedAt = timestamppb.New(ingested)
		got := p.Posts[i].Event("mentions", ingested)
		if d := cmp.Diff(want[i], got, protocmp.Transform()); d != "" {
			t.Errorf("Event of post %d (-want +got):\n%s", i, d)
		}
	}
}

func TestStreamLine(t *testing.T) {
	p := load(t, "testdata/stream.json")
	if len(p.Posts) != 1 || len(p.Rules) != 1 || p.Rules[0] != "1493078012853104641" {
		t.Fatalf("Posts = %d, Rules = %v, want one post of rule 1493078012853104641", len(p.Posts), p.Rules)
	}
	e := p.Posts[0].Event("mentions", ingested)
	if e.Language != "de" || e.Text != "Läuft wieder, danke!" || e.Author.Handle != "azurefan" {
		t.Errorf("Event = %v, want its language, text and author", e)
	}
}

func TestLookupProblems(t *testing.T) {
	p := load(t, "testdata/lookup.json")
	if len(p.Posts) != 1 || len(p.Problems) != 1 || p.Problems[0].ResourceID != "1855012345678901001" {
		t.Errorf("Posts = %d, Problems = %+v, want one post and one missing", len(p.Posts), p.Problems)
	}
}

func TestParseKeepsTheRest(t *testing.T) {
	p, err := Parse([]byte(`{"data":[{"text":"no id"},{"id":"abc"},{"id":"7","text":5},null,"x",{"id":"9","text":"good"},{"id":8}],
		"includes":{"users":["bad",{"id":5}],"tweets":[7]},"meta":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Posts) != 1 || p.Posts[0].ID != 9 {
		t.Errorf("Posts = %v, want the good one alone", p.Posts)
	}
	if len(p.Bad) != 6 {
		t.Errorf("Bad = %d, want 6", len(p.Bad))
	}
	for _, b := range p.Bad {
		if b.Err == nil || len(b.Raw) == 0 {
			t.Errorf("Bad %q has error %v, want its raw form and a reason", b.Raw, b.Err)
		}
	}
	if newest, oldest := p.Bounds(); newest != 9 || oldest != 7 {
		t.Errorf("Bounds = %d, %d, want 9, 7: a bad post with an id counts", newest, oldest)
	}
	if e := p.Posts[0].Event("s", ingested); !e.CreatedAt.AsTime().Equal(ingested) || e.Author == nil || e.Id != "x:9" {
		t.Errorf("Event = %v, want one of the time of ingest and with an empty author", e)
	}
}

func TestParseRefusesWhatIsNoAnswer(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"data":[{"id":"1","te`, `[]`, `{"data":`} {
		if _, err := Parse([]byte(body)); err == nil {
			t.Errorf("Parse(%q) = nil, want an error", body)
		}
	}
	for _, body := range []string{`{}`, `{"meta":{"result_count":0}}`, `{"data":null}`, `{"data":[]}`} {
		if p, err := Parse([]byte(body)); err != nil || p.Len() != 0 {
			t.Errorf("Parse(%q) = %v, want an empty page", body, err)
		}
	}
}

func TestLanguage(t *testing.T) {
	for tag, want := range map[string]string{
		"en": "en", "zh-TW": "zh-TW", "und": "", "zxx": "", "qme": "", "qht": "", "qam": "", "qst": "", "": "", "in": "id", "iw": "he", "qu": "qu", "x": "",
	} {
		if got := language(tag); got != want {
			t.Errorf("language(%q) = %q, want %q", tag, got, want)
		}
	}
}

func TestUnescapeOnce(t *testing.T) {
	p, err := Parse([]byte(`{"data":[{"id":"9","text":"a &amp;copy; b &amp;lt; &copy d"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Posts[0].Event("s", ingested).Text, "a &copy; b &lt; &copy d"; got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
}

func TestExcerptCountsCharacters(t *testing.T) {
	if got := excerpt(strings.Repeat("ü", 400)); got != strings.Repeat("ü", 300) {
		t.Errorf("excerpt has %d bytes, want 300 characters", len(got))
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"search", "stream", "lookup"} {
		body, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"data":[{"id":"9","text":"\ud800 &amp;","created_at":"9999-99-99","edit_history_tweet_ids":["x","1"],"referenced_tweets":[{"type":"replied_to","id":"9"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Parse(body)
		if err != nil {
			return
		}
		for _, b := range p.Bad {
			if b.Err == nil {
				t.Errorf("Bad %q without a reason", b.Raw)
			}
		}
		for _, tw := range p.Posts {
			e := tw.Event("s", ingested)
			for _, f := range []feedback.Format{feedback.Protobuf, feedback.JSON} {
				if _, err := feedback.EventRecord("feedback", f, e); err != nil {
					t.Errorf("event cannot be written: %v", err)
				}
			}
			if e.Id == "x:" || (e.CreatedAt != nil && !e.CreatedAt.IsValid()) {
				t.Errorf("event %v without an id or with a wrong time", e)
			}
			if again := tw.Event("s", ingested); !proto.Equal(e, again) {
				t.Errorf("Event is %v, then %v", e, again)
			}
		}
	})
}
