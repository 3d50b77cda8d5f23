// Package card makes of an event the message that a person reads in Slack. It is pure:
// the same event gives the same blocks.
//
// It guarantees that what people wrote is shown and never obeyed: whatever stands in a
// text, a name or a link, the message mentions nobody, links nowhere but to the event,
// has no formatting but its own, and keeps within Slack's limits (a section 3,000
// characters, a message 50 blocks, cut between characters and ended with "…").
package card

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

// Limits, in characters as people see them. Escaped they stay below Slack's own.
const (
	quoteChars    = 2200 // of an event's text in its card
	excerptChars  = 300  // of a text in a digest, of a parent
	fallbackChars = 200  // of a text in a push notification
	nameChars     = 80   // of a person's or a channel's name
	detailChars   = 120  // of a reason that a service gave
	sectionLimit  = 2990 // UTF-16 units of a section; Slack takes 3,000
	urlLimit      = 1500 // bytes of a link
)

// Options is what a card shows besides the event.
type Options struct {
	// Route is the name of the route that tells the event.
	Route string
	// Keywords are marked bold where they stand in the text, in any case.
	Keywords []string
	// Count is how many events the card stands for; 0 and 1 show nothing.
	Count int
	// Edited marks the card as showing a later revision than the one first told.
	Edited bool
}

// Card is a Slack message.
type Card struct {
	// Text is what a push notification shows: mrkdwn, one line, safe.
	Text string `json:"text"`
	// Blocks is the message itself; nil where Text is all there is.
	Blocks []slack.Block `json:"blocks,omitempty"`
}

// Build returns the card of an event: what was said, who said it, where and when, what it
// answers, a link, and last the score.
func Build(s *feedbackv1.ScoredEvent, o Options) Card {
	e := s.GetEvent()
	key := Key(e.GetId())
	quoted := quote(e.GetText(), o.Keywords, quoteChars)
	blocks := []slack.Block{section("e-"+key, quoted)}
	if p := parent(e); p != "" {
		blocks = append(blocks, line("p-"+key, p))
	}
	facts := []string{who(e), where(e), when(e.GetCreatedAt())}
	if o.Edited {
		facts = append(facts, "edited "+when(e.GetRevisedAt()))
	}
	facts = append(facts, link(e), rating(s.GetSentiment()))
	blocks = append(blocks, line("c-"+key, facts...))
	if o.Count > 1 {
		blocks = append(blocks, countBlock(key, o.Count))
	}
	return Card{Text: fallback(s), Blocks: blocks}
}

// Plain returns a short card without blocks, for a sink that refuses the full one.
func Plain(s *feedbackv1.ScoredEvent, _ Options) Card {
	text := fallback(s)
	if l := link(s.GetEvent()); l != "" {
		text += " " + l
	}
	return Card{Text: text}
}

// Withdrawn returns what stands in the place of a told event that was deleted or edited
// out of its route: where and when it stood, and why it is gone, without its text.
func Withdrawn(s *feedbackv1.ScoredEvent, _ Options) Card {
	e := s.GetEvent()
	key := Key(e.GetId())
	why := withdrawal(e)
	facts := []string{where(e), when(e.GetCreatedAt())}
	if !e.GetDeleted() {
		facts = append(facts, link(e), rating(s.GetSentiment()))
	}
	return Card{
		Text:   why,
		Blocks: []slack.Block{section("e-"+key, "_"+why+"_"), line("c-"+key, facts...)},
	}
}

// Reason says in words why a told event was withdrawn.
func Reason(e *feedbackv1.Event) string {
	if e.GetDeleted() {
		return "deleted by its author"
	}
	return "edited: no longer matches"
}

func withdrawal(e *feedbackv1.Event) string {
	if e.GetDeleted() {
		return "Deleted by its author."
	}
	return "Edited by its author: it no longer matches this route."
}

// Key returns the part of the block ids that belongs to an event, for which its blocks
// are found again in a message that stands.
func Key(eventID string) string {
	sum := sha256.Sum256([]byte(eventID))
	return hex.EncodeToString(sum[:8])
}

func section(id, text string) *slack.SectionBlock {
	return slack.NewSectionBlock(object(text), nil, nil, slack.SectionBlockOptionBlockID(id))
}

// line returns a context block of the parts that are not empty, divided by dots.
func line(id string, parts ...string) *slack.ContextBlock {
	var shown []string
	for _, p := range parts {
		if p != "" {
			shown = append(shown, p)
		}
	}
	if len(shown) == 0 {
		shown = []string{"–"}
	}
	return slack.NewContextBlock(id, object(strings.Join(shown, " · ")))
}

// object returns mrkdwn in which Slack looks for nothing by itself (verbatim: no
// addresses, channels or people made out of plain words).
func object(text string) *slack.TextBlockObject {
	return &slack.TextBlockObject{Type: slack.MarkdownType, Text: text, Verbatim: true}
}

func quote(text string, words []string, chars int) string {
	if q := mrkdwn(text, words, "> ", chars, sectionLimit); q != "" {
		return q
	}
	return "> _(no text)_"
}

func who(e *feedbackv1.Event) string {
	name, handle := inline(e.GetAuthor().GetDisplayName(), nameChars), inline(e.GetAuthor().GetHandle(), nameChars)
	shown := ""
	switch {
	case name != "" && handle != "" && name != handle:
		shown = "*" + boldable(name) + "* (@" + string(joiner) + handle + ")"
	case name != "":
		shown = "*" + boldable(name) + "*"
	case handle != "":
		shown = "*@" + string(joiner) + boldable(handle) + "*"
	default:
		shown = "someone"
	}
	if e.GetAuthor().GetBot() {
		shown += " (bot)"
	}
	return shown
}

// boldable returns a name without the signs that would end a bold word inside it.
func boldable(name string) string { return strings.ReplaceAll(name, "*", "∗") }

func where(e *feedbackv1.Event) string {
	place := ""
	switch {
	case e.GetSlack().GetChannelName() != "":
		place = "#" + inline(e.GetSlack().GetChannelName(), nameChars)
	case e.GetKind() == feedbackv1.SourceKind_SOURCE_KIND_SLACK:
		place = "Slack"
	case e.GetKind() == feedbackv1.SourceKind_SOURCE_KIND_X:
		place = "X"
	}
	source := inline(e.GetSource(), nameChars)
	switch {
	case place == "":
		return source
	case source == "":
		return place
	}
	return place + " (" + source + ")"
}

// when shows a time in the reader's own time zone, and in UTC where Slack can't.
func when(t *timestamppb.Timestamp) string {
	if !t.IsValid() || t.GetSeconds() <= 0 {
		return ""
	}
	utc := t.AsTime().UTC()
	if utc.Year() > 9999 {
		return ""
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", utc.Unix(), utc.Format("2006-01-02 15:04 UTC"))
}

func parent(e *feedbackv1.Event) string {
	p := e.GetParent()
	if p == nil {
		return ""
	}
	shown := "a thread"
	if x := inline(p.GetExcerpt(), excerptChars); x != "" {
		shown = "“" + x + "”"
	}
	if address := safeURL(p.GetUrl()); address != "" {
		return "↳ in reply to " + shown + " · <" + address + "|Open the thread>"
	}
	return "↳ in reply to " + shown
}

func link(e *feedbackv1.Event) string {
	address := safeURL(e.GetUrl())
	if address == "" {
		return ""
	}
	label := "Open"
	switch e.GetKind() {
	case feedbackv1.SourceKind_SOURCE_KIND_SLACK:
		label = "Open in Slack"
	case feedbackv1.SourceKind_SOURCE_KIND_X:
		label = "Open on X"
	case feedbackv1.SourceKind_SOURCE_KIND_UNSPECIFIED:
	}
	return "<" + address + "|" + label + ">"
}

// safeURL returns an http(s) address as it may stand in a Slack link, empty for anything
// else.
func safeURL(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > urlLimit {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
		return ""
	}
	out := u.String()
	for _, r := range out {
		if r <= ' ' || r > '~' {
			return ""
		}
	}
	out = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C", "*", "%2A", "`", "%60").Replace(out)
	if len(out) > urlLimit {
		return ""
	}
	return out
}

// rating is the score in words: `negative · 0.12 · en`.
func rating(s *feedbackv1.Sentiment) string {
	if s == nil {
		return ""
	}
	var parts []string
	if s.Score == nil {
		why := inline(s.GetUnscoredDetail(), detailChars)
		if why == "" {
			why = unscored(s.GetUnscoredReason())
		}
		parts = append(parts, "not scored: "+why)
	} else {
		if label := labelWord(s.GetLabel()); label != "" {
			parts = append(parts, label)
		}
		parts = append(parts, strconv.FormatFloat(s.GetScore(), 'f', 2, 64))
	}
	if tag := s.GetLanguage().GetTag(); tag != "" && tag != "und" {
		parts = append(parts, inline(tag, 35))
	}
	if f := s.GetFallback(); f != nil {
		parts = append(parts, "by the fallback: "+inline(f.GetBackend(), nameChars)+" did not answer")
	}
	return strings.Join(parts, " · ")
}

func labelWord(l feedbackv1.Label) string {
	switch l {
	case feedbackv1.Label_LABEL_NEGATIVE:
		return "negative"
	case feedbackv1.Label_LABEL_NEUTRAL:
		return "neutral"
	case feedbackv1.Label_LABEL_POSITIVE:
		return "positive"
	case feedbackv1.Label_LABEL_UNSPECIFIED:
	}
	return ""
}

func unscored(r feedbackv1.UnscoredReason) string {
	switch r {
	case feedbackv1.UnscoredReason_UNSCORED_REASON_DELETED:
		return "deleted"
	case feedbackv1.UnscoredReason_UNSCORED_REASON_NO_TEXT:
		return "no text"
	case feedbackv1.UnscoredReason_UNSCORED_REASON_LANGUAGE:
		return "its language is not known to the scorer"
	case feedbackv1.UnscoredReason_UNSCORED_REASON_REFUSED:
		return "the scorer refused it"
	case feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED:
	}
	return "no reason given"
}

func fallback(s *feedbackv1.ScoredEvent) string {
	e := s.GetEvent()
	text := inline(e.GetText(), fallbackChars)
	if text == "" {
		text = "(no text)"
	}
	name := inline(e.GetAuthor().GetDisplayName(), nameChars)
	if name == "" {
		name = inline(e.GetAuthor().GetHandle(), nameChars)
	}
	if name == "" {
		name = "someone"
	}
	out := name
	if w := where(e); w != "" {
		out += " in " + w
	}
	out += ": " + text
	if r := rating(s.GetSentiment()); r != "" {
		out += " [" + r + "]"
	}
	return out
}

// span says a length of time as people do: 10s, 5m, 1h, 1h30m.
func span(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
