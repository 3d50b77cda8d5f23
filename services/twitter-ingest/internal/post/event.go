package post

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
	"github.com/feedback-pipelines/feedback-pipelines/services/twitter-ingest/internal/snowflake"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// excerptLength is how much of a parent's text an event quotes, in characters.
const excerptLength = 300

// Post is one version of one post, with what its page says about its author and the posts
// that it refers to.
type Post struct {
	// ID is the id of this version.
	ID snowflake.ID

	payload payload
	page    *Page
}

// payload is a post as X sends it.
type payload struct {
	ID             string   `json:"id"`
	Text           string   `json:"text"`
	AuthorID       string   `json:"author_id"`
	ConversationID string   `json:"conversation_id"`
	CreatedAt      string   `json:"created_at"`
	Lang           string   `json:"lang"`
	History        []string `json:"edit_history_tweet_ids"`
	Entities       entities `json:"entities"`
	NoteTweet      *struct {
		Text     string   `json:"text"`
		Entities entities `json:"entities"`
	} `json:"note_tweet"`
	Referenced []struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"referenced_tweets"`
}

type entities struct {
	URLs []struct {
		URL      string `json:"url"`
		Expanded string `json:"expanded_url"`
	} `json:"urls"`
}

type user struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

// EventID is the id of the event that the post with this id, as the first of its edit
// history, becomes.
func EventID(first snowflake.ID) string { return feedback.XID(first.String()) }

// First is the id of the post's first version, which names its event.
func (t Post) First() snowflake.ID { return t.history()[0] }

// Latest is the id of the newest version that X knew of when it answered.
func (t Post) Latest() snowflake.ID {
	h := t.history()
	return h[len(h)-1]
}

func (t Post) history() []snowflake.ID { return t.payload.history(t.ID) }

// Event is the event that the post is, of the given source. ingested is the time of
// ingest, and stands for the post's own where X gives none. A post whose author X left out
// becomes an event with the author's id alone.
func (t Post) Event(source string, ingested time.Time) *feedbackv1.Event {
	history := t.history()
	author := t.page.author(t.payload.AuthorID)
	created, revised := t.times(history)
	if created.IsZero() {
		created, revised = ingested, ingested
	}
	e := &feedbackv1.Event{
		Id:         EventID(history[0]),
		Revision:   Revision(t.ID, history[0], revised),
		Source:     source,
		Kind:       feedbackv1.SourceKind_SOURCE_KIND_X,
		Author:     author,
		Text:       t.payload.text(),
		Language:   language(t.payload.Lang),
		CreatedAt:  timestamp(created),
		RevisedAt:  timestamp(revised),
		IngestedAt: timestamppb.New(ingested),
		Url:        link(author.GetHandle(), t.ID.String()),
	}
	origin := &feedbackv1.XOrigin{PostId: t.ID.String(), ConversationId: t.payload.ConversationID}
	for _, id := range history {
		origin.EditHistoryIds = append(origin.EditHistoryIds, id.String())
	}
	e.Origin = &feedbackv1.Event_X{X: origin}
	t.refer(e, origin)
	return e
}

// Revision orders the versions of an event: 0 for the first, else the version's time in
// microseconds since the Unix epoch.
func Revision(id, first snowflake.ID, made time.Time) uint64 {
	if id == first || made.IsZero() {
		return 0
	}
	return uint64(max(made.UnixMicro(), 1))
}

// Deletion is the event that says that X no longer shows the post whose event is id, as
// seen at the given time. X tells no time of a deletion.
func Deletion(id, source string, seen time.Time) *feedbackv1.Event {
	return &feedbackv1.Event{
		Id: id, Revision: uint64(seen.UnixMicro()), Deleted: true, Source: source,
		Kind: feedbackv1.SourceKind_SOURCE_KIND_X, RevisedAt: timestamppb.New(seen), IngestedAt: timestamppb.New(seen),
	}
}

// times are when the event was first said and when this version of it was made.
func (t Post) times(history []snowflake.ID) (created, revised time.Time) {
	revised = t.Created()
	if t.ID == history[0] {
		if at := t.payload.created(); !at.IsZero() {
			return at, at
		}
		return revised, revised
	}
	if created = history[0].Time(); created.IsZero() {
		created = revised
	}
	return created, revised
}

// refer fills in what the post retweets, quotes and answers.
func (t Post) refer(e *feedbackv1.Event, origin *feedbackv1.XOrigin) {
	for _, r := range t.payload.Referenced {
		id, err := snowflake.Parse(r.ID)
		if err != nil {
			continue
		}
		original, known := t.page.posts[r.ID]
		first := id
		if known {
			first = original.history(id)[0]
		}
		switch r.Type {
		case "retweeted":
			origin.RetweetedId = r.ID
			e.RepostOf = EventID(first)
			if known { // a retweet's own text is cut off after 140 characters
				e.Text = original.text()
			}
		case "quoted":
			origin.QuotedId = r.ID
		case "replied_to":
			origin.RepliedToId = r.ID
			e.Parent = &feedbackv1.Parent{
				Id:      EventID(first),
				Excerpt: excerpt(original.text()),
				Url:     link(t.page.users[original.AuthorID].Username, r.ID),
			}
		}
	}
}

func (p *Page) author(id string) *feedbackv1.Author {
	u := p.users[id]
	return &feedbackv1.Author{Id: id, Handle: u.Username, DisplayName: u.Name}
}

// history is the ids of all versions, oldest first; own is always among them.
func (p payload) history(own snowflake.ID) []snowflake.ID {
	out := []snowflake.ID{own}
	for _, s := range p.History {
		id, err := snowflake.Parse(s)
		if err != nil || id == own {
			continue
		}
		out = append(out, id)
	}
	slices.Sort(out) // ids grow with time
	return slices.Compact(out)
}

func (p payload) created() time.Time {
	at, err := time.Parse(time.RFC3339, p.CreatedAt)
	if err != nil || at.Year() < 2006 || at.Year() > 9999 {
		return time.Time{}
	}
	return at.UTC()
}

// text is the full text with X's entities resolved: the long form where there is one, &amp;
// and its kind unescaped, t.co links as the address that they lead to.
func (p payload) text() string {
	s, urls := p.Text, p.Entities.URLs
	if p.NoteTweet != nil && p.NoteTweet.Text != "" {
		s, urls = p.NoteTweet.Text, append(p.NoteTweet.Entities.URLs, urls...)
	}
	s = unescape.Replace(s)
	for _, u := range urls {
		if strings.HasPrefix(u.URL, "https://t.co/") && u.Expanded != "" {
			s = strings.ReplaceAll(s, u.URL, u.Expanded)
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// unescape undoes X's escaping, which knows these alone: what a person typed as &copy;
// arrives as &amp;copy; and stays &copy;.
var unescape = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'")

// language is X's tag as BCP 47, and empty where X names none: und, zxx (no words) and the
// private tags qaa to qtz that it uses for mentions, links, hashtags or media alone.
func language(tag string) string {
	tag = strings.TrimSpace(tag)
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	switch {
	case base == "und", base == "zxx", base == "mul", base == "mis", len(base) < 2, len(base) > 8:
		return ""
	case len(base) == 3 && base[0] == 'q' && base[1] >= 'a' && base[1] <= 't':
		return ""
	case base == "in": // codes withdrawn in 1989 that X still uses
		return "id"
	case base == "iw":
		return "he"
	case base == "ji":
		return "yi"
	}
	return tag
}

// link is the post's address; without its author's name the one that X resolves by id.
func link(handle, id string) string {
	if handle == "" {
		return "https://x.com/i/web/status/" + id
	}
	return "https://x.com/" + handle + "/status/" + id
}

func excerpt(s string) string {
	if utf8.RuneCountInString(s) <= excerptLength {
		return s
	}
	return string([]rune(s)[:excerptLength])
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
