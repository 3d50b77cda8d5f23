package x

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What X can be asked for. Fields that the simulator has no data of are taken and left out.
var (
	tweetFields = []string{"article", "attachments", "author_id", "card_uri", "community_id", "context_annotations", "conversation_id", "created_at",
		"display_text_range", "edit_controls", "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang", "media_metadata",
		"non_public_metrics", "note_tweet", "organic_metrics", "possibly_sensitive", "promoted_metrics", "public_metrics", "referenced_tweets",
		"reply_settings", "scopes", "source", "suggested_source_links", "text", "withheld"}
	userFields = []string{"affiliation", "connection_status", "created_at", "description", "entities", "id", "is_identity_verified", "location",
		"most_recent_tweet_id", "name", "parody", "pinned_tweet_id", "profile_banner_url", "profile_image_url", "protected", "public_metrics",
		"receives_your_dm", "subscription", "subscription_type", "url", "username", "verified", "verified_followers_count", "verified_type", "withheld"}
	mediaFields = []string{"alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "organic_metrics", "preview_image_url",
		"promoted_metrics", "public_metrics", "type", "url", "variants", "width"}
	placeFields = []string{"contained_within", "country", "country_code", "full_name", "geo", "id", "name", "place_type"}
	pollFields  = []string{"duration_minutes", "end_datetime", "id", "options", "voting_status"}
	expansions  = []string{"article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
		"attachments.poll_ids", "author_id", "edit_history_tweet_ids", "entities.mentions.username", "geo.place_id", "in_reply_to_user_id",
		"entities.note.mentions.username", "referenced_tweets.id", "referenced_tweets.id.author_id", "referenced_tweets.id.attachments.media_keys"}
)

// wanted is which fields and expansions a request asks for.
type wanted struct{ tweet, user, expansions []string }

func (w *wanted) has(field string) bool { return slices.Contains(w.tweet, field) }

// maxText is how many characters a post has before it becomes a note.
const maxText = 280

// fullText is what a version says in all its length; a retweet says who it repeats.
func fullText(v *version) string {
	if of := v.post.retweetOf; of != nil {
		return "RT @" + of.author.Username + ": " + of.latest().text
	}
	if v.post.media && v.text == "" {
		return shortLink(v)
	}
	return v.text
}

// shortText is the field text: notes and retweets are cut, as X cuts them.
func shortText(v *version) (text string, note bool) {
	full := fullText(v)
	if v.post.retweetOf != nil {
		return cut(full, 140, "…"), false
	}
	if utf8.RuneCountInString(full) <= maxText {
		return full, false
	}
	return cut(full, maxText-26, "… "+shortLink(v)), true
}

// shortLink is the link that X puts in place of a picture or of the rest of a note.
func shortLink(v *version) string {
	return fmt.Sprintf("https://t.co/%010x", hash(v.idString())&0xffffffffff)
}

func cut(s string, most int, end string) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return strings.TrimSpace(string(r[:most-1])) + end
}

// escape is how X shows &, < and > in texts.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

type tagEntity struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Tag   string `json:"tag"`
}

type mentionEntity struct {
	Start    int    `json:"start"`
	End      int    `json:"end"`
	Username string `json:"username"`
	ID       string `json:"id,omitempty"`
}

type urlEntity struct {
	Start       int    `json:"start"`
	End         int    `json:"end"`
	URL         string `json:"url"`
	ExpandedURL string `json:"expanded_url"`
	DisplayURL  string `json:"display_url"`
}

type entities struct {
	Hashtags []tagEntity     `json:"hashtags,omitempty"`
	Cashtags []tagEntity     `json:"cashtags,omitempty"`
	Mentions []mentionEntity `json:"mentions,omitempty"`
	URLs     []urlEntity     `json:"urls,omitempty"`
}

var (
	urlPattern     = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>"'.,;:!?)\]…]`)
	hashPattern    = regexp.MustCompile(`(?:^|[^\pL\pN_&])[#＃]([\pL\pN_]*[\pL_][\pL\pN_]*)`)
	cashPattern    = regexp.MustCompile(`(?:^|[^\pL\pN_$])\$([A-Za-z]{1,6})\b`)
	mentionPattern = regexp.MustCompile(`(?:^|[^\pL\pN_@])@([A-Za-z0-9_]{1,15})\b`)
)

// findEntities finds tags, mentions and links; positions count characters.
func findEntities(text string) entities {
	var e entities
	at := func(i int) int { return utf8.RuneCountInString(text[:i]) }
	for _, m := range urlPattern.FindAllStringIndex(text, -1) {
		link := text[m[0]:m[1]]
		display := strings.TrimPrefix(strings.TrimPrefix(link, "https://"), "http://")
		e.URLs = append(e.URLs, urlEntity{at(m[0]), at(m[1]), link, link, cut(display, 27, "…")})
	}
	masked := urlPattern.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
	for _, m := range hashPattern.FindAllStringSubmatchIndex(masked, -1) {
		e.Hashtags = append(e.Hashtags, tagEntity{at(m[2]) - 1, at(m[3]), text[m[2]:m[3]]})
	}
	for _, m := range cashPattern.FindAllStringSubmatchIndex(masked, -1) {
		e.Cashtags = append(e.Cashtags, tagEntity{at(m[2]) - 1, at(m[3]), text[m[2]:m[3]]})
	}
	for _, m := range mentionPattern.FindAllStringSubmatchIndex(masked, -1) {
		e.Mentions = append(e.Mentions, mentionEntity{at(m[2]) - 1, at(m[3]), text[m[2]:m[3]], ""})
	}
	return e
}

// object is a post as the API shows version v of it; n.mu is held.
func (n *Network) object(v *version, w *wanted) map[string]any {
	p := v.post
	text, note := shortText(v)
	var history []string
	for i := range p.versions {
		history = append(history, p.versions[i].idString())
	}
	o := map[string]any{"id": v.idString(), "text": escape.Replace(text), "edit_history_tweet_ids": history}
	optional := map[string]func() any{
		"author_id":       func() any { return p.author.ID },
		"created_at":      func() any { return v.at.Format("2006-01-02T15:04:05.000Z") },
		"lang":            func() any { return p.lang },
		"conversation_id": func() any { return p.conversation },
		"source":          func() any { return "Twitter Web App" },
		"reply_settings":  func() any { return "everyone" },

		"possibly_sensitive": func() any { return false },
		"public_metrics":     func() any { return metrics(p) },
		"edit_controls": func() any {
			return map[string]any{"edits_remaining": max(0, 5-len(p.versions)+1), "is_edit_eligible": p.retweetOf == nil && p.replyTo == nil,
				"editable_until": p.first().at.Add(time.Hour).Format("2006-01-02T15:04:05.000Z")}
		},
	}
	for field, value := range optional {
		if w.has(field) {
			o[field] = value()
		}
	}
	if w.has("note_tweet") && note {
		o["note_tweet"] = map[string]any{"text": escape.Replace(fullText(v))}
	}
	if e := n.entities(text); w.has("entities") && e != nil {
		o["entities"] = e
	}
	if w.has("in_reply_to_user_id") && p.replyTo != nil {
		o["in_reply_to_user_id"] = p.replyTo.author.ID
	}
	if refs := references(p); w.has("referenced_tweets") && len(refs) > 0 {
		o["referenced_tweets"] = refs
	}
	if w.has("attachments") && p.media {
		o["attachments"] = map[string]any{"media_keys": []string{"3_" + v.idString()}}
	}
	return o
}

func (n *Network) entities(text string) *entities {
	e := findEntities(text)
	if len(e.Hashtags)+len(e.Cashtags)+len(e.Mentions)+len(e.URLs) == 0 {
		return nil
	}
	for i := range e.Mentions {
		if u := n.byName(e.Mentions[i].Username); u != nil {
			e.Mentions[i].ID = u.ID
		}
	}
	return &e
}

func (n *Network) byName(username string) *User {
	for _, u := range n.users {
		if strings.EqualFold(u.Username, username) {
			return u
		}
	}
	return nil
}

func references(p *post) []map[string]string {
	var refs []map[string]string
	for _, r := range []struct {
		kind string
		to   *post
	}{{"retweeted", p.retweetOf}, {"quoted", p.quoteOf}, {"replied_to", p.replyTo}} {
		if r.to != nil {
			refs = append(refs, map[string]string{"type": r.kind, "id": r.to.latest().idString()})
		}
	}
	return refs
}

// metrics counts what refers to p.
func metrics(p *post) map[string]int {
	return map[string]int{"retweet_count": p.retweets, "reply_count": p.replies, "quote_count": p.quotes, "like_count": 0, "bookmark_count": 0,
		"impression_count": 17 * (1 + p.retweets)}
}

// userObject is a user as the API shows them.
func userObject(u *User, w *wanted) map[string]any {
	o := map[string]any{"id": u.ID, "name": u.Name, "username": u.Username}
	optional := map[string]any{"created_at": u.Created.Format("2006-01-02T15:04:05.000Z"), "verified": false, "verified_type": "none", "protected": false,
		"description": "", "public_metrics": map[string]int{"followers_count": 42, "following_count": 17, "tweet_count": 99, "listed_count": 0}}
	for k, v := range optional {
		if slices.Contains(w.user, k) {
			o[k] = v
		}
	}
	return o
}

// includes is what the expansions add to an answer with these versions; nil if nothing.
func (n *Network) includes(vs []*version, w *wanted) map[string]any {
	users, tweets, media := map[string]*User{}, map[string]*version{}, []map[string]any{}
	user := func(u *User) { users[u.ID] = u }
	for _, v := range vs {
		for _, e := range w.expansions {
			n.expand(v, e, user, func(t *version) { tweets[t.idString()] = t })
			if e == "attachments.media_keys" && v.post.media {
				media = append(media, map[string]any{"media_key": "3_" + v.idString(), "type": "photo"})
			}
		}
	}
	out := map[string]any{}
	if len(users) > 0 {
		var list []map[string]any
		for _, id := range slices.Sorted(maps.Keys(users)) {
			list = append(list, userObject(users[id], w))
		}
		out["users"] = list
	}
	if len(tweets) > 0 {
		var list []map[string]any
		for _, id := range slices.Sorted(maps.Keys(tweets)) {
			list = append(list, n.object(tweets[id], w))
		}
		out["tweets"] = list
	}
	if len(media) > 0 {
		out["media"] = media
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// expand adds what one expansion of v refers to.
func (n *Network) expand(v *version, expansion string, user func(*User), tweet func(*version)) {
	p := v.post
	referred := slices.DeleteFunc([]*post{p.retweetOf, p.quoteOf, p.replyTo}, func(r *post) bool { return r == nil || !r.stands() })
	switch expansion {
	case "author_id":
		user(p.author)
	case "in_reply_to_user_id":
		if p.replyTo != nil {
			user(p.replyTo.author)
		}
	case "entities.mentions.username":
		for _, m := range findEntities(fullText(v)).Mentions {
			if u := n.byName(m.Username); u != nil {
				user(u)
			}
		}
	case "referenced_tweets.id":
		for _, r := range referred {
			tweet(r.latest())
		}
	case "referenced_tweets.id.author_id":
		for _, r := range referred {
			tweet(r.latest())
			user(r.author)
		}
	case "edit_history_tweet_ids":
		for i := range p.versions {
			if p.versions[i].id != v.id {
				tweet(&p.versions[i])
			}
		}
	}
}

// list splits a comma separated parameter.
func list(q url.Values, name string) []string {
	if v := q.Get(name); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}
