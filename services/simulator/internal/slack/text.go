package slack

import (
	"encoding/json"
	"regexp"
	"strings"
)

var (
	escaper   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	links     = regexp.MustCompile(`https?://[^\s<>"']*[^\s<>"'.,;:!?)\]]`)
	reference = regexp.MustCompile(`(?:^|[^\pL\pN_])([@#])([a-z0-9._-]+)`)
)

// element is a piece of what a person typed.
type element struct {
	Type      string `json:"type"`
	Text      string `json:"text,omitempty"`
	URL       string `json:"url,omitempty"`
	UserID    string `json:"user_id,omitempty"`
	ChannelID string `json:"channel_id,omitempty"`
	Range     string `json:"range,omitempty"`
}

func (e element) wire(w *Workspace) string {
	switch e.Type {
	case "link":
		return "<" + escaper.Replace(e.URL) + ">"
	case "user":
		return "<@" + e.UserID + ">"
	case "channel":
		return "<#" + e.ChannelID + "|" + w.byID(e.ChannelID).Name + ">"
	case "broadcast":
		return "<!" + e.Range + ">"
	}
	return escaper.Replace(e.Text)
}

// typed turns what a person types into what Slack stores: &, < and > escaped, links in
// angle brackets, names of users and channels that exist as their ids, @channel, @here and
// @everyone as broadcasts; and the rich_text block that Slack adds. w.mu is held.
func (w *Workspace) typed(text string) (string, json.RawMessage) {
	if text == "" {
		return "", nil
	}
	elements := w.elements(text)
	var wire strings.Builder
	for _, e := range elements {
		wire.WriteString(e.wire(w))
	}
	type section struct {
		Type     string    `json:"type"`
		Elements []element `json:"elements"`
	}
	blocks, err := json.Marshal([]any{map[string]any{
		"type": "rich_text", "block_id": makeID("", text)[:5],
		"elements": []section{{Type: "rich_text_section", Elements: elements}},
	}})
	if err != nil {
		return wire.String(), nil
	}
	return wire.String(), blocks
}

func (w *Workspace) elements(text string) []element {
	var out []element
	for text != "" {
		loc := links.FindStringIndex(text)
		if loc == nil {
			return append(out, w.names(text)...)
		}
		out = append(append(out, w.names(text[:loc[0]])...), element{Type: "link", URL: text[loc[0]:loc[1]]})
		text = text[loc[1]:]
	}
	return out
}

// names splits text without links at the names that it mentions.
func (w *Workspace) names(text string) []element {
	var out []element
	plain := func(s string) {
		if s != "" {
			out = append(out, element{Type: "text", Text: s})
		}
	}
	for text != "" {
		start, end, e := w.firstName(text)
		if e == nil {
			break
		}
		plain(text[:start])
		out = append(out, *e)
		text = text[end:]
	}
	plain(text)
	return out
}

// firstName finds the first name in text that stands for somebody or something.
func (w *Workspace) firstName(text string) (start, end int, e *element) {
	for _, m := range reference.FindAllStringSubmatchIndex(text, -1) {
		name := strings.TrimRight(text[m[4]:m[5]], ".-_")
		if e := w.reference(text[m[2]:m[3]], name); e != nil {
			return m[2], m[4] + len(name), e
		}
	}
	return 0, 0, nil
}

// reference tells what @name or #name stands for; nil if for nothing.
func (w *Workspace) reference(sign, name string) *element {
	if sign == "#" {
		if c := w.byName(name); c != nil && !c.Private {
			return &element{Type: "channel", ChannelID: c.ID}
		}
		return nil
	}
	switch name {
	case "channel", "here", "everyone":
		return &element{Type: "broadcast", Range: name}
	}
	for _, u := range w.users {
		if u.Name == name {
			return &element{Type: "user", UserID: u.ID}
		}
	}
	return nil
}
