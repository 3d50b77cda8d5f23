package event

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/slack-go/slack"
)

// Names resolves ids to what people call them. A nil function, and an empty
// answer, leave the id.
type Names struct {
	// User is a person's display name, without @.
	User func(id string) string
	// Channel is a channel's name, without #.
	Channel func(id string) string
}

func (n Names) user(id string) string {
	if n.User != nil {
		if s := n.User(id); s != "" {
			return s
		}
	}
	return id
}

func (n Names) channel(id string) string {
	if n.Channel != nil {
		if s := n.Channel(id); s != "" {
			return s
		}
	}
	return id
}

// Text is all that a message says, as plain valid UTF-8: its text, and what of its
// blocks, attachments and files the text lacks, a line each. Previews that Slack
// itself adds for links are no part of it.
func Text(m *slack.Msg, names Names) string {
	if m == nil {
		return ""
	}
	p := parts{names: names}
	p.add(Plain(m.Text, names))
	p.blocks(m.Blocks)
	for _, a := range m.Attachments {
		p.attachment(a)
	}
	for _, f := range m.Files {
		p.file(f)
	}
	return strings.ToValidUTF8(strings.TrimSpace(strings.Join(p.lines, "\n")), "\uFFFD")
}

// parts collects lines and leaves out what an earlier one already says.
type parts struct {
	names Names
	lines []string
	said  string // letters and digits of all lines, lower case
}

func (p *parts) add(s string) {
	s = strings.TrimSpace(s)
	bare := letters(s)
	if s == "" || bare == "" && len(p.lines) > 0 || bare != "" && strings.Contains(p.said, bare) {
		return
	}
	p.lines = append(p.lines, s)
	p.said += bare + "\n"
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func (p *parts) attachment(a slack.Attachment) {
	unfurl := a.FromURL != "" || a.OriginalURL != "" || a.IsMsgUnfurl
	if unfurl && !a.IsShare {
		return
	}
	n := len(p.lines)
	for _, s := range []string{a.Pretext, a.Title, a.Text} {
		p.add(Plain(s, p.names))
	}
	for _, f := range a.Fields {
		p.add(Plain(strings.TrimSpace(f.Title+" "+f.Value), p.names))
	}
	p.blocks(a.Blocks)
	for _, f := range a.Files {
		p.file(f)
	}
	if len(p.lines) == n {
		p.add(Plain(a.Fallback, p.names))
	}
}

func (p *parts) file(f slack.File) {
	title := f.Title
	if title == "" {
		title = f.Name
	}
	p.add(Plain(title, p.names))
	if f.Mode == "snippet" {
		p.add(f.Preview)
	}
}

// blocks walks the JSON of the blocks, so that a block type that the library
// doesn't know yet is still read.
func (p *parts) blocks(b slack.Blocks) {
	if len(b.BlockSet) == 0 {
		return
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return // a message is worth more than a block that cannot be written
	}
	var tree any
	if json.Unmarshal(raw, &tree) == nil {
		p.walk(tree, 0)
	}
}

const maxDepth = 20 // Slack nests 5 deep; a bound against made-up input

func (p *parts) walk(v any, depth int) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			p.walk(e, depth+1)
		}
	case map[string]any:
		p.block(v, depth)
	}
}

func (p *parts) block(b map[string]any, depth int) {
	switch kind, _ := b["type"].(string); kind {
	case "actions", "input", "button", "divider":
		return
	case "mrkdwn", "plain_text", "markdown":
		p.add(Plain(str(b["text"]), p.names))
	case "image":
		p.walk(b["title"], depth+1)
		p.add(str(b["alt_text"]))
	case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
		p.add(p.inline(b["elements"]))
	default:
		for _, key := range []string{"title", "header", "text", "description", "fields", "elements", "rows", "accessory"} {
			p.walk(b[key], depth+1)
		}
	}
}

// inline is the text of the leaves of a rich text section.
func (p *parts) inline(elements any) string {
	var out strings.Builder
	list, _ := elements.([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		switch str(m["type"]) {
		case "text":
			out.WriteString(str(m["text"]))
		case "link":
			out.WriteString(link(str(m["url"]), str(m["text"])))
		case "user":
			out.WriteString("@" + p.names.user(str(m["user_id"])))
		case "channel":
			out.WriteString("#" + p.names.channel(str(m["channel_id"])))
		case "usergroup":
			out.WriteString("@" + str(m["usergroup_id"]))
		case "broadcast":
			out.WriteString("@" + str(m["range"]))
		case "emoji":
			out.WriteString(":" + str(m["name"]) + ":")
		case "date":
			out.WriteString(str(m["fallback"]))
		}
	}
	return out.String()
}

func str(v any) string {
	s, _ := v.(string)
	return s
}
