package audit

import (
	"html"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// offered is what the auditor keeps of a post: not what it says, but whether it was asked for.
type offered struct {
	// listed is true if a source reads where it was said and takes who said it.
	listed bool
	// last is what the sources say of the last revision by its own words; first, every and any the same of its revisions.
	last, first, every, any answer
	// allowed is true if the last revision passes all but the keywords of the source, so that it is
	// followed in a thread whose root matched.
	allowed bool
	deleted bool
	repeats string // id of the post that it repeats verbatim, empty if it does not
	root    string // id of the thread's root, empty where it is none's reply
	// edited is when it was edited last, zero if never. An edit on Slack that leaves the text is none: no source tells of
	// it, as of an unfurled link.
	edited  time.Time
	letters int // of its only revision, 0 if it has several
}

// ask is whether an event has to be ingested.
type ask int

const (
	never ask = iota // it has not to be
	may              // as the pipeline happened to see it
	must
)

// offer reads a post by the manifest's sources.
func (m *manifest) offer(p simPost) *offered {
	o := &offered{deleted: p.Deleted, every: certain(true), root: rootID(p)}
	if p.RetweetOf != "" {
		o.repeats = "x:" + strings.TrimPrefix(p.RetweetOf, "x:")
	}
	texts := []string{}
	for i, r := range p.Revisions {
		if r.Deleted {
			o.deleted = true
			continue
		}
		if i > 0 && (p.Platform != "slack" || len(texts) == 0 || r.Text != texts[len(texts)-1]) {
			o.edited = r.At.Time
		}
		texts = append(texts, r.Text)
	}
	if len(texts) == 0 {
		texts = []string{p.FinalText}
	}
	for n, text := range texts {
		a, listed, allowed := m.wants(p, text)
		o.last, o.listed, o.allowed = a, listed, allowed
		if n == 0 {
			o.first = a
		}
		o.every = answer{o.every.sure && a.sure, o.every.possible && a.possible}
		o.any = answer{o.any.sure || a.sure, o.any.possible || a.possible}
	}
	if len(texts) == 1 {
		o.letters = letters(texts[0])
	}
	return o
}

// wants is what the sources say of one text of a post; listed is true if one of them reads where
// it was said, allowed if it passes all of that one's match but the keywords. What a suspended
// source matches is possible and not sure: it may have been read before.
func (m *manifest) wants(p simPost, text string) (a answer, listed, allowed bool) {
	for _, s := range m.Spec.Sources {
		var one answer
		switch {
		case p.Platform == "slack" && s.Slack != nil && s.Slack.hears(p):
			t := said{text: text, source: s.Name, authors: []string{p.User, p.Username}}
			one, listed = certain(s.Slack.Match.covers(t)), true
			allowed = allowed || s.Slack.Match.allowed(t)
		case p.Platform == "x" && s.Twitter != nil:
			t := said{text: text, source: s.Name, language: p.Lang, authors: []string{p.User, p.Username}}
			one, listed = s.Twitter.parsed(p.tweet(text)), true
			if !s.Twitter.Match.covers(t) {
				one = certain(false)
			}
		default:
			continue
		}
		if s.Suspend || m.Spec.Suspend {
			one.sure, allowed = false, false
		}
		a = answer{a.sure || one.sure, a.possible || one.possible}
	}
	return a, listed, allowed
}

// hears is true if the source listens where the post was said, and to who said it.
func (s *slackSource) hears(p simPost) bool {
	if p.Bot && !s.IncludeBots {
		return false
	}
	for _, c := range s.Channels {
		if c = strings.TrimPrefix(c, "#"); c == p.ChannelName || c == p.ChannelID {
			return true
		}
	}
	return false
}

// tweet is the post as queries see it.
func (p simPost) tweet(text string) *tweet {
	t := newTweet(text)
	t.author, t.lang = strings.ToLower(p.User), strings.ToLower(p.Lang)
	if p.Username != "" {
		t.author = strings.ToLower(p.Username)
	}
	t.retweet, t.reply, t.quote = p.RetweetOf != "", p.ReplyTo != "", p.QuoteOf != ""
	return t
}

// rootID is the id of the root of a Slack thread that the post answers in, empty if it is none's reply.
func rootID(p simPost) string {
	i := strings.LastIndex(p.ID, ":")
	if p.Platform != "slack" || p.ThreadTS == "" || i < 0 || p.ID[i+1:] == p.ThreadTS {
		return ""
	}
	return p.ID[:i+1] + p.ThreadTS
}

// asked is whether a post has to be ingested. What it repeats and its thread's root are considered;
// both are nil if there are none. A retweet shows the text that it repeats as it is now: if that was
// edited, nobody can say what the retweet showed when it was found.
func (o *offered) asked(root, repeated *offered) ask {
	if repeated != nil && (!repeated.edited.IsZero() || repeated.deleted) {
		return may
	}
	if root == nil || !root.listed {
		root = &offered{}
	}
	switch {
	case !o.listed:
		return never
	case !o.deleted && (o.last.sure || root.every.sure && !root.deleted && o.allowed):
		return must
	case o.any.possible || root.any.possible:
		return may
	}
	return never
}

// byEditAlone is true for a reply that only an edit made a source ask for. Slack's history tells of an edited reply in no
// list that says that it was edited, so if the edit's one delivery is lost, nothing tells of it again.
func (o *offered) byEditAlone(root *offered) bool {
	followed := root != nil && root.listed && root.every.sure && !root.deleted && o.allowed
	return o.root != "" && !o.first.sure && !followed
}

var slackMarkup = regexp.MustCompile(`<[@#!][^>]*>`)

// letters counts the letters and digits of a text without links and mentions: what no source
// changes on the way.
func letters(text string) int {
	n := 0
	for _, r := range linkPattern.ReplaceAllString(slackMarkup.ReplaceAllString(html.UnescapeString(text), " "), " ") {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}
