package event

import (
	"regexp"
	"strings"
)

var (
	token    = regexp.MustCompile(`<([^<>]*)>`)
	entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")
)

// Plain resolves Slack's markup: <@U1> and <#C1> by name, <!here>, links as their
// address (with their label, where it says something else), and the three escapes
// that Slack uses. What only changes the look (*bold*, `code`) stays.
// Source: https://docs.slack.dev/messaging/formatting-message-text
func Plain(s string, names Names) string {
	var out strings.Builder
	for {
		at := token.FindStringSubmatchIndex(s)
		if at == nil {
			break
		}
		out.WriteString(entities.Replace(s[:at[0]]))
		out.WriteString(resolve(s[at[2]:at[3]], names))
		s = s[at[1]:]
	}
	out.WriteString(entities.Replace(s))
	return out.String()
}

func resolve(body string, names Names) string {
	target, label, _ := strings.Cut(body, "|")
	label = entities.Replace(label)
	switch {
	case strings.HasPrefix(target, "@"):
		if label == "" {
			label = names.user(target[1:])
		}
		return "@" + strings.TrimPrefix(label, "@")
	case strings.HasPrefix(target, "#"):
		if label == "" {
			label = names.channel(target[1:])
		}
		return "#" + strings.TrimPrefix(label, "#")
	case strings.HasPrefix(target, "!"):
		return special(target[1:], label)
	default:
		return link(entities.Replace(target), label)
	}
}

// special resolves <!here>, <!subteam^S1|@group> and <!date^...|fallback>.
func special(target, label string) string {
	name, rest, _ := strings.Cut(target, "^")
	switch {
	case name == "date":
		return label
	case label != "":
		return "@" + strings.TrimPrefix(label, "@")
	case rest != "":
		return "@" + rest
	default:
		return "@" + name
	}
}

func link(address, label string) string {
	bare := address
	for _, scheme := range []string{"https://", "http://", "mailto:", "tel:"} {
		bare = strings.TrimPrefix(bare, scheme)
	}
	switch {
	case label == "" || label == address || strings.TrimSuffix(bare, "/") == strings.TrimSuffix(label, "/"):
		if scheme, _, ok := strings.Cut(address, ":"); ok && (scheme == "mailto" || scheme == "tel") {
			return bare
		}
		return address
	default:
		return label + " (" + address + ")"
	}
}
