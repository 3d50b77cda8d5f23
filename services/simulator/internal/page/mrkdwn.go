package page

import (
	"html"
	"html/template"
	"net/url"
	"regexp"
	"strings"
)

// emoji are the few names that people and cards use here.
var emoji = strings.NewReplacer(":warning:", "⚠️", ":rotating_light:", "🚨", ":tada:", "🎉", ":fire:", "🔥", ":thumbsup:", "👍", ":+1:", "👍", ":thumbsdown:", "👎",
	":-1:", "👎", ":red_circle:", "🔴", ":large_green_circle:", "🟢", ":large_yellow_circle:", "🟡", ":white_circle:", "⚪", ":speech_balloon:", "💬", ":bird:", "🐦",
	":wastebasket:", "🗑️", ":pencil2:", "✏️", ":repeat:", "🔁", ":link:", "🔗", ":heart:", "❤️", ":slightly_smiling_face:", "🙂", ":angry:", "😠", ":rage:", "😡",
	":chart_with_upwards_trend:", "📈", ":newspaper:", "📰", ":hash:", "#️⃣", ":slack:", "💬", ":x:", "❌", ":white_check_mark:", "✅")

var (
	angle  = regexp.MustCompile(`<([^<>\n]+)>`)
	fences = regexp.MustCompile("(?s)```(.+?)```")
	code   = regexp.MustCompile("`([^`\n]+)`")
	// A mark begins behind a space or a bracket and ends before one.
	bold   = mark(`\*`)
	italic = mark(`_`)
	strike = mark(`~`)
)

func mark(sign string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[\s(>"'])` + sign + `([^\s` + sign + `](?:[^` + sign + `\n]*[^\s` + sign + `])?)` + sign + `($|[\s).,;:!?<"'])`)
}

// mrkdwn renders Slack's markup as HTML. Whatever it contains, nothing but the tags made
// here gets through; links only with http and https.
func (p *renderer) mrkdwn(s string) template.HTML {
	var keep []string
	hold := func(h string) string { // what is done already is set aside behind private-use runes
		keep = append(keep, h)
		return "\ue000" + strings.Repeat("\ue001", len(keep)) + "\ue002"
	}
	s = strings.Map(func(r rune) rune {
		if r >= '\ue000' && r <= '\ue002' {
			return -1
		}
		return r
	}, s)
	s = fences.ReplaceAllStringFunc(s, func(m string) string {
		return hold("<pre>" + escaped(strings.Trim(strings.Trim(m, "`"), "\n")) + "</pre>")
	})
	s = code.ReplaceAllStringFunc(s, func(m string) string { return hold("<code>" + escaped(strings.Trim(m, "`")) + "</code>") })
	s = angle.ReplaceAllStringFunc(s, func(m string) string { return hold(p.reference(m[1 : len(m)-1])) })
	s = emoji.Replace(escaped(s))
	for re, tag := range map[*regexp.Regexp]string{bold: "b", italic: "i", strike: "s"} {
		s = re.ReplaceAllString(s, "$1<"+tag+">$2</"+tag+">$3")
	}
	s = quotes(s)
	for i := len(keep) - 1; i >= 0; i-- {
		s = strings.ReplaceAll(s, "\ue000"+strings.Repeat("\ue001", i+1)+"\ue002", keep[i])
	}
	return template.HTML(s) //nolint:gosec // every part was escaped above
}

// escaped takes text as Slack stores it, or as somebody forgot to escape it, to HTML.
func escaped(s string) string { return html.EscapeString(html.UnescapeString(s)) }

// quotes turns lines that begin with > into quotes, and line ends into breaks.
func quotes(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "&gt;"); ok {
			lines[i] = "<span class=quote>" + strings.TrimPrefix(rest, " ") + "</span>"
		}
	}
	return strings.Join(lines, "<br>")
}

// reference renders what stands between < and >.
func (p *renderer) reference(s string) string {
	target, label, labelled := strings.Cut(s, "|")
	name := func(id string) string {
		if labelled && label != "" {
			return label
		}
		if n := p.names[id]; n != "" {
			return n
		}
		return id
	}
	switch {
	case strings.HasPrefix(target, "@"):
		return `<span class=mention>@` + escaped(name(target[1:])) + `</span>`
	case strings.HasPrefix(target, "#"):
		return `<span class=mention>#` + escaped(name(target[1:])) + `</span>`
	case strings.HasPrefix(target, "!date"):
		return escaped(label)
	case strings.HasPrefix(target, "!"):
		return `<span class="mention loud">@` + escaped(name(target[1:])) + `</span>`
	}
	u, err := url.Parse(html.UnescapeString(target))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return escaped("<" + s + ">")
	}
	if !labelled || label == "" {
		label = target
	}
	return `<a href="` + html.EscapeString(u.String()) + `" rel="noreferrer noopener">` + escaped(label) + `</a>`
}
