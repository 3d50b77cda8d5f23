package loop

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	feedbackv1 "github.com/feedback-pipelines/feedback-pipelines/proto/feedback/v1"
)

const clock = "15:04:05"

// line is one event as the view shows it.
type line struct {
	scored *feedbackv1.ScoredEvent
	// routes are those that it should take, or was told on before; outcomes what the notifier wrote of them.
	routes   []string
	outcomes map[string]*feedbackv1.Notification
	// replaced is true where a later revision came before it was told.
	replaced bool
}

// complete is true when all routes have an outcome.
func (l line) complete() bool {
	return !slices.ContainsFunc(l.routes, func(r string) bool { return l.outcomes[r] == nil })
}

// format renders the line for a screen: time, source, language, score, where it went, text.
func (l line) format(s screen, columns columns) string {
	e, sentiment := l.scored.GetEvent(), l.scored.GetSentiment()
	score, colour := "   -", ""
	if sentiment != nil && sentiment.Score != nil {
		score = fmt.Sprintf("%4.2f", sentiment.GetScore())
		switch {
		case sentiment.GetScore() < 0.3:
			colour = red
		case sentiment.GetScore() > 0.7:
			colour = green
		}
	}
	language := sentiment.GetLanguage().GetTag()
	if language == "" {
		language = e.GetLanguage()
	}
	where, whereColour := l.where(columns.channels), grey
	if len(l.routes) > 0 {
		whereColour = cyan
	}
	at := e.GetCreatedAt().AsTime().Local().Format(clock)
	head := at + "  " + pad(printable(e.GetSource()), columns.source) + "  " + pad(printable(language), 3) + "  "
	middle := where + strings.Repeat(" ", max(0, columns.where-len([]rune(where))))
	used := len(at) + columns.source + 3 + len(score) + max(columns.where, len([]rune(where))) + 10
	return head + s.paint(colour, score) + "  " + s.paint(whereColour, middle) + "  " + fit(l.text(), max(20, s.columns-used))
}

// where tells where the event went, by the notifier's word.
func (l line) where(channels map[string]string) string {
	if len(l.routes) == 0 {
		return "not routed"
	}
	var parts []string
	for _, route := range l.routes {
		n := l.outcomes[route]
		channel := "#" + channels[route]
		if name := n.GetPlace().GetChannelName(); name != "" {
			channel = "#" + printable(name)
		}
		switch n.GetState() {
		case feedbackv1.Notification_STATE_POSTED:
			parts = append(parts, "-> "+channel)
		case feedbackv1.Notification_STATE_DIGESTED:
			parts = append(parts, "-> "+channel+" (digest)")
		case feedbackv1.Notification_STATE_COLLAPSED:
			parts = append(parts, "-> "+channel+" (collapsed)")
		case feedbackv1.Notification_STATE_WITHDRAWN:
			parts = append(parts, "-> "+channel+" (withdrawn)")
		case feedbackv1.Notification_STATE_SKIPPED:
			parts = append(parts, "skipped on "+route+": "+fit(printable(n.GetReason()), 40))
		default:
			if l.replaced {
				return "changed before it was told"
			}
			parts = append(parts, "waits for "+channel)
		}
	}
	return strings.Join(parts, ", ")
}

// text is what was said, after what there is to know of it.
func (l line) text() string {
	e := l.scored.GetEvent()
	var marks []string
	switch {
	case e.GetDeleted():
		marks = append(marks, "[deleted]")
	case e.GetRevision() > 0:
		marks = append(marks, "[edited]")
	}
	if e.GetRepostOf() != "" {
		marks = append(marks, "[repost]")
	}
	if e.GetParent() != nil {
		marks = append(marks, "[reply]")
	}
	if l.scored.GetSentiment().GetFallback() != nil {
		marks = append(marks, "[fallback]")
	}
	if s := l.scored.GetSentiment(); s != nil && s.Score == nil && !e.GetDeleted() {
		reason := strings.ToLower(strings.TrimPrefix(s.GetUnscoredReason().String(), "UNSCORED_REASON_"))
		marks = append(marks, "[unscored: "+strings.ReplaceAll(reason, "_", " ")+"]")
	}
	return strings.Join(append(marks, printable(e.GetText())), " ")
}

// columns are the widths that suit a pipeline, and its routes' channels.
type columns struct {
	source, where int
	channels      map[string]string // by route
}

func columnsOf(p *v1alpha1.FeedbackPipeline) columns {
	c := columns{channels: map[string]string{}}
	for _, s := range p.Spec.Sources {
		c.source = min(16, max(c.source, len(s.Name)))
	}
	for _, r := range p.Spec.Routes {
		if r.Slack != nil {
			c.channels[r.Name] = strings.TrimPrefix(string(r.Slack.Channel), "#")
			c.where = min(36, max(c.where, len("-> # (collapsed)")+len(c.channels[r.Name])))
		}
	}
	return c
}

// healthLine tells of a condition that changed.
func healthLine(s screen, at time.Time, component string, c *feedbackv1.Health_Condition) string {
	level, colour := "good again", green
	switch c.GetLevel() {
	case feedbackv1.Health_LEVEL_DEGRADED:
		level, colour = "degraded", yellow
	case feedbackv1.Health_LEVEL_FAILED:
		level, colour = "failed", red
	}
	text := fmt.Sprintf("%s is %s: %s", printable(component), level, printable(c.GetName()))
	if c.GetLevel() != feedbackv1.Health_LEVEL_GOOD {
		text += ": " + printable(c.GetReason()+": "+c.GetMessage())
	}
	return at.Local().Format(clock) + "  " + s.paint(colour, fit(text, s.columns-10))
}
