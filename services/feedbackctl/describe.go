package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
	"github.com/feedback-pipelines/feedback-pipelines/services/internal/feedback"
)

// textWidth is how many characters of a text a line shows.
const textWidth = 200

// text returns the entry as a line that people read, without its end.
func (e entry) text(zone *time.Location) string {
	at := e.record.Time.In(zone).Format("15:04:05")
	return at + "  " + cut(safe(e.describe()), textWidth+100)
}

func (e entry) describe() string {
	switch {
	case e.dead:
		return e.describeDead()
	case e.err != nil:
		return fmt.Sprintf("%s  (cannot be decoded: %v)", e.record.Key, e.err)
	case e.value == nil:
		return fmt.Sprintf("%s  (deleted)", e.record.Key)
	}
	switch v := e.value.(type) {
	case *feedbackv1.Event:
		return describeEvent(v, v.GetLanguage(), "")
	case *feedbackv1.ScoredEvent:
		line := describeEvent(v.GetEvent(), v.GetSentiment().GetLanguage().GetTag(), verdict(v.GetSentiment()))
		if f := v.GetSentiment().GetFallback(); f != nil {
			line += "  (fallback: " + f.GetBackend() + " did not answer)"
		}
		return line
	case *feedbackv1.Notification:
		return describeNotification(v)
	case *feedbackv1.SourceState:
		return describeSourceState(v)
	case *feedbackv1.Budget:
		return fmt.Sprintf("budget  %d taken by this instance of %d for all on %s", v.GetUsed(), v.GetLimit(), v.GetDay())
	case *feedbackv1.Health:
		return describeHealth(v)
	}
	return string(e.record.Key)
}

// verdict is a score and its label, or why there is none.
func verdict(s *feedbackv1.Sentiment) string {
	if s.GetUnscoredReason() != feedbackv1.UnscoredReason_UNSCORED_REASON_UNSPECIFIED || s == nil || s.Score == nil {
		return fmt.Sprintf("   -  %-8s", reasonWord(s))
	}
	return fmt.Sprintf("%.2f  %-8s", s.GetScore(), labelWord(s))
}

func describeEvent(e *feedbackv1.Event, language, verdict string) string {
	if language == "" {
		language = "-"
	}
	said := e.GetText()
	switch {
	case e.GetDeleted():
		said = "(deleted)"
	case strings.TrimSpace(said) == "":
		said = "(no text)"
	}
	if e.GetRevision() > 0 && !e.GetDeleted() {
		said = "(edited) " + said
	}
	if e.GetRepostOf() != "" {
		said = "(repost) " + said
	}
	parts := []string{fmt.Sprintf("%-12s %-5s", e.GetSource(), language)}
	if verdict != "" {
		parts = append(parts, verdict)
	}
	if who := author(e.GetAuthor()); who != "" {
		said = who + ": " + said
	}
	return strings.Join(append(parts, cut(said, textWidth)), "  ")
}

func author(a *feedbackv1.Author) string {
	for _, name := range []string{a.GetHandle(), a.GetDisplayName(), a.GetId()} {
		if name != "" {
			return name
		}
	}
	return ""
}

func describeNotification(n *feedbackv1.Notification) string {
	what := n.GetEventId()
	if what == "" {
		what = n.GetDigestId()
	}
	state := strings.ToLower(strings.TrimPrefix(n.GetState().String(), "STATE_"))
	parts := []string{fmt.Sprintf("%-12s %-9s", n.GetRoute(), state), what}
	if n.GetPlace().GetChannelName() != "" {
		parts = append(parts, "-> #"+n.GetPlace().GetChannelName()+" "+n.GetPlace().GetTs())
	}
	switch {
	case len(n.GetEventIds()) > 0:
		parts = append(parts, fmt.Sprintf("%d events", len(n.GetEventIds())))
	case n.GetDigestId() != "" && n.GetEventId() != "":
		parts = append(parts, "in "+n.GetDigestId())
	case n.GetCollapsedInto() != "":
		parts = append(parts, "into "+n.GetCollapsedInto())
	}
	if n.GetReason() != "" {
		parts = append(parts, "("+n.GetReason()+")")
	}
	return strings.Join(parts, "  ")
}

func describeSourceState(s *feedbackv1.SourceState) string {
	parts := []string{"checkpoint", s.GetSource()}
	for _, w := range s.GetWindows() {
		parts = append(parts, fmt.Sprintf("%s up to %s, %d gaps", w.GetScope(), w.GetNewest(), len(w.GetGaps())))
	}
	if b := s.GetBudget(); b != nil {
		parts = append(parts, fmt.Sprintf("%d of %d posts on %s", b.GetUsed(), b.GetLimit(), b.GetDay()))
	}
	return strings.Join(parts, "  ")
}

func describeHealth(h *feedbackv1.Health) string {
	level := strings.ToLower(strings.TrimPrefix(h.GetLevel().String(), "LEVEL_"))
	parts := []string{"health", h.GetComponent() + "/" + h.GetInstance(), level}
	for _, c := range h.GetConditions() {
		if c.GetLevel() != feedbackv1.Health_LEVEL_GOOD {
			parts = append(parts, fmt.Sprintf("%s: %s: %s", c.GetName(), c.GetReason(), c.GetMessage()))
		}
	}
	var gauges []string
	for name, v := range h.GetGauges() {
		gauges = append(gauges, name+"="+strconv.FormatFloat(v, 'g', -1, 64))
	}
	slices.Sort(gauges)
	return strings.Join(append(parts, gauges...), "  ")
}

func (e entry) describeDead() string {
	header := func(name string) string { return feedback.Header(e.record, name) }
	if how := header(headerHandled); how != "" {
		return fmt.Sprintf("%-12s %s  (was %s)", header(feedback.HeaderReason), strings.TrimPrefix(string(e.record.Key), handledKey), how)
	}
	what := fmt.Sprintf("%d bytes", len(e.record.Value))
	if event := e.event(); event != nil {
		what = cut(event.GetText(), textWidth)
	}
	return fmt.Sprintf("%-12s %s[%s]@%s  %s  (%s)", header(feedback.HeaderReason), header(feedback.HeaderTopic),
		header(feedback.HeaderPartition), header(feedback.HeaderOffset), header(feedback.HeaderError), what)
}
